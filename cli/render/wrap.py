"""Text broken into rows: between words, and between the characters of a script that is written without blanks.

A word that is longer than a row is left whole. The terminal wraps it, and what is copied from there is one word again. Only one
of many pages is cut: all of it would have to be laid out again for every frame.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, clusters, is_wide
from fallback_chat.cli.render.rows import trimmed, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fallback_chat.cli.render.inline import Piece
    from fallback_chat.cli.render.rows import Row, Span

LONGEST: Final = 2000
"""Characters of a word that is left whole."""
_PART: Final = re.compile(r"\n|[ \t]+|[^ \t\n]+")
_NEVER_FIRST: Final = frozenset({"Pe", "Pf", "Po", "Lm"})
"""Categories of characters that no row of ideographs begins with: closing brackets, full stops, marks of length."""
_NEVER_LAST: Final = frozenset({"Ps", "Pi"})


class TextRow(NamedTuple):
    """A row, and where its text begins."""

    row: Row
    start: int
    """In the source."""
    reopen: str
    """The marks that the source needs in front of it to read the same from there on."""


def wrapped(pieces: Iterable[Piece], columns: int, first: Row = (), rest: Row = ()) -> list[TextRow]:
    """Break `pieces` into rows; the first one begins with `first` and the others with `rest`. There is at least one."""
    paragraph = _Paragraph(columns, first, rest)
    for piece in pieces:
        offset = 0
        for part in _PART.findall(piece.text):
            if part == "\n":
                paragraph.end_row()
            elif part[0] in " \t":
                paragraph.blank(part.replace("\t", "    "), piece.style)
            else:
                start = piece.start + offset * piece.exact
                for word in _words(part):
                    paragraph.add(word, piece.style, start, piece.reopen)
                    start += len(word) * piece.exact
            offset += len(part)
    paragraph.end_row(last=True)
    return paragraph.rows


def _words(word: str) -> Iterator[str]:
    """Cut a word where a row may end inside it."""
    if word.isascii():
        for start in range(0, len(word), LONGEST):
            yield word[start : start + LONGEST]
        return
    part = ""
    for cluster in clusters(word):
        if part and _may_part(part[-1], cluster[0]):
            yield part
            part = ""
        part += cluster
    yield part


def _may_part(before: str, after: str) -> bool:
    if not (is_wide(before) or is_wide(after)):
        return False
    return unicodedata.category(before) not in _NEVER_LAST and unicodedata.category(after) not in _NEVER_FIRST


class _Paragraph:
    """Fills rows with words."""

    def __init__(self, columns: int, first: Row, rest: Row) -> None:
        self.rows: list[TextRow] = []
        self._columns = columns
        self._rest = rest
        self._row: list[Span] = list(first)
        self._used = width(first)
        self._begins: tuple[int, str] | None = None
        """Where the row's first word begins; None when it has none yet."""
        self._blank: Span = ("", "")
        """What stands in front of the next word, if that is not the first of its row."""
        self._word: list[Span] = []
        self._word_width = 0
        self._word_begins = (0, "")

    def add(self, text: str, style: str, start: int, reopen: str) -> None:
        """Take the next part of a word, or the next word after a blank."""
        if self._word and (self._word_width >= LONGEST or _may_part(self._word[-1][0][-1], text[0])):
            self._end_word()
        if not self._word:
            self._word_begins = (start, reopen)
        self._word.append((text, style))
        self._word_width += cells(text)

    def blank(self, text: str, style: str) -> None:
        """End the word."""
        self._end_word()
        self._blank = (self._blank[0] + text, style)

    def end_row(self, *, last: bool = False) -> None:
        """End the word and its row."""
        self._end_word()
        self._blank = ("", "")
        if self._begins is None and last and self.rows:
            return
        start, reopen = self._begins or (0, "")
        self.rows.append(TextRow(trimmed(self._row), start, reopen))
        self._row, self._used, self._begins = list(self._rest), width(self._rest), None

    def _end_word(self) -> None:
        if not self._word:
            return
        word, size = self._word, self._word_width
        self._word, self._word_width = [], 0
        blank, self._blank = self._blank, ("", "")
        if self._begins is not None and self._used + len(blank[0]) + size > self._columns:
            self.end_row()
        if self._begins is None:
            self._begins = self._word_begins
        else:
            self._row.append(blank)
            self._used += len(blank[0])
        self._row += word
        self._used += size
        if self._used > self._columns:  # the terminal wraps it, and the next word may stand behind its end
            self._used = (self._used - 1) % self._columns + 1
