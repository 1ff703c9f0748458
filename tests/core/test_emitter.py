"""How events reach their handlers, and what cannot be one."""

from __future__ import annotations

import asyncio
import functools
import gc
import typing
import warnings
from typing import Any

import pytest

from fallback_chat.core.emitter import EventEmitter, deliver
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import AttemptStarted, FailedOver
from tests.core.scripted import ScriptedLLM

if typing.TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

A, B = ScriptedLLM("a", []), ScriptedLLM("b", [])
STARTED = AttemptStarted(A, 1)
FAILED_OVER = FailedOver(A, B, APIError("down"))


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


# As a decorator, and once


def test_a_decorator_registers_and_leaves_the_function_as_it_is() -> None:
    emitter = EventEmitter()
    seen: list[object] = []

    @emitter.on("attempt_started")
    @emitter.once("failed_over")
    def note(event: object) -> None:
        seen.append(event)

    for event in (STARTED, FAILED_OVER, STARTED, FAILED_OVER):
        emitter.emit(event)
    note("called")

    assert seen == [STARTED, FAILED_OVER, STARTED, "called"]


def test_once_is_once_even_where_a_handler_emits_the_event_again() -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    emitter.once("attempt_started", lambda _: emitter.emit(STARTED))
    emitter.once("attempt_started", seen.append)

    emitter.emit(STARTED)
    emitter.emit(STARTED)

    assert seen == [STARTED]


@pytest.mark.parametrize("register", [EventEmitter.on, EventEmitter.once])
def test_a_handler_is_taken_off_whichever_way_it_was_registered(register: Callable[..., object]) -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    register(emitter, "attempt_started", seen.append)

    emitter.off("attempt_started", seen.append)
    emitter.emit(STARTED)

    assert seen == []


# As in LiveKit's emitter


def test_the_name_of_an_event_may_stand_before_it() -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    emitter.on("attempt_started", seen.append)

    emitter.emit("attempt_started", STARTED)

    assert seen == [STARTED]


def test_an_event_has_its_own_name_only() -> None:
    with pytest.raises(ValueError, match="an event of type AttemptStarted is called 'attempt_started', not 'waiting'"):
        EventEmitter().emit("waiting", STARTED)


@pytest.mark.parametrize("junk", [None, "attempt_started", {"llm": A}, AttemptStarted], ids=repr)
def test_what_is_no_event_cannot_be_emitted(junk: Any) -> None:
    with pytest.raises(TypeError, match="event must be an event of fallback_chat, not "):
        EventEmitter().emit(junk)


@pytest.mark.parametrize("name", ["started", "", None, 5, ["waiting"]], ids=repr)
@pytest.mark.parametrize("method", ["on", "once", "off"])
def test_a_name_that_no_event_has_is_refused_wherever_it_is_given(method: str, name: Any) -> None:
    with pytest.raises(ValueError, match="no event is called"):
        getattr(EventEmitter(), method)(name, print)


@pytest.mark.parametrize("handler", [None, 5, "print", [print]], ids=repr)
def test_what_cannot_be_called_was_never_a_handler(handler: Any) -> None:
    with pytest.raises(TypeError, match="handler must be a function"):
        EventEmitter().off("waiting", handler)


# What would have to be awaited


async def coroutine(_: object) -> None: ...


async def generates(_: object) -> AsyncIterator[None]:
    yield


def yields(_: object) -> Iterator[None]:
    yield


class Listener:
    async def listen(self, _: object) -> None: ...

    @classmethod
    async def shared(cls, _: object) -> None: ...


class Called:
    async def __call__(self, _: object) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [
        coroutine,
        generates,
        yields,
        Listener().listen,
        Listener.shared,
        Called(),
        functools.partial(coroutine),
        functools.partial(functools.partial(coroutine)),
        functools.partial(Called()),
        functools.partial(Listener.listen, Listener()),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("method", ["on", "once"])
def test_a_handler_that_would_have_to_be_awaited_is_refused(method: str, handler: Any) -> None:
    emitter = EventEmitter()

    for register in (getattr(emitter, method), lambda name, one: getattr(emitter, method)(name)(one)):
        with pytest.raises(TypeError, match=r"handler .* would have to be awaited; a handler is a plain function"):
            register("attempt_started", handler)


@pytest.mark.parametrize("handler", [5, "print", [], {"a": 1}, object()], ids=range(5))
def test_a_handler_is_something_that_can_be_called(handler: Any) -> None:
    with pytest.raises(TypeError, match="handler must be a function, not "):
        EventEmitter().on("attempt_started", handler)


@pytest.mark.parametrize(
    "handler", [lambda: None, lambda a, b: None, lambda *, event: None], ids=["none", "two", "named"]
)
def test_a_handler_takes_one_argument(handler: Any) -> None:
    with pytest.raises(TypeError, match=r"handler .*<lambda> must take one argument, the event"):
        EventEmitter().on("attempt_started", handler)


@pytest.mark.parametrize(
    "handler",
    [print, [].append, set().add, dict, str, functools.partial(print, "event"), lambda *args: None],
    ids=range(7),
)
def test_whatever_can_be_called_with_the_event_alone_is_a_handler(handler: Any) -> None:
    assert EventEmitter().on("attempt_started", handler) is handler


class Awaitable:
    def __await__(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("handler", "returned"),
    [
        (lambda event: coroutine([event]), "coroutine"),
        (lambda event: generates([event]), "async_generator"),
        (lambda event: yields([event]), "generator"),
        (lambda _: Awaitable(), "Awaitable"),
    ],
    ids=range(4),
)
def test_what_nobody_awaits_is_reported_when_it_is_returned(handler: Callable[[object], object], returned: str) -> None:
    emitter = EventEmitter()
    emitter.on("attempt_started", handler)
    seen: list[object] = []
    emitter.on("attempt_started", seen.append)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        emitter.emit(STARTED)
        gc.collect()

    (told,) = caught
    assert told.category is RuntimeWarning
    assert f"of attempt_started returned '{returned}', and nothing of it ran; a handler is a plain" in str(told.message)
    assert seen == [STARTED]


def test_a_warning_that_is_an_error_reaches_no_chat_either(caplog: pytest.LogCaptureFixture) -> None:
    deliver(lambda event: coroutine([event]), STARTED)

    assert caplog.messages == ["a handler of attempt_started failed"]
    assert "and nothing of it ran" in caplog.text


async def test_a_handler_may_start_a_task_and_return_it() -> None:
    emitter = EventEmitter()
    seen: list[object] = []
    tasks: list[asyncio.Task[None]] = []

    async def note(event: object) -> None:
        seen.append(event)

    def start(event: object) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(note(event)))
        return tasks[-1]

    emitter.on("attempt_started", start)
    emitter.emit(STARTED)
    await asyncio.gather(*tasks)

    assert seen == [STARTED]
