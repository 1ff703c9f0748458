"""What is known about well-known services, and where an entry is served."""

from __future__ import annotations

import pytest

from fallback_chat.core.config.services import machine


@pytest.mark.parametrize(
    ("kind", "base_url", "expected"),
    [
        ("ollama", None, "local"),
        ("openai", "http://127.0.0.1:8080/v1", "local"),
        ("openai", "http://localhost:1234", "local"),
        ("openai", "https://api.example.com:8443/v1", "api.example.com:8443"),
        ("anthropic", None, "api.anthropic.com"),
        ("guide", None, None),
    ],
)
def test_two_entries_are_on_one_machine_by_host_and_port(kind: str, base_url: str | None, expected: str | None) -> None:
    assert machine(kind, base_url) == expected
