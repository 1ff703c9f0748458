"""Raw `<think>` tags: some servers send an open model's reasoning as the start of its answer."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"
_TAGS: Final = (_OPENING, _CLOSING)
_MOST_BLANKS: Final = 64
"""Characters before the tag; a server may send blanks for ever."""


class _Place(Enum):
    BEFORE = auto()
    INSIDE = auto()
    BEHIND = auto()
    """After the closing tag, before the first word."""


class ThinkSplitter:
    """Separates reasoning from content in the text of one answer, however it is split.

    Only an answer that begins with the tag has reasoning: one that mentions tags is content. A
    closing tag at the very beginning ends reasoning sent elsewhere. `done` means that all the rest
    is content.
    """

    def __init__(self) -> None:
        self.done = False
        self._place = _Place.BEFORE
        self._held = ""
        """A possible beginning of a tag, or blanks before one."""
        self._thought: list[str] = []

    @property
    def open(self) -> bool:
        """Whether something is held back or a tag is open."""
        return not self.done and (bool(self._held) or self._place is _Place.INSIDE)

    def feed(self, text: str) -> tuple[str, str]:
        """Return the new (content, reasoning) in the text so far."""
        if self.done:
            return text, ""
        text, self._held = self._held + text, ""
        match self._place:
            case _Place.BEFORE:
                return self._begin(text)
            case _Place.INSIDE:
                return self._think(text)
            case _Place.BEHIND:
                return self._answer(text), ""

    def flush(self, *, whole: bool) -> str:
        """Return the content left at the end of the answer.

        If the model calls the answer `whole` although the tag was never closed, it was not a tag
        but text.
        """
        self.done = True
        if self._place is not _Place.INSIDE:
            return self._held
        return "".join([_OPENING, *self._thought, self._held]) if whole else ""

    def _begin(self, text: str) -> tuple[str, str]:
        begun = text.lstrip()
        if any(len(begun) < len(tag) and tag.startswith(begun) for tag in _TAGS) and len(text) <= _MOST_BLANKS:
            self._held = text
            return "", ""
        if begun.startswith(_CLOSING):
            self._place = _Place.BEHIND
            return self._answer(begun.removeprefix(_CLOSING)), ""
        if not begun.startswith(_OPENING):
            self.done = True
            return text, ""
        self._place = _Place.INSIDE
        return self._think(begun.removeprefix(_OPENING))

    def _think(self, text: str) -> tuple[str, str]:
        thought, closing, content = text.partition(_CLOSING)
        if closing:
            self._place = _Place.BEHIND
            return self._answer(content), thought
        kept = next((size for size in range(len(_CLOSING) - 1, 0, -1) if text.endswith(_CLOSING[:size])), 0)
        thought, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._thought.append(thought)
        return "", thought

    def _answer(self, text: str) -> str:
        text = text.lstrip()
        self.done = bool(text)
        return text
