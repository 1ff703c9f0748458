"""Mistakes in fallback.toml: all at once, each with its line and a next step, and never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.config import schema
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.services import KNOWN_KINDS
from fallback_chat.core.errors import ConfigError

FILE = Path("/etc/fallback.toml")
GUIDE = '[[providers]]\nkind = "guide"\n'
KINDS = "one of " + ", ".join(f'"{kind}"' for kind in KNOWN_KINDS)
HEADERS = 'a table of strings, such as { X-Title = "chat" }'
BAD_CHARACTER = "the value of X-A holds a line break, a control character or one outside Latin-1"
STANDS_FOR_ONE = "the key only stands for one, and nothing is filled in: use api_key_env, api_key_file or api_key_cmd"
OWN_PATH = "kind 'openai' adds its own path"


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, FILE)
    return [str(problem).removeprefix(str(FILE)) for problem in caught.value.problems]


def mistakes(text: str) -> list[str]:
    """Give the problems of a text that may also be fine."""
    try:
        load(text)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_path_below_a_home_that_is_not_known_is_a_mistake() -> None:
    assert problems('[[providers]]\npreset = "groq"\nmodel = "m"\napi_key_file = "~/k"') == [
        ":4: providers.groq.api_key_file: begins with ~, but HOME is not set: write the whole path"
    ]


def test_all_mistakes_are_told_at_once_each_with_its_line_and_a_next_step() -> None:
    text = """\
