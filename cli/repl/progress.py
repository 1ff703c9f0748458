"""The status row during an answer: the provider, the time, the pace, and the time limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.cli.words.failures import duration
from fallback_chat.cli.words.health import countdown
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.events import AttemptFailed, AttemptLate, AttemptStarted, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import ChatChunk

STALL: Final = 4.0
"""Seconds of silence above which the row counts them."""
CHARACTERS_PER_TOKEN: Final = 4
SWITCHING: Final = (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE)
"""With these, the next provider takes over a stalled answer."""


class Progress:
    """Follows one turn by its events and chunks; `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._heard = now()
        self._began = now()
        self._first: float | None = None
        self._characters = 0
        self._thinking = False
        self._again_at: float | None = None
        self.provider: str | None = None
        """The provider being asked."""
        self.left: Callable[[], float | None] = _unknown
        """Returns the seconds until the provider must send a sign of life."""
        self.thought_ago: Callable[[], float | None] = _unknown
        """Returns the seconds since the last reasoning, before the answer has begun."""
        self.can_switch: Callable[[], bool] = _yes
        """Returns whether another provider is left to ask."""
        self.speaker: Callable[[], str | None] = _unknown
        """Returns the provider of the text so far."""
        self.waits_for_you: Callable[[], bool] = _no
        """Returns whether a switch waits for the user's consent."""
        self._waits_for: str | None = None
        self._late: str | None = None
        """The earlier provider that is late, and may still answer."""
        self.on_stream_failure = OnStreamFailure.RAISE

    def event(self, event: Event) -> None:
        """Follow an event of the engine."""
        match event:
            case AttemptStarted(llm):
                self.provider = llm.label
                self._began = self._heard = self._now()
                self._first, self._characters, self._thinking, self._again_at = None, 0, False, None
                self._waits_for = None
            case AttemptLate(llm):
                self._late = llm.label
            case AttemptFailed(llm) if llm.label == self._late:
                self._late = None
            case Waiting(seconds, _, llm):
                self._again_at = self._now() + seconds
                self.provider = self._waits_for = llm.label
            case AttemptFailed(llm, _, _, following, retry_in) if following is llm and retry_in:
                self._again_at = self._now() + retry_in
            case _:
                pass

    def chunk(self, chunk: ChatChunk) -> None:
        """Follow a chunk of the answer."""
        delta = chunk.delta
        if delta is None:
            return
        self._heard = self._now()
        self._thinking = bool(delta.reasoning) and not delta.content
        if delta.content:
            if self._first is None:
                self._first, self._late = self._now(), None
                self.provider = self.speaker() or self.provider
            self._characters += len(delta.content)

    @property
    def stalls(self) -> bool:
        """Whether nothing has arrived for a while, and another provider could be asked."""
        if self.waits_for_you() or self._again_at is not None:
            return False
        return self.can_switch() and self._silence() >= STALL

    def way_out(self, next_key: str) -> str:
        """Return what the user can do about a silence; `next_key` asks the next provider."""
        if self._waits_for is not None:
            return "Ctrl-C to stop"
        return f"{next_key} now" if self.stalls else ""

    def activity(self, *, brief: bool = False) -> str:
        """Return what the provider is doing; if `brief`, only the time that the user waits for."""
        now = self._now()
        if self.waits_for_you():
            return "waits for you" if brief else "waits for your answer"
        if self._again_at is not None:
            left = countdown(self._again_at - now)
            if self._waits_for is None:
                return f"again in {left}" if brief else f"asked again in {left}"
            return f"in {left}" if brief else f"no provider available · {self._waits_for} in {left}"
        silence = self._silence()
        if silence >= STALL:
            words = f"no tokens {int(silence)} s"
            return words if brief else words + self._consequence()
        spent = duration_of(now - self._began)
        if self._first is None:
            thinks = self._thinking or self.thought_ago() is not None
            late = f"; {self._late} is late" if self._late is not None and not brief else ""
            return f"{'thinks' if thinks else 'waiting'} {spent}{late}"
        seconds = max(now - self._first, 0.001)
        speed = self._characters / CHARACTERS_PER_TOKEN / seconds
        return spent + (f" {speed:.0f} tok/s" if seconds > 1 and not brief else "")

    def _silence(self) -> float:
        """Return the seconds since the last sign of work."""
        silence = self._now() - self._heard
        ago = self.thought_ago()
        return silence if ago is None else min(silence, ago)

    def _consequence(self) -> str:
        """Return what a stall leads to, and when; nothing if that is unknown."""
        left = self.left()
        if left is None or left <= 0:
            return ""
        switches = self.can_switch() and (self._first is None or self.on_stream_failure in SWITCHING)
        return f" — {'next' if switches else 'gives up'} in {duration(max(1, int(left + 0.99)))}"


def duration_of(seconds: float) -> str:
    """Return a running time: `3 s`, `1:15`."""
    return f"{int(seconds)} s" if seconds < 60 else countdown(int(seconds))


def _unknown() -> None:
    """Return None: nobody waits yet."""
    return


def _yes() -> bool:
    return True


def _no() -> bool:
    return False
