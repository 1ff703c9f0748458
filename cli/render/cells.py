"""The columns that a text takes, on the terminal that needs most for it.

Terminals disagree about emoji of several characters: one draws a family in two columns, another its
members side by side. Rows that fit the widest interpretation fit everywhere, so none is ever cut or
wrapped by accident.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from rich.cells import get_character_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_JOINER: Final = "\u200d"
_EMOJI_SELECTOR: Final = "\ufe0f"
"""Makes a narrow character an emoji, which is wide."""
_REGIONAL: Final = range(0x1F1E6, 0x1F200)
"""Two of these letters make a flag."""
_SKIN: Final = range(0x1F3FB, 0x1F400)


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if character == _EMOJI_SELECTOR or unicodedata.category(character) == "Mc":
        return 1
    return 2 if ord(character) in _REGIONAL or ord(character) in _SKIN else get_character_cell_size(character)


def cells(text: str) -> int:
    """Return the columns that `text` takes at most."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def positions(text: str) -> Sequence[int]:
    """Return the column in which each character begins, and the one behind the last."""
    return range(len(text) + 1) if text.isascii() else [0, *accumulate(map(_columns, text))]


def is_wide(character: str) -> bool:
    """Whether a character takes two columns."""
    return character > "\u10ff" and _columns(character) == 2


def fitting(text: str, columns: int) -> str:
    """Return as much of the beginning of a text as fits into `columns`."""
    if text.isascii():
        return text[: max(0, columns)]
    kept = ""
    for cluster in clusters(text):
        columns -= cells(cluster)
        if columns < 0:
            break
        kept += cluster
    return kept


def shortened(text: str, columns: int) -> str:
    """Return a text, cut with an ellipsis if it is wider than `columns`."""
    if cells(text) <= columns:
        return text
    return f"{fitting(text, columns - 1)}…" if columns > 0 else ""


def ending(text: str, columns: int) -> str:
    """Return a text without its beginning, for which an ellipsis stands, if it is too wide."""
    parts = [*clusters(text)]
    left = cells(text)
    if left <= columns:
        return text
    while parts and left > columns - 1:
        left -= cells(parts.pop(0))
    return f"…{''.join(parts)}"


def clusters(text: str) -> Iterator[str]:
    """Split `text` into what readers see as single characters."""
    start = 0
    for index in range(1, len(text)):
        if not _goes_on(text, start, index):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _goes_on(text: str, start: int, index: int) -> bool:
    character = text[index]
    if character < "\u0300":
        return False
    if character == _JOINER or text[index - 1] == _JOINER or unicodedata.category(character) in ("Mn", "Mc", "Me"):
        return True
    code = ord(character)
    if code in _REGIONAL:
        return index - start == 1 and ord(text[start]) in _REGIONAL
    return code in _SKIN or 0xE0020 <= code <= 0xE007F
