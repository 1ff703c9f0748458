"""fallback.toml → settings: what the keys mean, and what every mistake looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core import schema
from fallback_chat.core.config import load
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.settings import (
    ChainSettings,
    KeySource,
    OnRefusal,
    OnStreamFailure,
    Origin,
    Prefer,
    Prices,
    ProviderSettings,
    Settings,
)

FILE = Path("/etc/fallback.toml")
GUIDE = '[[providers]]\nkind = "guide"\n'


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, FILE)
    return [str(problem).removeprefix(str(FILE)) for problem in caught.value.problems]


def one(body: str) -> ProviderSettings:
    """Load a file with one provider."""
    (provider,) = load(f"[[providers]]\n{body}", FILE, home=Path("/home/me")).providers
    return provider


def test_every_key_ends_up_in_the_settings() -> None:
    text = """
[chain]
attempt_timeout = 4
max_retry_per_llm = 2
retry_interval = 0
connect_timeout = 1.5
thinking_timeout = 30
idle_timeout = 20
deadline = "none"
on_stream_failure = "restart"
on_refusal = "next"
prefer = "sticky"
hedge_after = "p95"

[[providers]]
name = "a"
kind = "openai"
preset = "mistral"
model = "m"
base_url = "https://example.org/v1/"
api_key_cmd = ["pass", "show", "x"]
enabled = true
max_tokens = 100
temperature = 0
context_window = 8000
system = "Be brief."
tags = ["eu"]
headers = { X-Title = "chat" }
proxy = "none"
ca_file = "ca.pem"
extra_body = { top_k = 4 }
prices = { input = 1, output = 2.5 }
idle_timeout = 7

