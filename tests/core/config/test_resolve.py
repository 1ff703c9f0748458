"""fallback.toml → settings: what the keys mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.config import schema
from fallback_chat.core.config.document import Problems, read_document
from fallback_chat.core.config.resolve import load, resolve
from fallback_chat.core.config.settings import ChatSettings, KeySource, Origin, Prices, ProviderSettings, Settings
from fallback_chat.core.engine.settings import (
    AttemptSettings,
    ChainSettings,
    OnRefusal,
    OnStreamFailure,
    Prefer,
    Recovery,
    Switching,
    TimeoutSource,
)
from fallback_chat.core.errors import ConfigError

FILE = Path("/etc/fallback.toml")
GUIDE = '[[providers]]\nkind = "guide"\n'


def one(body: str) -> ProviderSettings:
    """Load a file with one provider."""
    (provider,) = load(f"[[providers]]\n{body}", FILE, home=Path("/home/me")).providers
    return provider


def test_in_every_table_the_later_file_wins_key_by_key() -> None:
    below = """
[chain]
prefer = "sticky"
recovery = "free"
[chat]
calm = true
theme = "light"
[keys]
next_provider = "c-t"
[profiles.quick]
providers = ["a"]
[[providers]]
name = "a"
kind = "guide"
"""
    above = """
[chain]
prefer = "primary"
[chat]
theme = "dark"
[keys]
next_provider = "c-o"
[profiles.quick]
providers = ["b"]
[[providers]]
name = "b"
kind = "guide"
"""
    problems = Problems()
    documents = [read_document(text, FILE, Origin.USER, problems) for text in (below, above)]

    settings = resolve(documents, problems)

    assert (settings.chain.prefer, settings.chain.recovery) == (Prefer.PRIMARY, Recovery.FREE)
    assert settings.chat == ChatSettings(calm=True, theme="dark")
    assert (settings.keys, settings.profiles) == ({"next_provider": "c-o"}, {"quick": ("b",)})
    assert [provider.name for provider in settings.providers] == ["b", "a"]


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
recovery = "free"
health_url = "redis://cache/1"
switch = "notify"

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
top_p = 0.5
stop = ["END"]
seed = 7
reasoning_effort = "low"
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
    attempt = AttemptSettings(
        attempt_timeout=4.0,
        attempt_timeout_source=TimeoutSource.CHAIN,
        max_retry_per_llm=2,
        retry_interval=0.0,
        connect_timeout=1.5,
        thinking_timeout=30.0,
        idle_timeout=20.0,
        on_stream_failure=OnStreamFailure.RESTART,
        on_refusal=OnRefusal.NEXT,
        switch=Switching.NOTIFY,
    )
    chain = ChainSettings(deadline=None, prefer=Prefer.STICKY, hedge_after="p95", recovery=Recovery.FREE)
    provider = ProviderSettings(
        name="a",
        kind="openai",
        preset="mistral",
        model="m",
        base_url="https://example.org/v1",
        key=KeySource(cmd=("pass", "show", "x")),
        max_tokens=100,
        temperature=0.0,
        top_p=0.5,
        stop=("END",),
        seed=7,
        reasoning_effort="low",
        context_window=8000,
        system="Be brief.",
        tags=("eu",),
        headers=(("X-Title", "chat"),),
        proxy="none",
        ca_file=Path("/etc/ca.pem"),
        extra_body={"top_k": 4},
        prices=Prices(input=1.0, output=2.5),
        attempt=replace(attempt, idle_timeout=7.0),
    )

    settings = load(text, FILE)

    origins = {f"chain.{field.name}": Origin.USER for field in schema.CHAIN}
    named = [field.name for field in schema.PROVIDER if field.name not in schema.KEY_SOURCES]
    origins |= {f"providers.a.{name}": Origin.USER for name in (*named, "api_key_cmd", "idle_timeout")}
    assert settings == Settings(
        chain=chain,
        attempt=attempt,
        health_url="redis://cache/1",
        providers=(provider,),
        profiles={"fast": ("a",)},
        path=FILE,
        origins=origins,
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

    assert provider.attempt == AttemptSettings(attempt_timeout=120.0, attempt_timeout_source=TimeoutSource.LOCAL)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("[chain]\nattempt_timeout = 3\n[[providers]]\n", TimeoutSource.CHAIN),
        ("[[providers]]\nattempt_timeout = 3\n", TimeoutSource.ASKED),
    ],
)
def test_an_attempt_timeout_that_is_set_holds_for_this_machine_too(text: str, source: TimeoutSource) -> None:
    (provider,) = load(f'{text}preset = "ollama"\nmodel = "m"').providers

    assert provider.attempt == AttemptSettings(attempt_timeout=3.0, attempt_timeout_source=source)


@pytest.mark.parametrize("line", ['deadline = "none"', 'prefer = "sticky"', "hedge_after = 2"])
def test_a_key_of_the_chain_is_refused_in_an_entry_with_the_place_where_it_belongs(line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(f"{GUIDE}{line}\n", FILE)

    name = line.split(maxsplit=1)[0]
    (problem,) = raised.value.problems
    assert problem.key == f"providers.guide.{name}"
    assert problem.message == f"belongs to the chain as a whole, not to one provider: move `{name}` up into [chain]"
    assert problem.line == len(f"{GUIDE}{line}".splitlines())


def test_paths_start_at_home_or_at_the_file_that_says_them() -> None:
    provider = one('preset = "groq"\nmodel = "m"\napi_key_file = "~/keys/groq"\nca_file = "/abs/ca.pem"')

    assert (provider.key, provider.ca_file) == (KeySource(file=Path("/home/me/keys/groq")), Path("/abs/ca.pem"))


def test_a_key_sent_in_the_clear_and_a_bare_host_are_warned_about() -> None:
    settings = load(
        '[[providers]]\nkind = "openai"\nmodel = "m"\nbase_url = "http://10.0.0.7:80"\napi_key_env = "K"', FILE
    )

    assert [str(advice) for advice in settings.advice] == [
        f"{FILE}:4: providers.openai.base_url: most servers of kind 'openai' want 'http://10.0.0.7:80/v1'",
    ]
    assert [str(warning) for warning in settings.warnings] == [
        f"{FILE}:4: providers.openai.base_url: http:// sends key and conversation in the clear: use https://",
    ]


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

    read = {name: getattr(settings.attempt if name in schema.ATTEMPT_KEYS else settings.chain, name) for name in chain}
    assert read == chain
    assert [
        {name: getattr(read, name) for name in written}
        for read, written in zip(settings.providers, providers, strict=True)
    ] == providers
