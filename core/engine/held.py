"""The chunks held until an attempt has proved itself, bounded in number and size."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from sys import getsizeof
from typing import Final

from fallback_chat.core.errors import APIStreamError, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta

JOIN_FROM: Final = 256
"""Number of chunks held unchanged; from then on neighbours are joined."""
MOST_CHUNKS: Final = 20_000
MOST_PIECES: Final = 250_000
"""Twice the tokens of the longest answers: beyond that, a word is no longer to be expected."""
MOST_TEXT: Final = 16 * 2**20
"""Bytes of memory."""
_EMPTY: Final = getsizeof("")


class HeldChunks:
    """A queue of chunks.

    Raises `APIStreamError` if a provider sends more than anyone would wait for.
    """

    def __init__(self) -> None:
        self._chunks: deque[ChatChunk] = deque()
        self._open = False
        """Whether text is being joined to the last chunk."""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._size = 0
        self._pieces = 0

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def append(self, chunk: ChatChunk) -> None:
        """Append a chunk."""
        delta = chunk.delta
        self._pieces += 1
        if delta is not None:
            self._size += sum(getsizeof(text) - _EMPTY for text in (delta.content, delta.reasoning) if text)
        if len(self._chunks) >= MOST_CHUNKS or self._pieces > MOST_PIECES or self._size > MOST_TEXT:
            raise APIStreamError("too much arrived without an answer", kind=ErrorKind.STREAM_ERROR)
        if len(self._chunks) < JOIN_FROM or delta is None or not _is_only_text(chunk, delta):
            self._close()
            self._chunks.append(chunk)
        else:
            if not self._open or (delta.content and self._reasoning) or (delta.reasoning and self._content):
                self._close()
                self._open = True
                self._chunks.append(chunk)
            self._join(delta)

    def popleft(self) -> ChatChunk:
        """Remove and return the first chunk."""
        if len(self._chunks) == 1:
            self._close()
        return self._chunks.popleft()

    def _join(self, delta: ChoiceDelta) -> None:
        if delta.content:
            self._content.append(delta.content)
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)

    def _close(self) -> None:
        """Write the joined text into its chunk."""
        if self._open:
            delta = ChoiceDelta(content="".join(self._content) or None, reasoning="".join(self._reasoning) or None)
            self._chunks[-1] = replace(self._chunks[-1], delta=delta)
        self._open = False
        self._content.clear()
        self._reasoning.clear()


def _is_only_text(chunk: ChatChunk, delta: ChoiceDelta) -> bool:
    """Whether joining `chunk` to its neighbour loses nothing but a sign of progress."""
    return not (
        chunk.restarted
        or chunk.finish_reason
        or chunk.usage
        or delta.refusal
        or delta.tool_calls
        or delta.extras
        or (delta.content and delta.reasoning)
    )
