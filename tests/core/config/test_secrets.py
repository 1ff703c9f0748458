"""Which configured values are searched for in answers, and which in errors alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.config.keys import known_secrets
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.secrets import error_secrets, is_telling, secret_values, secrets_of

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import Settings

KEY = "sk-live-Zq7xT0pSecretKEY91vWm4KdLq83"


def configured(rows: str) -> Settings:
    return load(f'[[providers]]\nname = "p"\nkind = "openai"\nmodel = "m"\n{rows}\n')


def searched(rows: str, env: dict[str, str] | None = None) -> tuple[str, ...]:
    return secret_values(configured(rows), env or {})


@pytest.mark.parametrize(
    ("name", "telling"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("x-api-key", True),
        ("X_Auth_Token", True),
        ("apiKey", True),
        ("OpenAIToken", True),
        ("Cookie", True),
        ("x-portkey-provider", False),
        ("max-tokens", False),
        ("x-monkey", False),
        ("tokenizer", False),
        ("X-Cookies-Accepted", False),
        ("x-author", False),
    ],
)
def test_a_name_tells_of_a_secret_by_whole_words(name: str, telling: bool) -> None:
    assert is_telling(name) is telling


@pytest.mark.parametrize(
    "rows",
    [
        'headers = { x-portkey-provider = "openai", max-tokens = "4096", X-Title = "My chat program", X-Team = "search" }',
        'headers = { x-model = "gpt-4o-mini-2024-07-18", x-region = "research-team-production-europe" }',
        'headers = { OpenAI-Organization = "org-Zq7xT0pSecretKEY91vWm4KdLq83", anthropic-beta = "tools-2025-05-14" }',
        'extra_body = { tokenizer = "cl100k_base", max_tokens = 9, user = "somebody@example.com" }',
        'api_key = "ollama"',
        'api_key = "not-needed"',
        'proxy = "http://me:secret@proxy:80"',
    ],
)
def test_words_and_names_are_never_searched_for(rows: str) -> None:
    assert searched(rows) == ()


def test_the_hash_in_a_models_name_is_no_secret() -> None:
    settings = configured("").providers[0]
    model = "meta/02e509c789964a7ea8736978a43525956ef40397be9033abf9fd2badfe68c9e3"

    assert secrets_of(replace(settings, model=model)) == []


@pytest.mark.parametrize(
    ("rows", "secrets"),
    [
        (f'api_key = " {KEY} "', {KEY}),
        ('headers = { Authorization = "Bearer own-gateway-key-1" }', {"Bearer own-gateway-key-1", "own-gateway-key-1"}),
        (
            'headers = { Authorization = "Basic bWU6aHVudGVyMjIy" }',
            {"Basic bWU6aHVudGVyMjIy", "bWU6aHVudGVyMjIy", "hunter222"},
        ),
        ('headers = { Cookie = "id=a1b2c3d4e5; theme=dark" }', {"id=a1b2c3d4e5; theme=dark", "a1b2c3d4e5"}),
        (f'headers = {{ X-Gateway = "{KEY}" }}', {KEY}),
        ('headers = { X-Gateway = "0f9e8d7c6b5a49382716050403020100" }', {"0f9e8d7c6b5a49382716050403020100"}),
        ('extra_body = { auth = { deep = ["a1b2c3d4e5"] } }', {"a1b2c3d4e5"}),
        ('proxy = "http://me:p%40ssw0rd@proxy:80"', {"p%40ssw0rd", "p@ssw0rd"}),
        ('proxy = "http://t0ken-of-4711@proxy:80"', {"t0ken-of-4711"}),
    ],
)
def test_what_is_declared_as_a_secret_is_searched_for(rows: str, secrets: set[str]) -> None:
    assert set(searched(rows)) == secrets


@pytest.mark.parametrize(
    "rows",
    [
        f'api_key_file = "{KEY}"',
        f'api_key_cmd = ["sh", "-c", "printf %s {KEY}"]',
        f'base_url = "https://host/{KEY}/v1"',
        f'headers = {{ "{KEY}" = "x" }}',
        f'tags = ["{KEY}"]',
        f'extra_body = {{ user = "{KEY}" }}',
        f'extra_body = {{ "{KEY}" = 1 }}',
        f'ca_file = "{KEY}"',
    ],
)
def test_a_key_in_the_wrong_setting_is_searched_for(rows: str) -> None:
    assert KEY in searched(rows)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_password_of_the_environments_proxy_is_searched_for(name: str) -> None:
    assert searched("", {name: "http://me:hunter222@proxy:80"}) == ("hunter222",)


def test_the_keys_that_can_be_read_are_known_and_a_command_is_not_run() -> None:
    settings = load("""
[[providers]]
name = "a"
kind = "openai"
model = "m"
api_key_env = "A"

[[providers]]
name = "b"
kind = "openai"
model = "m"
api_key_cmd = ["/nowhere"]

[[providers]]
name = "c"
kind = "openai"
model = "m"
api_key_env = "MISSING"
""")

    assert known_secrets(settings, {"A": KEY}) == (KEY,)


def test_in_errors_short_secrets_and_every_header_of_some_length_are_searched_for() -> None:
    (provider,) = configured(
        'headers = { X-Team = "search", X-Gateway = "gateway-4711-x", Authorization = "Basic dXNlcg==" }\n'
        'proxy = "http://me:hunter2@proxy:80"'
    ).providers

    assert sorted(set(error_secrets(provider)) - set(secrets_of(provider))) == ["gateway-4711-x"]
    assert sorted(secrets_of(provider)) == ["Basic dXNlcg==", "dXNlcg==", "hunter2", "hunter2"]


def test_no_secret_stands_in_the_repr_of_the_settings() -> None:
    settings = configured(
        f'api_key = "{KEY}"\nheaders = {{ Authorization = "Bearer {KEY}" }}\nproxy = "http://me:{KEY}@proxy:80"'
    )

    assert KEY not in repr(settings.providers)
