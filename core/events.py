"""The events that the engine emits while it works; `core/emitter.py` delivers them."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.checks import check_count, check_seconds, check_type
from fallback_chat.core.errors import APIError
from fallback_chat.core.llm import LLM
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable


class State(StrEnum):
    """The state of a provider's breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    BLOCKED = "blocked"
    DISABLED = "disabled"


class _Checked:
    """A dataclass whose fields are checked, at construction, by their annotations."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError, naming the field, for a value of another type or range."""
        for field in fields(self):  # type: ignore[arg-type] # each subclass is a dataclass
            kind, _, optional = str(field.type).partition(" | ")
            value = getattr(self, field.name)
            if value is not None or not optional:
                _CHECKS[kind](field.name, value)


_CHECKS: Final[dict[str, Callable[[str, object], None]]] = {
    "LLM": lambda field, value: check_type(field, value, LLM),
    "APIError": lambda field, value: check_type(field, value, APIError),
    "State": lambda field, value: check_type(field, value, State),
    "bool": lambda field, value: check_type(field, value, bool),
    "str": lambda field, value: check_type(field, value, str),
    "int": check_count,
    "float": lambda field, value: check_seconds(field, value, zero=True),
}
"""The check of each type of field; a number is a count or a number of seconds."""


@dataclass(frozen=True, slots=True)
class AttemptStarted(_Checked):
    """A request is sent."""

    llm: LLM
    number: int
    """1 for the first request of the turn."""

    def __post_init__(self) -> None:
        _Checked.__post_init__(self)
        check_count("number", self.number, least=1)


@dataclass(frozen=True, slots=True)
class AttemptFailed(_Checked):
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


@dataclass(frozen=True, slots=True)
class AttemptLate(_Checked):
    """A provider is late: `next` is asked in parallel, and the first content wins."""

    llm: LLM
    next: LLM
    elapsed: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Switch(_Checked):
    """A switch that `decide` is asked about: the turn would cross over to `to_llm`."""

    from_llm: LLM
    """The provider that the turn began with."""
    to_llm: LLM
    reason: APIError | None
    """The failure that leads there; None if the others are resting."""


@dataclass(frozen=True, slots=True)
class AttemptSkipped(_Checked):
    """A provider is not asked: it rests, its window is too small, or the user did not consent."""

    llm: LLM
    error: APIError


@dataclass(frozen=True, slots=True)
class Notice(_Checked):
    """A request was changed because the provider would have rejected it as it was."""

    llm: LLM
    text: str
    """In words that follow the provider's name."""


@dataclass(frozen=True, slots=True)
class ProviderGivenUp(_Checked):
    """The user gives up on a provider; another one takes over the turn."""

    llm: LLM
    next: LLM


@dataclass(frozen=True, slots=True)
class Waiting(_Checked):
    """No provider can answer now: the turn pauses, then asks the chain again."""

    seconds: float
    """Length of the pause."""
    until: float
    """Wall-clock time (seconds since the epoch) at which it continues."""
    llm: LLM
    """The provider expected to be back by then."""
    error: APIError | None = None
    """Why it could not answer."""


@dataclass(frozen=True, slots=True)
class FailedOver(_Checked):
    """Another provider takes over the turn."""

    from_llm: LLM
    to_llm: LLM
    reason: APIError


@dataclass(frozen=True, slots=True)
class StreamRestarted(_Checked):
    """The text shown so far is void; the answer starts over."""

    from_llm: LLM
    to_llm: LLM
    discarded: int
    """Number of characters to discard."""


@dataclass(frozen=True, slots=True)
class StreamContinued(_Checked):
    """Another provider continues the text shown so far, proven to fit."""

    from_llm: LLM
    to_llm: LLM
    at: int
    """Number of characters shown before."""


@dataclass(frozen=True, slots=True)
class AvailabilityChangedEvent(_Checked):
    """A provider became available or unavailable; LiveKit's event, with the reason added."""

    llm: LLM
    available: bool
    state: State | None = None
    reason: str | None = None
    """A kind of failure, or the reason for coming back: `success`, `probe`, `user`."""
    until: float | None = None
    """Wall-clock time (seconds since the epoch) from which it is worth asking again."""
    cause: APIError | None = None


@dataclass(frozen=True, slots=True)
class LinkChanged(_Checked):
    """This machine seems to be offline, or is back.

    No provider is to blame for failures in between.
    """

    offline: bool
    next: LLM | None = None
    """The provider on this machine that is asked instead."""


@dataclass(frozen=True, slots=True)
class AllFailed(_Checked):
    """The turn has no answer."""

    error: APIError


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
