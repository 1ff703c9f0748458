"""The text that the consumer has seen, its provider, and its fate if that provider fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.engine.seam import SeamUnprovenError
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.errors import APIStreamError
from fallback_chat.core.events import StreamContinued, StreamRestarted
from fallback_chat.core.llm import ChatChunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.attempts import Segment
    from fallback_chat.core.engine.continuation import Transcript
    from fallback_chat.core.engine.turn import Failure
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM


class ShownText:
    """The text of a turn; a copy is only kept if it may have to be continued.

    `can_discard` means that the consumer can take back what it has shown.
    """

    def __init__(self, emit: Callable[[Event], None], *, may_continue: bool, can_discard: bool) -> None:
        self._emit = emit
        self._can_discard = can_discard
        self._transcript = _transcript() if may_continue else None
        self._broken: Failure | None = None
        """The last failure of a provider whose text is shown."""
        self._void: Failure | None = None
        """The failure whose text becomes void as soon as another provider has content."""
        self.llm: LLM | None = None
        """The provider of the latest text; None before the first content."""

    @property
    def partial(self) -> str:
        """The text for the next provider to continue; empty if it starts over."""
        return "" if self._transcript is None else self._transcript.partial

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The parts of the text by provider, if several gave it."""
        return () if self._transcript is None else self._transcript.segments(self.llm)

    @property
    def broken(self) -> Failure:
        """The failure that ended the text shown."""
        assert self._broken is not None
        return self._broken

    @property
    def passes(self) -> bool:
        """Whether chunks can be handed on without `take()`."""
        return self._transcript is None

    @property
    def can_leave(self) -> bool:
        """Whether the provider that has content can be left: none of it is shown, or all can go."""
        return self._can_discard or (self._transcript is not None and self._transcript.undecided)

    def begin(self, llm: LLM) -> ChatChunk | None:
        """Note that `llm` has content; return the mark that voids earlier text, if there is any."""
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

    def restart(self, chunk: ChatChunk) -> None:
        """Note that the provider, perhaps a chain itself, starts over with `chunk`."""
        transcript = self._transcript
        if transcript is not None and transcript.is_continuing:
            if not transcript.undecided:
                raise SeamUnprovenError
            transcript.begin()  # nothing of it was shown
            chunk.restarted = False
        elif not self._can_discard:
            raise APIStreamError("it started over, and what was shown of it cannot be taken back")
        elif transcript is not None:
            transcript.discard()

    def end(self) -> None:
        """Note that the provider has finished. Raises `SeamUnprovenError`."""
        if self._transcript is not None:
            self._transcript.end()

    def break_off(self, failure: Failure, handed_out: int) -> Failure:
        """Note a failure after content; return it with the number of characters shown."""
        transcript = self._transcript
        failure = failure._replace(shown=handed_out if transcript is None else transcript.length)
        if transcript is None or not transcript.undecided:
            self._broken = failure
        return failure

    def hand_over(self, policy: OnStreamFailure, *, only_text: bool) -> bool:
        """Prepare the text for the next provider; return False if it has to stay as it is.

        Only text is ever continued, never a tool call or a refusal.
        """
        transcript = self._transcript
        continues = policy is OnStreamFailure.CONTINUE and only_text
        if continues and transcript is not None and transcript.can_continue():
            transcript.keep(self.broken.candidate.llm)
            return True
        if policy in (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE):
            return self.discard()
        return False

    def leave(self, failure: Failure) -> bool:
        """Let the next provider replace one that has content; return False if it cannot."""
        if self._transcript is not None and self._transcript.undecided:
            return True  # the next one is asked to continue the same text
        return self.discard(failure)

    def discard(self, failure: Failure | None = None) -> bool:
        """Let the next provider start over; return False if the text cannot be taken back."""
        if not self._can_discard:
            return False
        self._void = failure or self._broken
        if self._transcript is not None:
            self._transcript.discard()
        return True


def _transcript() -> Transcript:
    from fallback_chat.core.engine.continuation import Transcript  # only needed with on_stream_failure = "continue"

    return Transcript()
