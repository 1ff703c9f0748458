"""Sentences about the chain."""

from __future__ import annotations

import pytest

from fallback_chat.cli.repl.explanations import transition
from fallback_chat.cli.words.health import short
from fallback_chat.core.config.keyless import no_key
from fallback_chat.core.errors import APIError, APIStatusError, ConfigError, ErrorDetails, ErrorKind, Problem
from fallback_chat.core.events import AvailabilityChangedEvent, State
from tests.core.scripted import ScriptedLLM

A = ScriptedLLM("a", [])
NOW = 1000.0


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (AvailabilityChangedEvent(A, False, State.OPEN, "rate_limited", NOW + 42), "a: rate limited, retry in 42 s"),
        (AvailabilityChangedEvent(A, False, State.BLOCKED, "auth"), "a: bad key"),
        (AvailabilityChangedEvent(A, False, State.OPEN, "of another version", NOW - 1), "a: not available"),
        (AvailabilityChangedEvent(A, False, State.DISABLED, "user"), "a: off"),
        (AvailabilityChangedEvent(A, True, State.CLOSED, "success"), "a: available again (it answered)"),
        (AvailabilityChangedEvent(A, True), "a: available again"),
    ],
)
def test_a_transition_is_one_line(event: AvailabilityChangedEvent, line: str) -> None:
    assert transition(event, NOW) == line


def test_a_failure_in_short_is_its_status_or_its_kind() -> None:
    assert short(APIStatusError("oops", details=ErrorDetails(status=500))) == "500"
    assert short(no_key(ConfigError([Problem("key", "K is not set")]), by_command=False)) == "no key"
    assert short(APIError("cut", kind=ErrorKind.STREAM_ERROR, details=ErrorDetails(status=200))) == "stream broke off"
