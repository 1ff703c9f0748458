"""The look of the input line: its text cut into rows, with the cursor among them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, clusters, fitting, is_wide
from fallback_chat.cli.render.rows import joined
from fallback_chat.cli.render.screen import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.cli.render.rows import Row, Span

PROMPT: Final = "> "
INDENT: Final = "  "
TAB: Final = "    "
BLANKS: Final = frozenset(" \t\n")
_UNSEEN: Final = frozenset({"Cf", "Zl", "Zp", "Co", "Cn", "Cs"})
"""Bidi marks, zero-width characters and separators, and characters without a glyph."""
_FLAG: Final = "\U0001f3f4"
"""Followed by tags, the flag of a part of a country."""
_NON_JOINER: Final = "\u200c"
_JOINERS: Final = frozenset("\u200c\u200d")
_JOINED: Final = (range(0x0600, 0x0E00), range(0x1780, 0x1880), range(0x1B00, 0x1C50))
"""Scripts whose joiners stay as they are: Arabic and Persian, those of India, Khmer and Bali."""


class Area(NamedTuple):
    """The rows of the input line."""

    rows: tuple[Row, ...]
    cursor: Cursor


class Text(NamedTuple):
    """The content of the input line."""

    text: str
    cursor: int
    """A position in `text`."""
    selected: range = range(0)
    suggestion: str = ""
    """A possible continuation of the text, shown as far as there is room."""


def lay_out(text: Text, columns: int, most: int, label: Callable[[str], str | None]) -> Area:
    """Break a text between words into rows of at most `columns`.

    The blank at which a row breaks is not shown; what is longer than a row breaks anywhere. Of more
    than `most` rows, those around the cursor are returned.
    """
    text = _around_the_cursor(text, most)
    page = _Rows(text, columns)
    for word in _words(text.text, label):
        if word[0][0] in BLANKS:
            page.add_blank(*word[0])
        else:
            page.add_word(word)
    at = page.finish()
    first = max(0, min(at.row - most // 2, len(page.rows) - most))
    return Area(tuple(map(joined, page.rows[first : first + most])), at.below(-first))


def _around_the_cursor(whole: Text, lines: int) -> Text:
    """Return the cursor's line with up to `lines` above and below: each takes at least one row."""
    above = "\n".join(whole.text[: whole.cursor].rsplit("\n", lines + 1)[-lines - 1 :])
    below = "\n".join(whole.text[whole.cursor :].split("\n", lines + 1)[: lines + 1])
    left_out = whole.cursor - len(above)
    selected = range(whole.selected.start - left_out, whole.selected.stop - left_out)
    return whole._replace(text=above + below, cursor=len(above), selected=selected)


class _Rows:
    """Rows that are being filled with the units of a text and their looks."""

    def __init__(self, text: Text, columns: int) -> None:
        self.rows: list[list[Span]] = [[(PROMPT, "")]]
        self._text = text
        self._columns = columns
        self._used = len(PROMPT)
        self._position = 0
        self._at = self._end

    def add_word(self, word: list[tuple[str, str]]) -> None:
        """Add what no row breaks inside, unless it is longer than a row."""
        size = sum(cells(shown) for _, shown in word)
        if self._used + size > self._columns >= len(INDENT) + size:
            self._begin()
        for unit, shown in word:
            for index, cluster in enumerate(clusters(shown)):
                if self._used + cells(cluster) > self._columns:
                    self._begin()
                if index == 0:
                    self._meet_cursor()
                self._put(cluster, self._style)
            self._position += len(unit)

    def add_blank(self, unit: str, shown: str) -> None:
        """Add a blank or a line end, which looks like a blank if it is selected."""
        has_room = self._used + len(shown) <= self._columns
        if not has_room and unit != "\n":
            self._begin()
        self._meet_cursor()
        if has_room and (unit != "\n" or self._style):
            self._put(shown, self._style)
        if unit == "\n":
            self._begin()
        self._position += 1

    def finish(self) -> Cursor:
        """End the text with its suggestion, and return the position of the cursor."""
        if self._text.cursor >= self._position:
            if self._used >= self._columns:
                self._begin()
            self._at = self._end
            suggestion = self._text.suggestion.partition("\n")[0]
            self._put(fitting(suggestion, self._columns - 1 - self._used), "dim")
        return self._at

    @property
    def _style(self) -> str:
        return "reverse" if self._position in self._text.selected else ""

    @property
    def _end(self) -> Cursor:
        return Cursor(len(self.rows) - 1, self._used, joined(self.rows[-1]))

    def _meet_cursor(self) -> None:
        if self._position == self._text.cursor:
            self._at = self._end

    def _begin(self) -> None:
        self.rows.append([(INDENT, "")])
        self._used = len(INDENT)

    def _put(self, text: str, style: str) -> None:
        self.rows[-1].append((text, style))
        self._used += cells(text)


def _words(text: str, label: Callable[[str], str | None]) -> Iterator[list[tuple[str, str]]]:
    """Yield the units of a text and their looks, together what no row breaks inside."""
    word: list[tuple[str, str]] = []
    for unit in units(text):
        shown = " " if unit == "\n" else visible(unit, label)
        if unit in BLANKS or is_wide(unit[0]):
            if word:
                yield word
            yield [(unit, shown)]
            word = []
        else:
            word.append((unit, shown))
    if word:
        yield word


def units(text: str) -> Iterator[str]:
    """Split a text into what the cursor treats as single characters; a line end is one."""
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "\n"
        yield from line if line.isascii() else _joined(line)


def _joined(line: str) -> Iterator[str]:
    """Split a line into clusters; a non-joiner belongs to the preceding one."""
    unit = ""
    for cluster in clusters(line):
        if cluster == _NON_JOINER and unit:
            unit += cluster
            continue
        if unit:
            yield unit
        unit = cluster
    if unit:
        yield unit


def stop(text: str, position: int, *, forward: bool) -> int:
    """Return the nearest cursor position from `position` on, or up to it: never inside a unit."""
    begin = text.rfind("\n", 0, position) + 1
    line = text[begin:].partition("\n")[0]
    if line.isascii():
        return position
    at = begin
    for unit in _joined(line):
        if at + len(unit) > position:
            return at if at == position or not forward else at + len(unit)
        at += len(unit)
    return at


def shown(text: str, label: Callable[[str], str | None]) -> str:
    """Return a text as the input line shows it."""
    return "".join(unit if unit == "\n" else visible(unit, label) for unit in units(text))


def visible(unit: str, label: Callable[[str], str | None]) -> str:
    """Return the look of a unit: itself if it can be shown, otherwise its code points."""
    if unit.isascii() and unit.isprintable():
        return unit
    if len(unit) == 1 and (sign := label(unit)) is not None:
        return sign
    if unit == "\t":
        return TAB
    if unit[0] == _FLAG:
        return unit
    previous = ""
    parts = []
    for character in unit:
        parts.append(character if _has_look(character, previous) else _code(character))
        previous = character
    return "".join(parts)


def _has_look(character: str, previous: str) -> bool:
    category = unicodedata.category(character)
    if character in _JOINERS and previous:
        return any(ord(previous) in script for script in _JOINED) or not previous.isalnum()
    if category in ("Mn", "Me", "Mc"):
        return bool(previous)
    return category not in _UNSEEN and category != "Cc"


def _code(character: str) -> str:
    return f"^{chr(ord(character) ^ 0x40)}" if ord(character) < 0x80 else f"<{ord(character):04x}>"
