"""The events that the engine emits while it works; `core/emitter.py` delivers them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fallback_chat.core.checks import check_count, check_seconds, check_text, check_type
from fallback_chat.core.errors import APIError
from fallback_chat.core.llm import LLM


class State(StrEnum):
    """The state of a provider's breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    BLOCKED = "blocked"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A request is sent."""

    llm: LLM
    number: int
    """1 for the first request of the turn."""

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_count("number", self.number, least=1)


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A request failed; `next` is asked now: another provider, the same one, or none (None)."""

    llm: LLM
    error: APIError
    elapsed: float
    next: LLM | None
    retry_in: float | None = None
    """Seconds until the same provider is asked again, if it is."""
    after_content: bool = False
    """Text of this attempt had been shown."""
    overtaken: bool = False
    """It was late (`AttemptLate`), and `next`, asked in parallel, has begun to answer."""

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("error", self.error, APIError)
        check_type("next", self.next, LLM, none=True)
        check_seconds("elapsed", self.elapsed, zero=True)
        check_seconds("retry_in", self.retry_in, zero=True, none=True)
        check_type("after_content", self.after_content, bool)
        check_type("overtaken", self.overtaken, bool)


@dataclass(frozen=True, slots=True)
class AttemptLate:
    """A provider is late: `next` is asked in parallel, and the first content wins."""

    llm: LLM
    next: LLM
    elapsed: float
    """Seconds."""

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("next", self.next, LLM)
        check_seconds("elapsed", self.elapsed, zero=True)


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that `decide` is asked about: the turn would cross over to `to_llm`."""

    from_llm: LLM
    """The provider that the turn began with."""
    to_llm: LLM
    reason: APIError | None
    """The failure that leads there; None if the others are resting."""

    def __post_init__(self) -> None:
        check_type("from_llm", self.from_llm, LLM)
        check_type("to_llm", self.to_llm, LLM)
        check_type("reason", self.reason, APIError, none=True)


@dataclass(frozen=True, slots=True)
class AttemptSkipped:
    """A provider is skipped in this turn: the conversation exceeds its context window."""

    llm: LLM
    error: APIError

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("error", self.error, APIError)


@dataclass(frozen=True, slots=True)
class Notice:
    """A request was changed because the provider would have rejected it as it was."""

    llm: LLM
    text: str
    """In words that follow the provider's name."""

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_text(self, "text")


@dataclass(frozen=True, slots=True)
class ProviderGivenUp:
    """The user gives up on a provider; another one takes over the turn."""

    llm: LLM
    next: LLM

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("next", self.next, LLM)


@dataclass(frozen=True, slots=True)
class Waiting:
    """No provider can answer now: the turn pauses, then asks the chain again."""

    seconds: float
    """Length of the pause."""
    until: float
    """Wall-clock time (seconds since the epoch) at which it continues."""
    llm: LLM
    """The provider expected to be back by then."""
    error: APIError | None = None
    """Why it could not answer."""

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("error", self.error, APIError, none=True)
        check_seconds("seconds", self.seconds, zero=True)
        check_seconds("until", self.until, zero=True)


@dataclass(frozen=True, slots=True)
class FailedOver:
    """Another provider takes over the turn."""

    from_llm: LLM
    to_llm: LLM
    reason: APIError

    def __post_init__(self) -> None:
        check_type("from_llm", self.from_llm, LLM)
        check_type("to_llm", self.to_llm, LLM)
        check_type("reason", self.reason, APIError)


@dataclass(frozen=True, slots=True)
class StreamRestarted:
    """The text shown so far is void; the answer starts over."""

    from_llm: LLM
    to_llm: LLM
    discarded: int
    """Number of characters to discard."""

    def __post_init__(self) -> None:
        check_type("from_llm", self.from_llm, LLM)
        check_type("to_llm", self.to_llm, LLM)
        check_count("discarded", self.discarded)


@dataclass(frozen=True, slots=True)
class StreamContinued:
    """Another provider continues the text shown so far, proven to fit."""

    from_llm: LLM
    to_llm: LLM
    at: int
    """Number of characters shown before."""

    def __post_init__(self) -> None:
        check_type("from_llm", self.from_llm, LLM)
        check_type("to_llm", self.to_llm, LLM)
        check_count("at", self.at)


@dataclass(frozen=True, slots=True)
class AvailabilityChangedEvent:
    """A provider became available or unavailable; LiveKit's event, with the reason added."""

    llm: LLM
    available: bool
    state: State | None = None
    reason: str | None = None
    """A kind of failure, or the reason for coming back: `success`, `user`."""
    until: float | None = None
    """Wall-clock time (seconds since the epoch) from which it is worth asking again."""
    cause: APIError | None = None

    def __post_init__(self) -> None:
        check_type("llm", self.llm, LLM)
        check_type("state", self.state, StrEnum, none=True)
        check_type("reason", self.reason, str, none=True)
        check_type("cause", self.cause, APIError, none=True)
        check_type("available", self.available, bool)
        check_seconds("until", self.until, zero=True, none=True)


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """This machine seems to be offline, or is back.

    No provider is to blame for failures in between.
    """

    offline: bool
    next: LLM | None = None
    """The provider on this machine that is asked instead."""

    def __post_init__(self) -> None:
        check_type("next", self.next, LLM, none=True)
        check_type("offline", self.offline, bool)


@dataclass(frozen=True, slots=True)
class AllFailed:
    """The turn has no answer."""

    error: APIError

    def __post_init__(self) -> None:
        check_type("error", self.error, APIError)


Event = (
    AttemptStarted
    | AttemptFailed
    | AttemptLate
    | AttemptSkipped
    | Notice
    | ProviderGivenUp
    | Waiting
    | FailedOver
    | StreamRestarted
    | StreamContinued
    | AvailabilityChangedEvent
    | LinkChanged
    | AllFailed
)

EVENT_NAMES: Final[dict[type[Any], str]] = {
    AttemptStarted: "attempt_started",
    AttemptFailed: "attempt_failed",
    AttemptLate: "attempt_late",
    AttemptSkipped: "attempt_skipped",
    Notice: "notice",
    ProviderGivenUp: "provider_given_up",
    Waiting: "waiting",
    FailedOver: "failed_over",
    StreamRestarted: "stream_restarted",
    StreamContinued: "stream_continued",
    AvailabilityChangedEvent: "llm_availability_changed",
    LinkChanged: "link_changed",
    AllFailed: "all_failed",
}
