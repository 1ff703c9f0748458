"""What the engine tells while it works: frozen events, and the emitter that delivers them."""

from __future__ import annotations

import logging
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.engine.breaker import State
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.llm import LLM

logger = logging.getLogger(__name__)
# A library is silent until its user listens: without a handler, Python prints warnings and tracebacks on stderr by itself.
logging.getLogger("fallback_chat").addHandler(logging.NullHandler())


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"
    PARTIAL = "partial"
    """It failed after its text had been shown."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """It was not asked: cooling down, blocked, disabled, or too small for this conversation."""


class AttemptRecord(NamedTuple):
    """One request to one provider within a turn; times in seconds."""

    provider: str
    kind: str
    model: str
    outcome: Outcome
    error: APIError | None = None
    first_token: float | None = None
    elapsed: float = 0.0


class AttemptStarted(NamedTuple):
    """A request goes out."""

    llm: LLM
    number: int
    """1 for the first request of the turn."""


class AttemptFailed(NamedTuple):
    """A request failed; `next` says who is asked now: another provider, the same one, or nobody (None)."""

    llm: LLM
    error: APIError
    elapsed: float
    next: LLM | None
    retry_in: float | None = None
    """Seconds until the same provider is asked again, when it is."""
    after_content: bool = False
    """Text of this attempt had been shown."""


class AttemptSkipped(NamedTuple):
    """A provider is passed over in this turn because the conversation does not fit into its context window."""

    llm: LLM
    error: APIError


class Notice(NamedTuple):
    """A provider was asked for something other than was wished, as it would not have taken that."""

    llm: LLM
    text: str
    """In words that follow the provider's name."""


class FailedOver(NamedTuple):
    """Another provider takes over the turn."""

    from_llm: LLM
    to_llm: LLM
    reason: APIError


class StreamRestarted(NamedTuple):
    """Text shown so far is void; the answer begins anew."""

    from_llm: LLM
    to_llm: LLM
    discarded: int
    """Characters to be discarded."""


class AvailabilityChangedEvent(NamedTuple):
    """A provider became available or ceased to be; LiveKit's event, with the reasons added."""

    llm: LLM
    available: bool
    state: State | None = None
    reason: str | None = None
    """A kind of failure, or why it came back: `success`, `user`."""
    until: float | None = None
    """Wall-clock time (seconds since the epoch) at which it is worth asking again."""
    cause: APIError | None = None


class AllFailed(NamedTuple):
    """The turn has no answer."""

    error: APIError


Event = (
    AttemptStarted
    | AttemptFailed
    | AttemptSkipped
    | Notice
    | FailedOver
    | StreamRestarted
    | AvailabilityChangedEvent
    | AllFailed
)

EVENT_NAMES: Final[dict[type[Any], str]] = {
    AttemptStarted: "attempt_started",
    AttemptFailed: "attempt_failed",
    AttemptSkipped: "attempt_skipped",
    Notice: "notice",
    FailedOver: "failed_over",
    StreamRestarted: "stream_restarted",
    AvailabilityChangedEvent: "llm_availability_changed",
    AllFailed: "all_failed",
}


class EventEmitter:
    """Delivers events to plain functions, in the order of registration, at once and on the same thread.

    A handler is isolated: what it raises is logged and never reaches a chat. It is never awaited.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, list[Callable[[Any], object]]] = defaultdict(list)

    def on(self, name: str, handler: Callable[[Any], object]) -> Callable[[Any], object]:
        """Call `handler(event)` for every event called `name`; gives the handler back.

        Raises ValueError for a name that no event has, TypeError for a coroutine function, which nobody would await.
        """
        from inspect import iscoroutinefunction

        if iscoroutinefunction(handler):
            raise TypeError("a handler is a plain function: start a task in it for what has to be awaited")
        if name not in EVENT_NAMES.values():
            known = ", ".join(EVENT_NAMES.values())
            raise ValueError(f"no event is called {name!r}; there are {known}")
        self._handlers[name].append(handler)
        return handler

    def off(self, name: str, handler: Callable[[Any], object]) -> None:
        """Stop calling `handler`; unknown ones are ignored."""
        if handler in self._handlers[name]:
            self._handlers[name].remove(handler)

    def emit(self, event: Event) -> None:
        """Deliver `event` to its handlers."""
        for handler in tuple(self._handlers[EVENT_NAMES[type(event)]]):
            deliver(handler, event)


def deliver(handler: Callable[[Any], object], event: Event) -> None:
    """Call one handler; what it raises is logged."""
    try:
        handler(event)
    except Exception:
        logger.exception("a handler of %s failed", EVENT_NAMES[type(event)])
