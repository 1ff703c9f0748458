"""Raw `<think>` tags and their like: some servers leave an open model's reasoning in its answer."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

_PAIRS: Final = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",  # Amazon Nova
    "<thought>": "</thought>",  # Gemini behind its OpenAI interface
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",  # Magistral
    "◁think▷": "◁/think▷",  # Kimi-VL
    "<|channel|>analysis<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",  # gpt-oss
}
"""The tags that begin and end reasoning."""
_CLOSING: Final = tuple(_PAIRS.values())
_TAGS: Final = (*_PAIRS, *_CLOSING)
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
        self._opening = ""
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
        return "".join([self._opening, *self._thought, self._held]) if whole else ""

    def _begin(self, text: str) -> tuple[str, str]:
        begun = text.lstrip()
        if any(len(begun) < len(tag) and tag.startswith(begun) for tag in _TAGS) and len(text) <= _MOST_BLANKS:
            self._held = text
            return "", ""
        if closing := next(filter(begun.startswith, _CLOSING), ""):
            self._place = _Place.BEHIND
            return self._answer(begun.removeprefix(closing)), ""
        self._opening = next(filter(begun.startswith, _PAIRS), "")
        if not self._opening:
            self.done = True
            return text, ""
        self._place = _Place.INSIDE
        return self._think(begun.removeprefix(self._opening))

    def _think(self, text: str) -> tuple[str, str]:
        closing = _PAIRS[self._opening]
        thought, closed, content = text.partition(closing)
        if closed:
            self._place = _Place.BEHIND
            return self._answer(content), thought
        kept = next((size for size in range(len(closing) - 1, 0, -1) if text.endswith(closing[:size])), 0)
        thought, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._thought.append(thought)
        return "", thought

    def _answer(self, text: str) -> str:
        text = text.lstrip()
        self.done = bool(text)
        return text