attempt_timeout = 3
[chain]
idle_timout = 3
deadline = nan
max_retry_per_llm = true
[[providers]]
name = "a"
kind = "openai"
model = 7
base_url = "https://api.openai.com/v1/chat/completions"
api_key_env = "X"
api_key_file = "y"
[[providers]]
name = "a"
kind = "groq"
model = "m"
[[providers]]
kind = "gemni"
timeout = 4
headers = { X-A = "a\\r\\nb" }
prices = { inptu = -1, output = -1 }
model = "m"
[profiles.fast]
providers = ["b", "a", "a"]
[profiles.slow]
"""
    assert problems(text) == [
        ":1: attempt_timeout: unknown key: it belongs under [chain]",
        ":3: chain.idle_timout: unknown key; did you mean 'idle_timeout'?",
        ':4: chain.deadline: must be a number of seconds above 0, at most 86400, or "none", not nan',
        ":5: chain.max_retry_per_llm: must be a whole number from 0 to 20, not true",
        ":9: providers.a.model: must be a string on one line, without spaces at its ends, not 7",
        f":10: providers.a.base_url: must end before /chat/completions, {OWN_PATH}: write 'https://api.openai.com/v1'",
        ":12: providers.a.api_key_file: the key already comes from api_key_env: keep one of the two",
        ":13: providers.a.name: another provider has this name (line 6): give each its own `name`",
        ":15: providers.a.kind: 'groq' is a service, not a kind: write preset = 'groq' instead",
        f":18: providers.gemni.kind: must be {KINDS}, not 'gemni'; did you mean 'gemini'?",
        ":19: providers.gemni.timeout: unknown key; did you mean 'attempt_timeout'?",
        f":20: providers.gemni.headers: must be {HEADERS}; {BAD_CHARACTER}",
        ":21: providers.gemni.prices.inptu: unknown key; did you mean 'input'?",
        ":21: providers.gemni.prices.output: must be a price from 0 to 1e+06, not -1",
        ":24: profiles.fast.providers: no provider is called 'b'; there are 'a', 'gemni'",
        ":24: profiles.fast.providers: names a provider twice",
        ':25: profiles.slow: has no `providers`: name some, such as providers = ["a", "b"]',
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            'model = "m"',
            ':1: providers[1].kind: is missing: write kind = "openai", or a service such as preset = "groq"',
        ),
        ('kind = "openai"', ":1: providers.openai.model: is missing: for example 'gpt-6.2-sol'"),
        (
            'preset = "azure"\nmodel = "m"',
            ":1: providers.azure.base_url: is missing: every customer of azure has a different one",
        ),
        (
            'preset = "groq"\nkind = "anthropic"\nmodel = "m"',
            ":1: providers.groq.base_url: is missing: there is no known address for kind 'anthropic' at this service",
        ),
        (
            'kind = "guide"\nenabled = false',
            ": providers: every provider is disabled; `fallback-chat config init` writes an example",
        ),
        (
            'preset = "groq"\nmodel = "m"\napi_key = "sk-\\"x\\""',
            ":4: providers.groq.api_key: the key holds a quotation mark: leave the quotes out",
        ),
    ],
)
def test_what_is_missing_is_named_with_an_example(body: str, message: str) -> None:
    assert problems(f"[[providers]]\n{body}") == [message]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("api.openai.com/v1", "it must begin with https:// (or http:// in your own network)"),
        ("ftp://example.org/v1", "it must begin with https:// (or http:// in your own network)"),
        ("https://", "its host or port is malformed"),
        ("https://host:99999/v1", "its host or port is malformed"),
        ("https://host:0/v1", "its host or port is malformed"),
        ("https://[::1/v1", "its host or port is malformed"),
        ("https://h..example/v1", "its host or port is malformed"),
        ("https://*.example/v1", "its host or port is malformed"),
        (f"https://{'h' * 64}.example/v1", "its host or port is malformed"),
        ("https://${HOST}/v1", "it holds a placeholder, and none is filled in: write the whole address"),
        ("https://{resource}.example/v1", "it holds a placeholder, and none is filled in: write the whole address"),
        ("https://host/$TEAM/v1", "it holds a placeholder, and none is filled in: write the whole address"),
        ("https://ho st/v1", "it holds spaces or control characters, or is far too long"),
        ("https://host/v1\\u0007", "it holds spaces or control characters, or is far too long"),
        ("https://host/v1?key=hunter2", "it must end with its path, without `?` or `#`"),
        (
            "https://me:hunter2@host/v1",
            "it holds a user name or password; keys go into api_key_env, api_key_cmd or api_key_file",
        ),
    ],
)
def test_a_base_url_that_cannot_work_is_explained_and_never_repeated(address: str, complaint: str) -> None:
    assert problems(f'[[providers]]\nkind = "openai"\nmodel = "m"\nbase_url = "{address}"') == [
        f':4: providers.openai.base_url: must be an address such as "https://HOST/v1"; {complaint}'
    ]


@pytest.mark.parametrize(
    ("kind", "address", "right"),
    [
        ("openai-responses", "https://h/v1/responses", "https://h/v1"),
        ("openai", "https://h/v1/models", "https://h/v1"),
        ("openai", "https://h/v1/Chat/Completions/", "https://h/v1"),
        ("openai", "https://h/v1/models/gpt-x", "https://h/v1"),
        ("openai", "https://h/v1/messages", "https://h/v1"),
        ("openai", "https://h/v1/embeddings", "https://h/v1"),
        ("anthropic", "https://h/v1/chat/completions", "https://h"),
        ("anthropic", "https://h/a/v1/models/claude-x", "https://h/a"),
        ("gemini", "https://h/v1beta/models/gemini-x:streamGenerateContent", "https://h"),
        ("gemini", "https://h/v1beta/openai/", "https://h"),
        ("ollama", "http://h:11434/api/generate", "http://h:11434"),
        ("ollama", "http://h:11434/v1/chat/completions", "http://h:11434"),
        ("anthropic", "https://h/v1/messages", "https://h"),
        ("anthropic", "https://h/v1", "https://h"),
        ("gemini", "https://h/v1beta", "https://h"),
        ("ollama", "http://h:11434/api/chat", "http://h:11434"),
        ("ollama", "http://h:11434/v1/", "http://h:11434"),
    ],
)
def test_a_base_url_that_goes_too_far_is_shown_corrected(kind: str, address: str, right: str) -> None:
    (message,) = problems(f'[[providers]]\nkind = "{kind}"\nmodel = "m"\nbase_url = "{address}"')

    assert message.endswith(f"write {right!r}")


@pytest.mark.parametrize(
    ("proxy", "complaint"),
    [
        ("socks4://host:1080", ""),
        ("http://me:hunter2@host:99999", "; its host or port is malformed"),
        ("host:3128", ""),
        ("http://", ""),
        ("http://ho st", ""),
    ],
)
def test_a_proxy_that_cannot_work_is_never_repeated(proxy: str, complaint: str) -> None:
    assert problems(f'{GUIDE}proxy = "{proxy}"') == [
        f':3: providers.guide.proxy: must be an address such as "http://HOST:PORT", or "none"{complaint}'
    ]


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ("{ Host = 'x' }", "Host is set by the program itself"),
        ("{ X = 1 }", "the value of X must be a string"),
        ("{ X = ' secret' }", "the value of X begins or ends with a space"),
        ("{ X = 'ł' }", BAD_CHARACTER.replace("X-A", "X")),
        ("{ 'a b' = 'x' }", "'a b' is not a valid header name"),
    ],
)
def test_a_header_that_cannot_be_sent_is_named_without_its_value(headers: str, complaint: str) -> None:
    assert problems(f"{GUIDE}headers = {headers}") == [f":3: providers.guide.headers: must be {HEADERS}; {complaint}"]


def test_every_flaw_of_the_headers_is_told_at_once() -> None:
    (message,) = problems(f"{GUIDE}headers = {{ Host = 'x', 'a b' = 'x', X = 1 }}")

    assert message.endswith(
        "; Host is set by the program itself; 'a b' is not a valid header name; the value of X must be a string"
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://[::1]:8080/v1",
        "https://h:8443/a/b/v1//",
        "https://例え.example/v1",
        "http://10.0.0.1/models/x",
        "https://h_x-y./v1",
    ],
)
def test_every_form_of_address_that_can_work_is_taken(address: str) -> None:
    settings = load(f'[[providers]]\nkind = "openai"\nmodel = "m"\nbase_url = "{address}"')

    assert settings.providers[0].base_url == address.rstrip("/")


@pytest.mark.parametrize(
    ("key", "value", "advice"),
    [
        ("idle_timeout", "500ms", "write 0.5"),
        ("idle_timeout", " 2 m ", "write 120"),
        ("deadline", "90s", "write 90"),
        ("hedge_after", "3", "write 3"),
        ("idle_timeout", "1h30m", ""),
        ("on_stream_failure", "Continue ", "did you mean 'continue'?"),
        ("recovery", "token", "did you mean 'tokens'?"),
        ("prefer", "STICKY", "did you mean 'sticky'?"),
    ],
)
def test_a_value_that_only_looks_different_is_shown_as_it_has_to_be(key: str, value: str, advice: str) -> None:
    (message,) = problems(f'{GUIDE}[chain]\n{key} = "{value}"')

    assert message.endswith(f", not {value!r}" + (f"; {advice}" if advice else ""))


@pytest.mark.parametrize(
    "key",
    [
        "$KEY",
        "${KEY}",
        "$(pass show key)",
        "%KEY%",
        "{{KEY}}",
        "env:KEY",
        "os.environ/KEY",
        "op://vault/key",
        "<KEY>",
    ],
)
def test_what_only_stands_for_a_key_is_none(key: str) -> None:
    assert problems(f'[[providers]]\npreset = "groq"\nmodel = "m"\napi_key = "{key}"') == [
        f":4: providers.groq.api_key: {STANDS_FOR_ONE}"
    ]


@pytest.mark.parametrize("path", ["$HOME/key", "${HOME}/key", "~me/key", "~"])
def test_nothing_but_the_own_home_is_filled_in_in_a_path(path: str) -> None:
    assert problems(f'[[providers]]\npreset = "groq"\nmodel = "m"\napi_key_file = "{path}"') == [
        ":4: providers.groq.api_key_file: only ~/ at its beginning is filled in: write the whole path"
    ]


def test_a_profile_needs_members() -> None:
    assert problems(f"{GUIDE}[profiles.empty]\nproviders = []\n") == [
        ":4: profiles.empty.providers: is empty: name at least one provider"
    ]


def test_an_unknown_preset_is_the_only_mistake_told() -> None:
    (message,) = problems('[[providers]]\npreset = "grog"\nmodel = "m"\n')

    assert message.endswith("not 'grog'; did you mean 'groq'?")


@pytest.mark.parametrize("name", ["sk-proj-123", "gsk_1234567890abcdefgh", "a b", "", "1X", 'x"y'])
def test_a_key_in_the_place_of_its_variables_name_is_not_repeated(name: str) -> None:
    text = tomli_w.dumps({"providers": [{"preset": "groq", "model": "m", "api_key_env": name}]})

    (message,) = problems(text)

    assert "must be the name of an environment variable" in message
    assert not name or name not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = = 1\n", ":1: this is not TOML: Invalid value (at line 1, column 5)"),
        ("[chain]\na = 1\na = 2\n", ":3: this is not TOML: Cannot overwrite a value (at line 3, column 6)"),
        ('x = "abc', ":1: this is not TOML: Unterminated string (at end of document)"),
        (b"\xff\xfea\x00", ":1: the file is not UTF-8: save it as UTF-8"),
        (b"[chain]\n# caf\xe9", ":2: the file is not UTF-8: save it as UTF-8"),
        ("a = " + "[" * 100_000, ":1: a value nests too deep"),
        ("a = " + "{a=" * 50_000, ":1: a value nests too deep"),
        (".".join("a" * 40_000) + " = 1", ":1: a key has more than 32 parts"),
        ("[" + ".".join("a" * 40_000) + "]", ":1: a key has more than 32 parts"),
        ("a = " + "9" * 5_000, ":1: a number has too many digits"),
        ("[chain]\n\n".encode("utf-16-le"), ":1: the file holds NUL characters: save it as UTF-8"),
        (f"[chain]\n{GUIDE}\0", ":4: the file holds NUL characters: save it as UTF-8"),
        ("[providers.a]\nkind = 'guide'\n", ":1: providers: must be a list of tables: begin each with [[providers]]"),
        ("#" * 300_000, ": the file is larger than 256 KiB: this is hardly a fallback.toml"),
        (
            "",
            ": providers: there is no usable [[providers]] entry; `fallback-chat config init` writes an example",
        ),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_file_that_is_no_configuration_says_why(text: str | bytes, message: str) -> None:
    assert problems(text)[0] == message


def test_a_byte_order_mark_and_dos_line_ends_are_no_mistakes() -> None:
    assert load(b"\xef\xbb\xbf[chain]\r\nidle_timeout = 3\r\n" + GUIDE.encode()).attempt.idle_timeout == 3.0


ODD_VALUES: Final = (
    *("0x" + "f" * 5_000, "1979-05-27", "[]", "{}", "inf", "-1", '"' + "x" * 500 + '"', '"\\u001b[31m"', "''"),
)


@pytest.mark.parametrize("field", [*schema.CHAIN, *schema.PROVIDER], ids=lambda field: field.name)
def test_no_value_of_any_key_does_more_than_give_short_printable_problems(field: schema.Field) -> None:
    for value in ODD_VALUES:
        provider = {"name": "'n'", "kind": "'openai'", "model": "'m'", field.name: value}

        told = mistakes("[[providers]]\n" + "".join(f"{key} = {written}\n" for key, written in provider.items()))

        assert [text for text in told if not text.isprintable() or len(text) > 500] == [], value


def test_a_hostile_number_of_mistakes_is_cut_to_what_a_person_reads() -> None:
    assert len(problems("\n".join(f"key{number} = 1" for number in range(5_000)))) == 50


def test_more_providers_than_make_sense_are_one_mistake() -> None:
    assert problems(GUIDE * 5_000)[0] == ":1: providers: has 5000 entries; at most 100 make sense"


@pytest.mark.parametrize("nested", ["[1,[1979-05-27]]", "nan", "0x" + "f" * 40, "{a = {b = inf}}"])
def test_extra_body_must_be_json(nested: str) -> None:
    (message,) = problems(f"{GUIDE}extra_body = {{ x = {nested} }}")

    assert message.startswith(":3: providers.guide.extra_body: must be a table of values that JSON can carry; ")


def test_extra_body_may_not_nest_without_end() -> None:
    tables = "".join(f"[providers.extra_body{'.a' * depth}]\n" for depth in range(25, 0, -12))
    assert mistakes(f"{GUIDE}{tables}") == []

    assert problems(f"{GUIDE}extra_body = {{ a = {'[' * 40}{']' * 40} }}") == [
        ":3: providers.guide.extra_body: must be a table of values that JSON can carry; it nests deeper than 32 levels"
    ]


SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.datetimes(), st.times()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*schema.PROVIDER_KEYS, *schema.CHAIN_KEYS]) | st.text(max_size=8)
TABLES = st.dictionaries(NAMES, VALUES, max_size=6)


@given(chain=TABLES | VALUES, providers=st.lists(TABLES, max_size=3) | VALUES, profiles=VALUES, other=TABLES)
def test_no_toml_whatever_raises_anything_but_a_config_error(
    chain: Any, providers: Any, profiles: Any, other: dict[str, Any]
) -> None:
    document = {**other, "chain": chain, "providers": providers, "profiles": profiles}

    told = mistakes(tomli_w.dumps(document))

    assert [text for text in told if not text.isprintable()] == []


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_whatever_raises_anything_but_a_config_error(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        load(text)
