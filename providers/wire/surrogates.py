"""Characters that a stream splits in two.

Gateways written in JavaScript split at UTF-16 units: one delta ends with the escape of half a
surrogate pair, the next begins with the other half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.llm import ChoiceDelta
from fallback_chat.providers.wire.request import repair

if TYPE_CHECKING:
    from fallback_chat.core.llm import ChatChunk


class SurrogateJoiner:
    """Holds back half a pair at the end of a text; at the finish it becomes U+FFFD."""

    def __init__(self) -> None:
        self._content = ""
        self._reasoning = ""

    def feed(self, chunk: ChatChunk) -> None:
        """Repair the texts of `chunk` in place."""
        final = chunk.finish_reason is not None
        if final and (self._content or self._reasoning):
            chunk.delta = chunk.delta or ChoiceDelta()
        delta = chunk.delta
        if delta is not None:
            delta.content, self._content = _join(self._content, delta.content, final=final)
            delta.reasoning, self._reasoning = _join(self._reasoning, delta.reasoning, final=final)


def _join(held: str, text: str | None, *, final: bool) -> tuple[str | None, str]:
    whole = held + (text or "")
    if whole and not final and "\ud800" <= whole[-1] <= "\udbff":
        return repair(whole[:-1]) or None, whole[-1]
    return repair(whole) or None, ""
