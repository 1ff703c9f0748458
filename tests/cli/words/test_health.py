"""The vocabulary of states."""

from __future__ import annotations

import pytest

from fallback_chat.cli.words.health import reason_word
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.events import State

NOW = 100.0


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (Health(State.OPEN, "server_error", NOW, NOW + 61), "server error"),
        (Health(State.OPEN, "rate_limited", NOW, NOW + 42), ""),
        (Health(State.OPEN, "rate_limited", 0.0, NOW), "rate limited"),  # its state is `retrying`
        (Health(State.BLOCKED, "auth", NOW), ""),
        (Health(State.OPEN, "of another version", NOW, NOW + 9), ""),
        (Health(), ""),
    ],
)
def test_a_reason_is_given_where_the_state_does_not_name_it(health: Health, word: str) -> None:
    assert reason_word(health, NOW) == word
