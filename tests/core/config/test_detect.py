"""The chain that the environment offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.config.detect import detect, offers, ollama_url
from fallback_chat.core.config.services import SERVICES
from fallback_chat.core.config.settings import KeySource, ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings, TimeoutSource
from fallback_chat.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.services import Service

LOCAL = AttemptSettings(attempt_timeout=120.0, attempt_timeout_source=TimeoutSource.LOCAL)


class LocalServers:
    """Answers for the servers that run at some addresses with their models."""

    def __init__(self, models: Mapping[str, str]) -> None:
        self.models = models

    def __call__(self, services: Sequence[Service]) -> Mapping[str, str]:
        return {one.name: self.models[one.base_url] for one in services if one.base_url in self.models}


NONE = LocalServers({})


def test_where_nothing_is_offered_the_guide_answers_alone() -> None:
    assert detect({"OPENAI_API_KEY": " "}, NONE) == (ProviderSettings(name="guide", kind="guide", model="manual"),)


def test_keys_come_first_then_local_servers_each_in_the_order_of_the_table() -> None:
    env = {"GROQ_API_KEY": "x", "GEMINI_API_KEY": "x", "COHERE_API_KEY": "x", "CO_API_KEY": "x", "HF_TOKEN": "x"}
    servers = LocalServers({"http://127.0.0.1:8000/v1": "qwen", "http://127.0.0.1:11434": "llama3.2"})

    assert detect(env, servers) == (
        ProviderSettings(
            name="gemini",
            kind="gemini",
            preset="gemini",
            model="gemini-3.8-flash",
            base_url="https://generativelanguage.googleapis.com",
            key=KeySource(env="GEMINI_API_KEY"),
        ),
        ProviderSettings(
            name="groq",
            kind="openai",
            preset="groq",
            model="openai/gpt-oss-120b",
            base_url="https://api.groq.com/openai/v1",
            key=KeySource(env="GROQ_API_KEY"),
        ),
        ProviderSettings(
            name="cohere",
            kind="openai",
            preset="cohere",
            model="command-a",
            base_url="https://api.cohere.ai/compatibility/v1",
            key=KeySource(env="COHERE_API_KEY"),
        ),
        ProviderSettings(
            name="ollama",
            kind="ollama",
            preset="ollama",
            model="llama3.2",
            base_url="http://127.0.0.1:11434",
            attempt=LOCAL,
        ),
        ProviderSettings(
            name="vllm", kind="openai", preset="vllm", model="qwen", base_url="http://127.0.0.1:8000/v1", attempt=LOCAL
        ),
    )


def test_a_local_server_whose_model_has_no_proper_name_is_left_out() -> None:
    servers = LocalServers({"http://127.0.0.1:11434": "", "http://127.0.0.1:8000/v1": "a\x1b[31m"})

    assert offers({}, servers) == [{"name": "guide", "kind": "guide"}]


@pytest.mark.parametrize(
    ("variable", "address", "base_url"),
    [
        ("OPENAI", "https://proxy.example/v1", "https://proxy.example/v1"),
        ("ANTHROPIC", "https://proxy.example/v1/", "https://proxy.example"),
        ("GOOGLE_GEMINI", "https://proxy.example/gemini/v1beta", "https://proxy.example/gemini"),
        ("GOOGLE_GEMINI", "https://proxy.example", "https://proxy.example"),
    ],
)
def test_a_key_goes_to_the_address_that_stands_beside_it(variable: str, address: str, base_url: str) -> None:
    key = f"{variable.removeprefix('GOOGLE_')}_API_KEY"
    (provider,) = detect({key: "x", f"{variable}_BASE_URL": address}, NONE)

    assert (provider.base_url, provider.key) == (base_url, KeySource(env=key))


def test_an_address_that_is_none_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(ConfigError) as caught:
        detect({"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "proxy:hunter2@example"}, NONE)

    assert str(caught.value) == "OPENAI_BASE_URL: must hold an address such as https://HOST/v1: correct it, or unset it"


def test_ollama_is_looked_for_where_its_variable_says() -> None:
    (provider,) = detect({"OLLAMA_HOST": "0.0.0.0:9000"}, LocalServers({"http://127.0.0.1:9000": "m"}))

    assert (provider.name, provider.base_url) == ("ollama", "http://127.0.0.1:9000")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box:80", "http://box:80"),
        (":8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::]:8000", "http://127.0.0.1:8000"),
        ("[::1]", "http://[::1]:11434"),
        ("http://box/", "http://box"),
        ("https://box:1234", "https://box:1234"),
    ],
)
def test_every_form_of_ollamas_variable_is_understood(host: str, url: str) -> None:
    assert ollama_url(host) == url


def test_the_table_of_services_names_each_service_and_each_variable_once() -> None:
    names = [service.name for service in SERVICES]
    variables = [name for service in SERVICES for name in service.key_env]

    assert (len(set(names)), len(set(variables))) == (len(names), len(variables))
