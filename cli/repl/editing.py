"""What the input line does with text: when Enter sends, blocks in triple quotes, and large pastes behind a short sign."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from re import Match

QUOTES: Final = '"""'
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_SIGN: Final = re.compile(r"\[pasted #(\d+): \d+ lines\]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LONG_PASTE_LINES: Final = 10
LONG_PASTE_CHARACTERS: Final = 1000


def is_open(text: str) -> bool:
    """Say whether a text waits for more: a block in triple quotes or a code fence is not closed."""
    stripped = text.strip()
    if stripped.startswith(QUOTES):
        return not (len(stripped) >= 2 * len(QUOTES) and stripped.endswith(QUOTES))
    return len(_FENCE.findall(text)) % 2 == 1


def unquoted(text: str) -> str:
    """Take the triple quotes off a block."""
    stripped = text.strip()
    if len(stripped) >= 2 * len(QUOTES) and stripped.startswith(QUOTES) and stripped.endswith(QUOTES):
        return stripped[len(QUOTES) : -len(QUOTES)].strip("\n")
    return stripped


class Pastes:
    """Large pastes, each behind a sign that stands for it in the input line."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def sign(self, text: str) -> str:
        """Give what to put into the line for a paste: itself, or a sign when it is large."""
        text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
        lines = text.count("\n") + 1
        if lines <= LONG_PASTE_LINES and len(text) <= LONG_PASTE_CHARACTERS:
            return text
        self._texts.append(text)
        return f"[pasted #{len(self._texts)}: {lines} lines]"

    def expand(self, text: str) -> str:
        """Put the pastes in place of their signs."""
        return _SIGN.sub(self._text, text)

    def _text(self, match: Match[str]) -> str:
        number = int(match[1])
        return self._texts[number - 1] if 1 <= number <= len(self._texts) else match[0]
