"""Shared state of all readers: what was seen of an answer, and what its finish means.

A finish holds until content follows it: some gateways say `stop` with every chunk, or before the
first. Then the last one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from fallback_chat.core.chat_context import VendorExtra
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, FinishReason
from fallback_chat.core.redaction import quoted
from fallback_chat.providers.wire.allowance import Allowance
from fallback_chat.providers.wire.dialect import ErrorEventError, name_of
from fallback_chat.providers.wire.finish import Broken, ending_of
from fallback_chat.providers.wire.tools import ToolCallAssembler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fallback_chat.providers.wire.dialect import ChatRequest

Kept = TypeVar("Kept")
PROPER_ENDS: Final = frozenset({FinishReason.STOP, FinishReason.TOOL_CALLS})
"""Only these prove that the model wants a tool call to run as it is."""


class AnswerReader:
    """The state of one answer; a wire format adds the reading of its events."""

    def __init__(self, request: ChatRequest) -> None:
        self.output_started = False
        self.finished = False
        self.terminated = False
        self._request = request
        self._id = ""
        self._answering = ""
        self._allowance = Allowance()
        self._tools = ToolCallAssembler(self._allowance)
        self._text_seen = False
        self._refusal_seen = False
        self._word = ""
        """The word that ended the answer, until content follows it."""
        self._explanation = ""
        """Why it ended, if the server says more than a word."""
        self.dropped: set[str] = set()
        """The content that a terminal cannot show."""

    def close(self, *, marked: bool) -> list[ChatChunk]:
        """Return what was held back until the end of the body, or its terminator (`marked`).

        Raises `ErrorEventError`.
        """
        del marked
        chunks: list[ChatChunk] = []
        if self._word and not self.finished:
            self._finish(self._word, chunks, closing=True)
        return chunks

    def _chunk(self, delta: ChoiceDelta) -> list[ChatChunk]:
        """Return the chunk of a delta, or none if it is empty."""
        if delta.content or delta.reasoning or delta.refusal or delta.tool_fragment:
            self.output_started = True
            self._text_seen = self._text_seen or delta.content is not None
            self._refusal_seen = self._refusal_seen or delta.refusal is not None
            if self._word:
                self._take_back(delta)
        elif not delta.thinking:
            return []
        return [ChatChunk(delta, None, None, None, self._id, self._answering)]

    def _kept(self, value: Kept) -> Kept:
        """Return what is about to be kept, charged. Raises `FrameTooLargeError`."""
        self._allowance.charge(value)
        return value

    def _take_back(self, delta: ChoiceDelta) -> None:
        """Revoke a finish that came before `delta`; blanks after an answer change nothing."""
        if delta.reasoning or delta.refusal or delta.tool_fragment or not (delta.content or "").isspace():
            self._word, self.finished = "", False

    def _finish(self, word: str, chunks: list[ChatChunk], *, closing: bool = False) -> None:
        """Add the end that `word` stands for to `chunks`. Raises `ErrorEventError` for a failure.

        If the arguments of a call, or reasoning in tags, are still open, the end waits for that of
        the body.
        """
        word = name_of(word)
        ending = ending_of(word)
        if ending is None or (word == self._word and self.finished):
            return
        if isinstance(ending, Broken):
            raise ErrorEventError(broken(word, ending.type, self._explanation), chunks)
        self._word = word
        if ending in PROPER_ENDS and self._is_open() and not closing:
            return
        if self._tools.nameless and ending in PROPER_ENDS:
            raise ErrorEventError({"message": "the provider sent a tool call without a name"}, chunks)
        ending = self._judge(ending)
        self.finished = True
        calls = self._tools.release() if ending in PROPER_ENDS else ()
        state = self._state_of_it()
        request = self._request
        extras = (VendorExtra(request.settings.kind, request.model, state, request.origin),) if state else ()
        last = ChoiceDelta(self._left(ending) or None, tool_calls=calls, extras=extras)
        delta = last if last.content or last.tool_calls or last.extras else None
        chunks.append(
            ChatChunk(
                delta,
                finish_reason=ending,
                finish_raw=word,
                id=self._id,
                model=self._answering,
                finish_words=self._explanation or None,
            )
        )

    def _judge(self, ending: FinishReason) -> FinishReason:
        """Return an end in view of what preceded it: `stop` also ends tool calls and refusals."""
        if ending is not FinishReason.STOP:
            return ending
        return FinishReason.TOOL_CALLS if self._tools else FinishReason.REFUSAL if self._refusal_seen else ending

    def _is_open(self) -> bool:
        """Whether a part of the answer has begun without ending."""
        return self._tools.open

    def _left(self, ending: FinishReason) -> str:
        """Return the text that was held back until the end."""
        del ending
        return ""

    def _state_of_it(self) -> Any:
        """Return the state to send back with the answer, or None."""
        return None


def missing(seen: str, wholes: Iterable[str]) -> Iterator[str]:
    """Yield the part of each of `wholes`, in a row, that is missing in `seen`.

    Nothing more is yielded once they differ.
    """
    for whole in wholes:
        if seen.startswith(whole):
            seen = seen[len(whole) :]
            yield ""
        elif whole.startswith(seen):
            yield whole[len(seen) :]
            seen = ""
        else:
            return


def broken(word: str, type_: str, said: str = "") -> dict[str, str]:
    """Return the error that a finish reports, with the server's explanation `said`."""
    message = f"the provider ended the answer with {quoted(word)}{f': {said}' if said else ''}"
    return {"message": message, "code": word, "type": type_}
