"""The clocks of one attempt: which one runs in each phase, and what its expiry means. No I/O.

An attempt passes through phases. Only one arrow points back: text after a finish revokes the
finish, because some gateways send one with every chunk.

    FIRST ──▶ THINKING ──▶ ANSWERING ──▶ TAIL
      └─────────────────────▲     ▲────────┘

Each wait for the provider is bounded by the clock of the phase, by what the chain's deadline leaves
until the first content, and by the turn's total time. All clocks stop while the consumer is slow.

    clock           runs                        limit               restarted by
    FIRST_CONTENT   in FIRST                    the budget          nothing
    THINKING        while the model thinks      thinking_timeout    readable reasoning
    ALL_THINKING    while the model thinks      5 times that        nothing
    OPEN_CALL       after part of a call        thinking_timeout    the next part
    IDLE            after text                  idle_timeout        the next piece
    TAIL            after the finish            1 s                 nothing
    DEADLINE        until the first content     what is left        nothing
    TOTAL           always                      what is left        nothing

Once a finish has been revoked, TAIL has idle_timeout, and its expiry means that the answer was cut.
Roles, comments and pings are not progress.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fallback_chat.core.errors import APIError, APIStreamError, APITimeoutError, ErrorDetails, ErrorKind

if TYPE_CHECKING:
    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.llm import ChoiceDelta

FOREVER: Final = float("inf")
TAIL: Final = 1.0
MOST_THINKING: Final = 5
"""Multiple of `thinking_timeout` that all thinking together may last."""


class TotalTimeoutError(APITimeoutError):
    """The caller's time for the whole answer is over, which says nothing about the provider."""


class Phase(Enum):
    """The phase of an attempt: what it waits for."""

    FIRST = auto()
    THINKING = auto()
    ANSWERING = auto()
    TAIL = auto()


class Clock(Enum):
    """The limits of a wait."""

    FIRST_CONTENT = auto()
    THINKING = auto()
    ALL_THINKING = auto()
    OPEN_CALL = auto()
    IDLE = auto()
    TAIL = auto()
    DEADLINE = auto()
    TOTAL = auto()


class Clocks:
    """The phase of an attempt and the seconds left on each of its clocks."""

    def __init__(
        self, settings: AttemptSettings, budget: Budget, *, total_left: float = FOREVER, commit_left: float = FOREVER
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._idle_timeout = settings.idle_timeout
        self.phase = Phase.FIRST
        self._clock = Clock.FIRST_CONTENT
        self._left = budget.seconds
        """Seconds left on the clock of the current phase."""
        self._all_thinking_left = MOST_THINKING * settings.thinking_timeout
        self._commit_left = commit_left
        self.total_left = total_left
        """Seconds left of the turn's total time."""
        self.finish_taken_back = False
        """Whether text has followed a finish."""

    @property
    def left(self) -> float:
        """Seconds that the next wait may take."""
        return min(self.total_left, self._left, self._commit_left)

    def spend(self, seconds: float) -> None:
        """Deduct the time of a wait."""
        self._left -= seconds
        self.total_left -= seconds
        self._commit_left -= seconds
        if self.phase is Phase.THINKING:
            self._all_thinking_left -= seconds

    def grant(self, seconds: float) -> bool:
        """Extend the time to the first content; return False if another clock expires first."""
        if self.rung() is not Clock.FIRST_CONTENT:
            return False
        self._left += seconds
        self._commit_left = max(self._commit_left, self._left)  # its successor is asked by then
        return True

    def commit(self) -> None:
        """Stop the deadline: the first content has arrived."""
        self._commit_left = FOREVER

    def follow_text(self) -> None:
        """Restart the clock after a further piece of text."""
        self._clock, self._left = Clock.IDLE, self._idle_timeout

    def follow(self, delta: ChoiceDelta) -> None:
        """Move to the phase of a chunk's delta, and restart the clock."""
        if self._is_text(delta):
            self.finish_taken_back = self.finish_taken_back or self.phase is Phase.TAIL
            self.phase = Phase.ANSWERING
            self.follow_text()
        elif self.phase is Phase.TAIL:
            return
        elif delta.tool_fragment or delta.tool_calls:
            self.phase = Phase.ANSWERING
            self._wind(Clock.OPEN_CALL, self._settings.thinking_timeout)
        elif delta.reasoning or delta.thinking:
            self._follow_thinking(readable=bool(delta.reasoning))

    def finish(self) -> None:
        """Note that the provider has announced its finish."""
        self.phase = Phase.TAIL
        self._wind(Clock.TAIL, self._idle_timeout if self.finish_taken_back else TAIL)

    def _is_text(self, delta: ChoiceDelta) -> bool:
        """Whether `delta` is part of the answer itself; blanks only count once it has begun."""
        if delta.content and (self.phase is Phase.ANSWERING or not delta.content.isspace()):
            return True
        return bool(delta.refusal)

    def _follow_thinking(self, *, readable: bool) -> None:
        if self.phase is Phase.THINKING and not readable:
            return
        self.phase = Phase.THINKING
        limit = self._settings.thinking_timeout
        if limit < self._all_thinking_left:
            self._wind(Clock.THINKING, limit)
        else:
            self._wind(Clock.ALL_THINKING, self._all_thinking_left)

    def _wind(self, clock: Clock, seconds: float) -> None:
        self._clock, self._left = clock, seconds

    def rung(self) -> Clock:
        """Return the clock that has expired, or will be the first to."""
        clocks = ((self.total_left, Clock.TOTAL), (self._left, self._clock), (self._commit_left, Clock.DEADLINE))
        return min(clocks, key=lambda clock: clock[0])[1]

    def failure(self) -> APIError:
        """Return the failure of a wait that took too long, by the clock that expired."""
        rung, settings = self.rung(), self._settings
        what = _WHAT_IT_MEANS[rung].format(
            budget=self._budget.seconds,
            idle=settings.idle_timeout,
            thinking=settings.thinking_timeout,
            all_thinking=MOST_THINKING * settings.thinking_timeout,
        )
        if rung is Clock.TOTAL:
            return TotalTimeoutError(what, details=_NEVER_AGAIN)
        if rung in _IN_THE_MIDST:
            return APIStreamError(what, kind=ErrorKind.STALLED)
        return APITimeoutError(what, details=_NEVER_AGAIN, hint=_HINTS.get(rung))


_WHAT_IT_MEANS: Final = {
    Clock.FIRST_CONTENT: "nothing for {budget:.3g} s",
    Clock.THINKING: "no readable reasoning for {thinking:.3g} s",
    Clock.ALL_THINKING: "still thinking after {all_thinking:.3g} s",
    Clock.OPEN_CALL: "nothing for {thinking:.3g} s",
    Clock.IDLE: "nothing for {idle:.3g} s",
    Clock.TAIL: "nothing for {idle:.3g} s after a finish that was not the end",
    Clock.DEADLINE: "the chain's deadline left it no more time",
    Clock.TOTAL: "the time for the whole answer is over",
}
_IN_THE_MIDST: Final = (Clock.OPEN_CALL, Clock.IDLE, Clock.TAIL)
_HINTS: Final = {
    Clock.THINKING: "raise thinking_timeout if the question is hard",
    Clock.ALL_THINKING: "raise thinking_timeout if the question is hard",
    Clock.DEADLINE: "raise deadline if it is only slow",
}
_NEVER_AGAIN: Final = ErrorDetails(retryable=False)
