"""Delivers the events of `core/events.py` to their handlers.

A handler is a plain function of one argument. One that would have to be awaited is refused at
registration; if only the call can show it, behind a lambda, the first call warns. Nothing that a
handler does affects a chat.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from fallback_chat.core.checks import check_callable
from fallback_chat.core.events import EVENT_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.events import Event

    Handler = Callable[[Any], object]
    H = TypeVar("H", bound=Handler)

logger = logging.getLogger(__name__)
# A library is silent by default: without a handler, Python prints warnings on stderr itself.
logging.getLogger("fallback_chat").addHandler(logging.NullHandler())

_PLAIN = "a handler is a plain function: start a task in it for what has to be awaited"


class _Registration(NamedTuple):
    handler: Handler
    once: bool


class EventEmitter:
    """Calls handlers in the order of registration, at once and on the emitting thread."""

    def __init__(self) -> None:
        self._registrations: dict[str, list[_Registration]] = {name: [] for name in EVENT_NAMES.values()}

    @overload
    def on(self, name: str, handler: Handler) -> Handler: ...
    @overload
    def on(self, name: str) -> Callable[[H], H]: ...

    def on(self, name: str, handler: Handler | None = None) -> Any:
        """Call `handler(event)` for every event called `name`, and return the handler.

        Without a handler, return a decorator. Raises ValueError for an unknown name, TypeError for
        a handler that cannot be called with the event alone or would have to be awaited.
        """
        return self._register(name, handler, once=False)

    @overload
    def once(self, name: str, handler: Handler) -> Handler: ...
    @overload
    def once(self, name: str) -> Callable[[H], H]: ...

    def once(self, name: str, handler: Handler | None = None) -> Any:
        """Call `handler` for the next event called `name` only; otherwise like `on`."""
        return self._register(name, handler, once=True)

    def off(self, name: str, handler: Handler) -> None:
        """Stop calling `handler`, however it was registered; an unknown handler is ignored.

        Raises ValueError for an unknown name.
        """
        check_callable("handler", handler)
        registrations = self._of(name)
        found = next((one for one in registrations if one.handler == handler), None)
        if found is not None:
            registrations.remove(found)

    @overload
    def emit(self, event: Event, /) -> None: ...
    @overload
    def emit(self, name: str, event: Event, /) -> None: ...

    def emit(self, *args: Any) -> None:
        """Deliver an event to its handlers; its name may precede it, as in LiveKit's emitter.

        Raises TypeError for anything but an event, ValueError for the name of another one.
        """
        *names, event = args or (None,)
        name = EVENT_NAMES.get(type(event))
        if name is None:
            raise TypeError(f"event must be an event of fallback_chat, not {type(event).__name__}")
        if names not in ([], [name]):
            raise ValueError(f"an event of type {type(event).__name__} is called {name!r}, not {names[0]!r}")
        registrations = self._registrations[name]
        for one in tuple(registrations):
            if one.once:
                if not any(one is left for left in registrations):
                    continue  # an event emitted meanwhile by another handler was the one
                registrations.remove(one)
            deliver(one.handler, event)

    def _register(self, name: str, handler: Any, *, once: bool) -> Any:
        registrations = self._of(name)

        def register(handler: Any) -> Any:
            check_handler("handler", handler)
            registrations.append(_Registration(handler, once))
            return handler

        return register if handler is None else register(handler)

    def _of(self, name: Any) -> list[_Registration]:
        if not isinstance(name, str) or name not in self._registrations:
            called = repr(name) if isinstance(name, str) else type(name).__name__
            raise ValueError(f"no event is called {called}; there are {', '.join(self._registrations)}")
        return self._registrations[name]


def check_handler(field: str, handler: Any) -> None:
    """Raise TypeError, naming the field, unless `handler` is a plain function of one argument.

    A handler that does not reveal its signature is accepted.
    """
    check_callable(field, handler)
    import inspect
    from functools import partial

    called = handler
    while isinstance(called, partial):
        called = called.func
    for code in (called, getattr(called, "__call__", None)):  # noqa: B004 - the method itself is inspected
        if inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code) or inspect.isgeneratorfunction(code):
            raise TypeError(f"{field} {_name(handler)} would have to be awaited; {_PLAIN}")
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return  # a built-in function without a signature
    try:
        signature.bind(None)
    except TypeError as error:
        raise TypeError(f"{field} {_name(handler)} must take one argument, the event: {error}") from None


def deliver(handler: Handler, event: Event) -> None:
    """Call one handler; exceptions are logged."""
    try:
        result = handler(event)
        if result is not None:
            _check_result(handler, result, event)
    except Exception:
        logger.exception("a handler of %s failed", EVENT_NAMES[type(event)])


def _check_result(handler: Handler, result: object, event: Event) -> None:
    """Warn about a result that will never run: a coroutine, not a task."""
    from asyncio import isfuture
    from inspect import isasyncgen, isawaitable, isgenerator

    if isfuture(result) or not (isawaitable(result) or isasyncgen(result) or isgenerator(result)):
        return
    if callable(close := getattr(result, "close", None)):
        close()  # or Python would repeat the warning without the event's name
    import warnings

    warnings.warn(
        f"the handler {_name(handler)} of {EVENT_NAMES[type(event)]} returned {type(result).__name__!r}, "
        f"and nothing of it ran; {_PLAIN}",
        RuntimeWarning,
        stacklevel=3,
    )


def _name(handler: Any) -> str:
    return str(getattr(handler, "__qualname__", None) or repr(handler))
