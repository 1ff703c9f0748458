"""How events reach their handlers."""

from __future__ import annotations

import typing

import pytest

from fallback_chat.core import events
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import EVENT_NAMES, AttemptStarted, AvailabilityChangedEvent, EventEmitter, FailedOver
from tests.core.scripted import ScriptedLLM

A, B = ScriptedLLM("a", []), ScriptedLLM("b", [])
STARTED = AttemptStarted(A, 1)


def test_every_event_has_a_name_and_every_name_an_event() -> None:
    assert set(EVENT_NAMES) == set(typing.get_args(events.Event))
    assert len(set(EVENT_NAMES.values())) == len(EVENT_NAMES)


def test_the_event_of_availability_has_livekits_name() -> None:
    assert EVENT_NAMES[AvailabilityChangedEvent] == "llm_availability_changed"


def test_handlers_are_called_in_the_order_of_registration_with_their_own_events_only() -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    emitter.on("attempt_started", lambda event: seen.append((1, event)))
    emitter.on("attempt_started", lambda event: seen.append((2, event)))
    emitter.on("failed_over", lambda event: seen.append((3, event)))

    emitter.emit(STARTED)
    emitter.emit(FailedOver(A, B, error := APIError("down")))

    assert seen == [(1, STARTED), (2, STARTED), (3, FailedOver(A, B, error))]


def test_an_event_without_handlers_is_nobodys_business() -> None:
    EventEmitter().emit(STARTED)


def test_a_name_that_no_event_has_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(ValueError, match=r"no event is called 'started'; there are attempt_started, .*, all_failed"):
        EventEmitter().on("started", print)


def test_the_handler_is_given_back() -> None:
    assert EventEmitter().on("all_failed", print) is print


def test_a_handler_that_was_taken_off_is_not_called_and_taking_it_off_twice_is_fine() -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    emitter.on("attempt_started", seen.append)

    emitter.off("attempt_started", seen.append)
    emitter.off("attempt_started", seen.append)
    emitter.emit(STARTED)

    assert seen == []


def test_a_handler_may_take_itself_off_while_it_runs() -> None:
    emitter = EventEmitter()
    seen: list[object] = []

    def once(event: object) -> None:
        emitter.off("attempt_started", once)
        seen.append(event)

    emitter.on("attempt_started", once)
    emitter.on("attempt_started", seen.append)
    emitter.emit(STARTED)

    assert seen == [STARTED, STARTED]


def test_what_a_handler_raises_is_logged_and_the_next_one_is_called(caplog: pytest.LogCaptureFixture) -> None:
    emitter = EventEmitter()
    seen: list[object] = []

    def fail(event: object) -> None:
        raise ZeroDivisionError(event)

    emitter.on("attempt_started", fail)
    emitter.on("attempt_started", seen.append)
    emitter.emit(STARTED)

    assert (seen, caplog.messages) == ([STARTED], ["a handler of attempt_started failed"])


def test_an_interruption_is_not_swallowed() -> None:
    emitter = EventEmitter()

    def interrupted(event: object) -> None:
        raise KeyboardInterrupt

    emitter.on("attempt_started", interrupted)

    with pytest.raises(KeyboardInterrupt):
        emitter.emit(STARTED)
