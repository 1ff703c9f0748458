"""Pasted text, cleaned; a long paste is one character of the line, shown as a sign."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.draft import Draft, Origin
from fallback_chat.cli.words.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_LINES: Final = 10
LONG_CHARACTERS: Final = 1000
"""Lines and characters above which a paste is long."""
_FIRST: Final = 0x100000
"""Signs are from Unicode's last private plane; a paste containing such a character gets a sign,
too."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def cleaned(text: str) -> str:
    """Return pasted text with our line ends and without control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class Pastes:
    """The long pastes of this run."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._signs: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def folded(self, text: str) -> str:
        """Return the line's text for a paste: itself, or the sign of a long one."""
        long = text.count("\n") >= LONG_LINES or len(text) > LONG_CHARACTERS
        if not long and all(ord(character) < _FIRST for character in text):
            return text
        if text not in self._signs:
            self._signs[text] = chr(_FIRST + len(self._texts))
            self._texts.append(text)
        return self._signs[text]

    def unfolded(self, character: str) -> str:
        """Return the paste of a sign; any other character is returned as it is."""
        return self._texts[ord(character) - _FIRST] if self._is_sign(character) else character

    def _is_sign(self, character: str) -> bool:
        return 0 <= ord(character) - _FIRST < len(self._texts)

    def label(self, character: str) -> str | None:
        """Return the label of a sign, numbered by appearance; None for any other character."""
        if not self._is_sign(character):
            return None
        number = self._numbers.setdefault(character, len(self._numbers) + 1)
        lines = self.unfolded(character).count("\n") + 1
        return f"[pasted #{number}: {counted(lines, 'line')}]"

    def encode(self, draft: Draft) -> tuple[str, tuple[Origin, ...]]:
        """Return a draft in the form of the line: its text, and the origin of each character."""
        texts = [self.folded(run.text) if run.origin is Origin.PASTED else run.text for run in draft.runs]
        origins = [run.origin for run, text in zip(draft.runs, texts, strict=True) for _ in text]
        return "".join(texts), tuple(origins)

    def decode(self, text: str, origins: Sequence[Origin]) -> Draft:
        """Return the draft in the line."""
        return Draft.of(
            (self.unfolded(character) if origin is Origin.PASTED else character, origin)
            for character, origin in zip(text, origins, strict=True)
        )
