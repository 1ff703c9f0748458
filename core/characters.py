"""Sets of characters, and whether a text contains any of them."""

from __future__ import annotations

import re
from typing import Final

_SLICE: Final = 1 << 12
"""Characters that are searched at a time: few enough for the processor's cache."""


class Characters:
    """A set of characters, written as the inside of a regular expression's brackets.

    No signal is heard during a search. In the longest answer a regular expression takes a quarter
    of a second, so whatever is ASCII is searched at the speed of memory.
    """

    def __init__(self, ranges: str) -> None:
        self.pattern = re.compile(f"[{ranges}]")
        self._of_ascii = bytes(code for code in range(128) if self.pattern.match(chr(code)))

    def occur_in(self, text: str) -> bool:
        """Whether `text` contains one of them."""
        if len(text) > _SLICE:
            return any(self.occur_in(text[start : start + _SLICE]) for start in range(0, len(text), _SLICE))
        if text.isascii():
            return len(text.encode().translate(None, self._of_ascii)) < len(text)
        return self.pattern.search(text) is not None
