"""Text broken into rows: between words, or between characters in scripts without blanks.

A word longer than a row stays whole. The terminal wraps it, and copied from there it is one word
again. Only words longer than many pages are cut: they would have to be laid out again for every
frame.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, clusters, is_wide
from fallback_chat.cli.render.rows import trimmed, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fallback_chat.cli.render.rows import Row, Span

LONGEST: Final = 2000
"""Characters of a word that stays whole."""
_PART: Final = re.compile(r"\n|[ \t]+|[^ \t\n]+")
_NEVER_FIRST: Final = frozenset({"Pe", "Pf", "Po", "Lm"})
"""Categories of characters that may not begin a row of ideographs: closing brackets, full stops,
length marks."""
_NEVER_LAST: Final = frozenset({"Ps", "Pi"})


class Piece(NamedTuple):
    """Text in one style."""

    text: str
    style: str
    start: int
    """Position in the source."""
    reopen: str | None
    """The marks to prepend to the source for the same result from here on.

    None if they would fuse into a longer run, or what is left of a run would begin the text: those
    pair in another way.
    """
    exact: bool
    """Whether each of its characters is one of the source."""


class TextRow(NamedTuple):
    """A row and the position of its text."""

    row: Row
    start: int
    """Position in the source."""
    reopen: str | None
    """The marks to prepend to the source for the same result from there on.

    None if no marks do that.
    """


def wrapped(pieces: Iterable[Piece], columns: int, first: Row = (), rest: Row = ()) -> list[TextRow]:
    """Break `pieces` into at least one row, prefixed by `first` and then by `rest`."""
    paragraph = _Paragraph(columns, first, rest)
    for piece in pieces:
        offset, reopen = 0, piece.reopen
        for part in _PART.findall(piece.text):
            if part == "\n":
                paragraph.end_row()
            elif part[0] in " \t":
                paragraph.blank(part.replace("\t", "    "), piece.style)
            else:
                start = piece.start + offset * piece.exact
                for word in _words(part):
                    paragraph.add(word, piece.style, start, reopen)
                    start += len(word) * piece.exact
                    reopen = reopen if piece.exact else None
            offset += len(part)
    paragraph.end_row(last=True)
    return paragraph.rows


def _words(word: str) -> Iterator[str]:
    """Split a word where a row may end inside it."""
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
        self._begins: tuple[int, str | None] | None = None
        """The beginning of the row's first word; None if there is none yet."""
        self._blank: Span = ("", "")
        """The text before the next word, unless that is the first in its row."""
        self._word: list[Span] = []
        self._word_width = 0
        self._word_begins: tuple[int, str | None] = (0, "")

    def add(self, text: str, style: str, start: int, reopen: str | None) -> None:
        """Add the next part of a word, or the next word after a blank."""
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
        if self._used > self._columns:  # the terminal wraps it, and the next word may follow its end
            self._used = (self._used - 1) % self._columns + 1
