"""Keys: where they are read from, what makes them unusable, and that their values stay out of every text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fallback_chat.core.config import keys
from fallback_chat.core.config.keys import flaw, key_state, key_variables, read_key, without_keys
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.settings import KeySource, ProviderSettings
from fallback_chat.core.errors import ConfigError

VALUE = "sk-test-0123456789"


def provider(key: KeySource | None) -> ProviderSettings:
    return ProviderSettings(name="p", kind="openai", model="m", key=key)


def command(code: str) -> KeySource:
    return KeySource(cmd=(sys.executable, "-c", code))


def complaint(key: KeySource, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read_key(provider(key), env or {})
    return str(caught.value)


def test_a_key_is_read_from_each_source_without_the_space_around_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"  {VALUE}\r\n")
    sources = [
        KeySource(env="K"),
        KeySource(env="MISSING", alternatives=("BLANK", "K")),
        command(f"print('{VALUE}')"),
        command(f"print('\\n{VALUE} \\r\\nurl: https://example.org\\nuser: me')"),
        KeySource(file=file),
        KeySource(inline=f"{VALUE} "),
    ]

    assert [read_key(provider(source), {"K": f"{VALUE}\n", "BLANK": " "}) for source in sources] == [VALUE] * 6


def test_a_provider_without_a_source_needs_no_key() -> None:
    assert read_key(provider(None), {}) is None


def test_the_command_runs_without_a_shell_and_does_not_see_other_keys() -> None:
    code = (
        "import os, sys; print('-'.join(sorted({'K', 'GROQ_API_KEY', 'SESSION'} & os.environ.keys()) + sys.argv[1:]))"
    )
    source = KeySource(cmd=(*(command(code).cmd or ()), "$K;true"))
    env = {"K": "1", "GROQ_API_KEY": "2", "SESSION": "3"}

    assert read_key(provider(source), env, key_variables=["K"]) == "SESSION-$K;true"


def test_a_key_that_is_not_there_is_named_with_a_next_step(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    assert [
        complaint(KeySource(env="A", alternatives=("B",))),
        complaint(KeySource(file=missing)),
        complaint(KeySource(cmd=("/no/such/program",))),
        complaint(command("import sys; print('sk-secret'); sys.exit('sk-secret')")).replace(sys.executable, "python"),
    ] == [
        "providers.p.api_key_env: A or B is not set: export it, or name another source of the key",
        f"providers.p.api_key_file: {missing} cannot be read: No such file or directory",
        "providers.p.api_key_cmd: /no/such/program cannot be run: No such file or directory",
        "providers.p.api_key_cmd: python ended with status 1; run it by hand to see why",
    ]


def test_a_command_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COMMAND_TIMEOUT", 0.2)

    assert complaint(command("import time; time.sleep(60)")).endswith(" took longer than 0.2 s")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sk-1\nsk-2", "the key holds a line break: it must be one line"),
        ('"sk-12345"', "the key holds a quotation mark: leave the quotes out"),
        ("sk-12345é", "the key holds a character outside ASCII: copy it again"),
        ("Bearer sk-12345", "the key holds a space or a control character: copy it again"),
        ("sk-\x1b[31m", "the key holds a space or a control character: copy it again"),
        ("s" * 9_000, "the key is far too long"),
        ("GROQ_API_KEY=gsk_12", "the key begins with the name of a variable: leave that and the `=` out"),
    ],
)
def test_a_key_that_no_header_can_carry_is_one_error_that_does_not_repeat_it(value: str, message: str) -> None:
    assert complaint(KeySource(env="K"), {"K": value}) == f"providers.p.api_key_env: {message}"


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfsk-1\r\n")
    printed = command("import sys; sys.stdout.buffer.write(b'\\xef\\xbb\\xbfsk-1\\r\\nnotes')")

    assert [read_key(provider(source), {}) for source in (KeySource(file=tmp_path / "key"), printed)] == [
        "sk-1",
        "sk-1",
    ]


def test_an_empty_key_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "key").touch()

    assert complaint(KeySource(file=tmp_path / "key")) == "providers.p.api_key_file: the key is empty"


@given(st.text("".join(map(chr, range(0x21, 0x7F))).translate({ord(quote): None for quote in "\"'`"}), min_size=1))
def test_every_other_printable_key_is_fine(key: str) -> None:
    assume(
        not key.startswith(("$", "%", "<", "{{", "os.")) and ":" not in key and "=" not in key
    )  # they may only stand for one

    assert flaw(key) is None


def test_the_state_of_a_key_is_told_without_reading_what_runs() -> None:
    states = [
        key_state(None, {}),
        key_state(KeySource(env="K"), {"K": VALUE}),
        key_state(KeySource(env="K"), {}),
        key_state(KeySource(env="K"), {"K": "a b"}),
        key_state(command("raise SystemExit"), {}),
    ]

    assert states == ["not needed", "set", "not found", "unusable", "not run"]


def test_a_source_is_described_without_the_value() -> None:
    sources = [
        KeySource(env="A", alternatives=("B",)),
        KeySource(cmd=("pass", VALUE)),
        KeySource(file=Path("/keys/groq")),
        KeySource(inline=VALUE),
    ]

    assert [source.describe() for source in sources] == [
        "env A or B",
        "command pass",
        "file /keys/groq",
        "fallback.toml",
    ]
    assert VALUE not in repr(sources[3])


def test_child_processes_get_no_variable_that_holds_a_key() -> None:
    rows = ('preset = "groq"\nmodel = "m"\napi_key_env = "MY_SECRET"', 'kind = "guide"')
    settings = load("".join(f"[[providers]]\n{row}\n" for row in rows))
    env = {"MY_SECRET": "1", "HF_TOKEN": "2", "OTHER_API_KEY": "3", "PATH": "4"}

    assert without_keys(env, key_variables(settings)) == {"PATH": "4"}
