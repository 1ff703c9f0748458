"""What the consumer has seen of an answer, whose text it is, and what becomes of it when its provider fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.events import StreamContinued, StreamRestarted
from fallback_chat.core.llm import ChatChunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.engine.continuation import Transcript
    from fallback_chat.core.engine.turn import Failure
    from fallback_chat.core.events import Event, Segment
    from fallback_chat.core.llm import LLM


class ShownText:
    """The text of a turn. Only where it may have to be continued is a copy of it kept.

    `can_discard` says whether the consumer can take back what it has shown.
    """

    def __init__(self, emit: Callable[[Event], None], *, may_continue: bool, can_discard: bool) -> None:
        self._emit = emit
        self._can_discard = can_discard
        self._transcript = _transcript() if may_continue else None
        self._broken: Failure | None = None
        """The last failure of a provider whose text is shown."""
        self._void: Failure | None = None
        """The failure whose text is void as soon as another provider has content."""
        self.llm: LLM | None = None
        """The provider that gave the last part of the text; None before the first content."""

    @property
    def partial(self) -> str:
        """What the next provider is to continue; empty where it starts over."""
        return "" if self._transcript is None else self._transcript.partial

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Who gave which part, where several did."""
        return () if self._transcript is None else self._transcript.segments(self.llm)

    @property
    def broken(self) -> Failure:
        """The failure that ended the text that is shown."""
        assert self._broken is not None
        return self._broken

    @property
    def passes(self) -> bool:
        """Whether chunks can be handed on without `take()`."""
        return self._transcript is None

    def begin(self, llm: LLM) -> ChatChunk | None:
        """Take in that `llm` has content; return the mark that makes the text so far void, where it is."""
        if self._transcript is not None:
            self._transcript.begin()
        if self._transcript is None or not self._transcript.undecided:
            self.llm = llm
        void, self._void = self._void, None
        if void is None:
            return None
        self._emit(StreamRestarted(void.candidate.llm, llm, void.shown or 0))
        return ChatChunk(restarted=True)

    def take(self, chunk: ChatChunk, llm: LLM) -> ChatChunk:
        """Return a chunk of `llm` as it can be shown. Raises `SeamUnprovenError`."""
        transcript = self._transcript
        if transcript is None:
            return chunk
        undecided, before = transcript.undecided, transcript.length
        shown = transcript.take(chunk)
        if undecided and not transcript.undecided:
            self.llm = llm
            self._emit(StreamContinued(self.broken.candidate.llm, llm, before))
        return shown

    def end(self) -> None:
        """Take in that the provider has nothing more to say. Raises `SeamUnprovenError`."""
        if self._transcript is not None:
            self._transcript.end()

    def break_off(self, failure: Failure, handed_out: int) -> Failure:
        """Take in a failure after content; return it with what had been shown, counted in characters."""
        transcript = self._transcript
        failure = failure._replace(shown=handed_out if transcript is None else transcript.length)
        if transcript is None or not transcript.undecided:
            self._broken = failure
        return failure

    def hand_over(self, policy: OnStreamFailure, *, only_text: bool) -> bool:
        """Prepare what is shown for the next provider; False when it has to stay as it is.

        Only text is ever continued: never inside a tool call or a refusal.
        """
        transcript = self._transcript
        continues = policy is OnStreamFailure.CONTINUE and only_text
        if continues and transcript is not None and transcript.can_continue():
            transcript.keep(self.broken.candidate.llm)
            return True
        if policy in (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE):
            return self.discard()
        return False

    def discard(self, failure: Failure | None = None) -> bool:
        """Have the next provider start over; False when what is shown cannot be taken back."""
        if not self._can_discard:
            return False
        self._void = failure or self._broken
        if self._transcript is not None:
            self._transcript.discard()
        return True


def _transcript() -> Transcript:
    from fallback_chat.core.engine.continuation import Transcript  # for the few who want it

    return Transcript()
