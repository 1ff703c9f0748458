"""What looks like a secret, and what is an ordinary word."""

from __future__ import annotations

import pytest

from fallback_chat.core.lookalikes import is_marked, is_ordinary, looks_secret, masked, secrets_in

SECRETS = [
    "sk-test-0123456789abcdef",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "gsk_Zq7xT0pSecretKEY91vWm4KdLq83",
    "AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "AKIA2E0A8F3B244C9986",
    "Zq7xT0pSecretKEY91vWm4KdLq83",
    "0f9e8d7c6b5a49382716050403020100",
    "123e4567-e89b-12d3-a456-426614174000",
]
NAMES = [
    "gpt-4o-mini-2024-07-18",
    "claude-3-5-sonnet-20241022",
    "us.anthropic.claude-3-5-sonnet-20241022-v2",
    "llama-v3p1-405b-instruct",
    "DeepSeek-R1-Distill-Qwen-32B-Q4_K_M",
    "Qwen2.5-Coder-32B-Instruct-GPTQ-Int4",
    "fine-grained-tool-streaming-2025-05-14",
    "research-team-production-europe",
    "MyOrgTeamProjectX2024",
    "AZURE_OPENAI_API_KEY_2024_PROD",
    "application-inference-profile",
    "sk-no-key-required",
    "openai",
]


@pytest.mark.parametrize("text", SECRETS)
def test_keys_look_like_secrets(text: str) -> None:
    assert (looks_secret(text), is_ordinary(text)) == (True, False)


@pytest.mark.parametrize("text", NAMES)
def test_names_of_models_variables_and_teams_do_not(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.parametrize(
    "text", ["ollama", "EMPTY", "none", "not-needed", "lm-studio", "My Title", "4096", "sk-fake", ""]
)
def test_words_numbers_and_placeholders_are_ordinary(text: str) -> None:
    assert is_ordinary(text)


@pytest.mark.parametrize(
    "text", ["hunter2", "key-one-11111111", "correct-horse-battery", "SuperSecretKey", "sk-of-a-friend", "dXNlcg=="]
)
def test_a_password_is_no_ordinary_word(text: str) -> None:
    assert not is_ordinary(text)


def test_random_characters_without_a_known_beginning_are_not_marked_as_a_key() -> None:
    assert [is_marked(text) for text in ("sk-test-0123456789abcdef", "Zq7xT0pSecretKEY91vWm4KdLq83")] == [True, False]


def test_a_text_is_masked_piece_by_piece() -> None:
    key = "sk-live-Zq7xT0pSecretKEY91vWm4KdLq83"
    text = f"/home/me/{key}.txt: https://host/v1/{key}?x='{key}', and gpt-4o-mini-2024-07-18 stays"

    assert secrets_in(text) == [key, key, key]
    assert masked(text) == (
        "/home/me/[redacted].txt: https://host/v1/[redacted]?x='[redacted]', and gpt-4o-mini-2024-07-18 stays"
    )