[profiles.fast]
providers = ["a"]
"""
    chain = ChainSettings(
        attempt_timeout=4.0,
        max_retry_per_llm=2,
        retry_interval=0.0,
        connect_timeout=1.5,
        thinking_timeout=30.0,
        idle_timeout=20.0,
        deadline=None,
        on_stream_failure=OnStreamFailure.RESTART,
        on_refusal=OnRefusal.NEXT,
        prefer=Prefer.STICKY,
        hedge_after="p95",
    )
    provider = ProviderSettings(
        name="a",
        kind="openai",
        preset="mistral",
        model="m",
        base_url="https://example.org/v1",
        key=KeySource(cmd=("pass", "show", "x")),
        max_tokens=100,
        temperature=0.0,
        context_window=8000,
        system="Be brief.",
        tags=("eu",),
        headers=(("X-Title", "chat"),),
        proxy="none",
        ca_file=Path("/etc/ca.pem"),
        extra_body={"top_k": 4},
        prices=Prices(input=1.0, output=2.5),
        chain=ChainSettings(
            attempt_timeout=4.0,
            max_retry_per_llm=2,
            retry_interval=0.0,
            connect_timeout=1.5,
            thinking_timeout=30.0,
            idle_timeout=7.0,
            deadline=None,
            on_stream_failure=OnStreamFailure.RESTART,
            on_refusal=OnRefusal.NEXT,
            prefer=Prefer.STICKY,
            hedge_after="p95",
        ),
    )

    settings = load(text, FILE)

    origins = {f"chain.{field.name}": Origin.USER for field in schema.CHAIN}
    named = [field.name for field in schema.PROVIDER if field.name not in schema.KEY_SOURCES]
    origins |= {f"providers.a.{name}": Origin.USER for name in (*named, "api_key_cmd", "idle_timeout")}
    assert settings == Settings(
        chain=chain, providers=(provider,), profiles={"fast": ("a",)}, path=FILE, warnings=(), origins=origins
    )


def test_a_kind_and_a_model_are_enough_for_a_known_vendor() -> None:
    assert one('kind = "anthropic"\nmodel = "m"') == ProviderSettings(
        name="anthropic",
        kind="anthropic",
        model="m",
        base_url="https://api.anthropic.com",
        key=KeySource(env="ANTHROPIC_API_KEY"),
    )


def test_a_preset_and_a_model_are_enough_for_a_known_service() -> None:
    assert one('preset = "gemini"\nmodel = "m"') == ProviderSettings(
        name="gemini",
        kind="gemini",
        preset="gemini",
        model="m",
        base_url="https://generativelanguage.googleapis.com",
        key=KeySource(env="GOOGLE_API_KEY", alternatives=("GEMINI_API_KEY",)),
    )


def test_the_guide_needs_nothing() -> None:
    assert one('kind = "guide"') == ProviderSettings(name="guide", kind="guide", model="manual")


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [
        ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ("https://me.openai.azure.com/openai/v1", "AZURE_OPENAI_API_KEY"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://API.OPENAI.COM:443/v1", "OPENAI_API_KEY"),
        ("http://api.openai.com/v1", None),
        ("https://api.openai.com.example.org/v1", None),
        ("https://example.org/v1", None),
        ("http://127.0.0.1:8080/v1", None),
    ],
)
def test_a_vendors_key_goes_to_its_own_host_only_unless_it_is_named(base_url: str, variable: str | None) -> None:
    provider = one(f'kind = "openai"\nmodel = "m"\nbase_url = "{base_url}"')

    assert provider.key == (KeySource(env=variable) if variable else None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "me.localhost", "0.0.0.0"])
def test_servers_on_this_machine_get_two_minutes_to_load_a_model(host: str) -> None:
    provider = one(f'kind = "ollama"\nmodel = "m"\nbase_url = "http://{host}:11434"')

    assert provider.chain == ChainSettings(attempt_timeout=120.0)


@pytest.mark.parametrize(
    "text", ["[chain]\nattempt_timeout = 3\n[[providers]]\n", "[[providers]]\nattempt_timeout = 3\n"]
)
def test_an_attempt_timeout_that_is_set_holds_for_this_machine_too(text: str) -> None:
    (provider,) = load(f'{text}preset = "ollama"\nmodel = "m"').providers

    assert provider.chain == ChainSettings(attempt_timeout=3.0)


def test_a_provider_can_take_back_what_the_chain_says() -> None:
    settings = load(f'[chain]\ndeadline = 5\n{GUIDE}deadline = "none"\n')

    assert (settings.chain.deadline, settings.providers[0].chain.deadline) == (5.0, None)


def test_paths_start_at_home_or_at_the_file_that_says_them() -> None:
    provider = one('preset = "groq"\nmodel = "m"\napi_key_file = "~/keys/groq"\nca_file = "/abs/ca.pem"')

    assert (provider.key, provider.ca_file) == (KeySource(file=Path("/home/me/keys/groq")), Path("/abs/ca.pem"))


def test_a_path_below_a_home_that_is_not_known_is_a_mistake() -> None:
    assert problems('[[providers]]\npreset = "groq"\nmodel = "m"\napi_key_file = "~/k"') == [
        ":4: providers.groq.api_key_file: begins with ~, but HOME is not set: write the whole path"
    ]


def test_a_key_sent_in_the_clear_and_a_bare_host_are_warned_about() -> None:
    settings = load(
        '[[providers]]\nkind = "openai"\nmodel = "m"\nbase_url = "http://10.0.0.7:80"\napi_key_env = "K"', FILE
    )

    assert [str(warning) for warning in settings.warnings] == [
        f"{FILE}:4: providers.openai.base_url: http:// sends key and conversation in the clear: use https://",
        f"{FILE}:4: providers.openai.base_url: most servers of kind 'openai' want 'http://10.0.0.7:80/v1'",
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
[[providers]]
kind = "gemni"
timeout = 4
headers = { X-A = "a\\r\\nb" }
prices = { inptu = -1, output = -1 }
[profiles.fast]
providers = ["b", "a", "a"]
[profiles.slow]
"""
    assert problems(text) == [
        ":1: attempt_timeout: unknown key: it belongs below [chain]",
        ":3: chain.idle_timout: unknown key; did you mean 'idle_timeout'?",
        ':4: chain.deadline: must be a number of seconds above 0, at most 86400, or "none", not nan',
        ":5: chain.max_retry_per_llm: must be a whole number from 0 to 20, not true",
        ":9: providers.a.model: must be a text in quotes, on one line, without spaces at its ends, not 7",
        ":10: providers.a.base_url: must end before /chat/completions, kind 'openai' adds its own path: "
        "write 'https://api.openai.com/v1'",
        ":12: providers.a.api_key_file: the key already comes from api_key_env: keep one of the two",
        ":13: providers.a.name: another provider is called so (line 6): give each a `name` of its own",
        ":15: providers.a.kind: 'groq' is a service, not a kind: write preset = 'groq' instead",
        ":17: providers.gemni.kind: must be one of "
        '"openai", "openai-responses", "anthropic", "gemini", "ollama", "guide", not \'gemni\'; did you mean \'gemini\'?',
        ":18: providers.gemni.timeout: unknown key; did you mean 'attempt_timeout'?",
        ':19: providers.gemni.headers: must be a table of texts, as { X-Title = "chat" }; '
        "the value of X-A holds a line break, a control character or one outside Latin-1",
        ":20: providers.gemni.prices.inptu: unknown key; did you mean 'input'?",
        ":20: providers.gemni.prices.output: must be a price from 0 to 1e+06, not -1",
        ":22: profiles.fast.providers: no provider is called 'b'; there are 'a', 'gemni'",
        ":22: profiles.fast.providers: names a provider twice",
        ':23: profiles.slow: has no `providers`: name some, as providers = ["a", "b"]',
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('model = "m"', ':1: providers[1].kind: is missing: write kind = "openai", or a service as preset = "groq"'),
        ('kind = "openai"', ":1: providers.openai.model: is missing: for example 'gpt-6.2-sol'"),
        (
            'preset = "azure"\nmodel = "m"',
            ":1: providers.azure.base_url: is missing: every customer of azure has another one",
        ),
        (
            'preset = "groq"\nkind = "anthropic"\nmodel = "m"',
            ":1: providers.groq.base_url: is missing: there is no known address for kind 'anthropic' at this service",
        ),
        (
            'kind = "guide"\nenabled = false',
            ": providers: every provider is disabled; fallback.toml.example shows what one looks like",
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
        f':4: providers.openai.base_url: must be an address, as "https://HOST/v1"; {complaint}'
    ]


@pytest.mark.parametrize(
    ("kind", "address", "right"),
    [
        ("openai-responses", "https://h/v1/responses", "https://h/v1"),
        ("openai", "https://h/v1/models", "https://h/v1"),
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
        ("a = " + "[" * 100_000, ": a value nests too deep"),
        ("a = " + "{a=" * 100_000, ": a key has more than 32 parts"),
        (".".join("a" * 40_000) + " = 1", ": a key has more than 32 parts"),
        ("[" + ".".join("a" * 40_000) + "]", ": a key has more than 32 parts"),
        ("a = " + "9" * 5_000, ": a number has too many digits"),
        ("#" * 300_000, ": the file is larger than 256 KiB, so it is hardly a fallback.toml"),
        (
            "",
            ": providers: there is no usable [[providers]] entry; fallback.toml.example shows what one looks like",
        ),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_file_that_is_no_configuration_says_why(text: str | bytes, message: str) -> None:
    assert problems(text)[0] == message


def test_a_byte_order_mark_and_dos_line_ends_are_no_mistakes() -> None:
    assert load(b"\xef\xbb\xbf[chain]\r\nidle_timeout = 3\r\n" + GUIDE.encode()).chain.idle_timeout == 3.0


@pytest.mark.parametrize(
    "value", ["0x" + "f" * 5_000, "1979-05-27", "[]", "{}", "inf", "-1", '"' + "x" * 500 + '"', '"\\u001b[31m"', "''"]
)
@pytest.mark.parametrize("field", [*schema.CHAIN, *schema.PROVIDER], ids=lambda field: field.name)
def test_no_value_of_any_key_does_more_than_give_short_printable_problems(field: schema.Field, value: str) -> None:
    try:
        load(
            '[[providers]]\nname = "n"\nkind = "openai"\nmodel = "m"\n'.replace(f"{field.name} =", "#")
            + f"{field.name} = {value}"
        )
    except ConfigError as error:
        assert all(str(problem).isprintable() and len(str(problem)) < 400 for problem in error.problems)


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
    assert load(f"{GUIDE}{tables}")

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

    try:
        load(tomli_w.dumps(document), FILE)
    except ConfigError as error:
        assert error.problems
        assert all(isinstance(str(problem), str) for problem in error.problems)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_whatever_raises_anything_but_a_config_error(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        load(text)


SECONDS = st.floats(min_value=0.001, max_value=86_400)


@given(
    chain=st.fixed_dictionaries(
        {},
        optional={
            "attempt_timeout": SECONDS,
            "max_retry_per_llm": st.integers(0, 20),
            "deadline": SECONDS,
            "hedge_after": SECONDS | st.just("p95"),
            "prefer": st.sampled_from(["primary", "sticky"]),
        },
    ),
    providers=st.lists(
        st.fixed_dictionaries(
            {"name": st.text("abc-_ä.7", min_size=1, max_size=9), "kind": st.just("guide")},
            optional={
                "temperature": st.floats(0, 2),
                "max_tokens": st.integers(1, 999),
                "system": st.text("a\n\"'\\é"),
            },
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda provider: provider["name"],
    ),
)
def test_what_is_written_is_what_is_read(chain: dict[str, Any], providers: list[dict[str, Any]]) -> None:
    settings = load(tomli_w.dumps({"chain": chain, "providers": providers}))

    assert {name: getattr(settings.chain, name) for name in chain} == chain
    assert [
        {name: getattr(read, name) for name in written}
        for read, written in zip(settings.providers, providers, strict=True)
    ] == providers
