"""The attempts of a turn: the record of each, and the failure of them all."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fallback_chat.core.checks import check_count, check_seconds, check_text, check_type, one_of, several
from fallback_chat.core.errors import APIConnectionError, APIError, ErrorDetails, ErrorKind
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


_RANKS: Final = tuple(ErrorKind)


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"
    PARTIAL = "partial"
    """It failed after some of its text had been shown."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Not asked: resting, blocked, disabled, or too small for this conversation."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One request to one provider within a turn; times in seconds."""

    provider: str
    kind: str
    model: str
    outcome: Outcome
    error: APIError | None = None
    first_token: float | None = None
    elapsed: float = 0.0
    round: int = 1
    """1 for the first pass over the chain; each wait for the whole chain begins another."""
    budget: float | None = None
    """The time limit up to its first content; None if unknown."""
    budget_reason: str | None = None
    """The rule behind the limit: `asked`, `default`, `local`, `thinks`, `learned`, `trial` or
    `deadline`."""

    def __post_init__(self) -> None:
        check_text(self, "provider", "kind", "model")
        object.__setattr__(self, "outcome", one_of("outcome", self.outcome, Outcome))
        check_type("error", self.error, APIError, none=True)
        check_seconds("first_token", self.first_token, zero=True, none=True)
        check_seconds("elapsed", self.elapsed, zero=True)
        check_count("round", self.round, least=1)
        check_seconds("budget", self.budget, zero=True, none=True)
        check_type("budget_reason", self.budget_reason, str, none=True)


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a continued answer given by one provider, a half-open range of code points."""

    provider: str
    model: str
    start: int
    end: int

    def __post_init__(self) -> None:
        check_text(self, "provider", "model")
        check_count("start", self.start)
        check_count("end", self.end)
        if self.end < self.start:
            raise ValueError(f"end cannot be less than start ({self.start}), not {self.end}")


class AllProvidersFailed(APIConnectionError):  # noqa: N818 - the name is part of the public interface
    """No provider of the chain gave an answer; a connection error, as in LiveKit's adapter.

    `attempts` has every attempt in order; the last one's error is chained as `__cause__`. `kind`
    sums them up: failures that waiting mends come first, then those that the network mends, then
    those that only the user can mend. As a string it names each provider, why it failed, and the
    time spent.
    """

    def __init__(
        self,
        attempts: Sequence[AttemptRecord],
        *,
        deadline_exceeded: bool = False,
        next_round: float | None = None,
    ) -> None:
        self.attempts = several("attempts", attempts, AttemptRecord)
        check_type("deadline_exceeded", deadline_exceeded, bool)
        check_seconds("next_round", next_round, zero=True, none=True)
        latest = max((attempt.round for attempt in self.attempts), default=1)
        errors = [one.error for one in self.attempts if one.error is not None and one.round == latest]
        decisive = min(errors, key=lambda error: _RANKS.index(error.kind), default=None)
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        self.deadline_exceeded = deadline_exceeded or getattr(decisive, "deadline_exceeded", False)
        """A deadline, of this chain or of the decisive one within it, ended the turn."""
        self.next_round = next_round
        """Seconds after which the chain would have tried again, had the turn been allowed to wait
        so long; None if waiting helps nobody. `retry_after` is the same, or else the shortest wait
        that a provider has named."""
        self.headline = _headline(errors)
        """The failure without the names of the providers."""
        super().__init__(
            self._in_full(),
            kind=decisive.kind if decisive else ErrorKind.CONNECTION,
            details=ErrorDetails(
                retry_after=min(waits, default=None) if next_round is None else next_round,
                blames_input=decisive is not None and decisive.details.blames_input,
            ),
        )

    def _in_full(self) -> str:
        """Return the headline with the time it took, and the last failure of each provider."""
        latest: dict[str, APIError | None] = {}
        for one in self.attempts:
            latest[one.provider] = one.error or latest.get(one.provider)
        told = "; ".join(f"{name}: {'not asked' if error is None else _told(error)}" for name, error in latest.items())
        seconds = sum(one.elapsed for one in self.attempts)
        spent = f" after {seconds:.1f} s" if any(latest.values()) else ""
        return f"{self.headline}{spent}{f' ({told})' if told else ''}"


def _headline(errors: Sequence[APIError]) -> str:
    if not errors:
        return "no provider of the chain could be asked"
    if all(isinstance(error, APIConnectionError) and error.no_route for error in errors):
        return "you seem to be offline: no provider of the chain can be reached"
    return "no provider of the chain gave an answer"


def _told(error: APIError) -> str:
    """Return a failure in a few words: its kind, the status and the server's text."""
    status = f"HTTP {error.details.status}" if error.details.status else ""
    said = ": ".join(part for part in (status, " ".join(error.message.split())) if part)
    return f"{error.kind.value.replace('_', ' ')} ({said})" if said else error.kind.value.replace("_", " ")
