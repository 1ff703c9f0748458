"""The look of the input line: its text cut into rows, with the cursor among them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, clusters, fitting
from fallback_chat.cli.render.rows import joined
from fallback_chat.cli.render.screen import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.cli.render.rows import Row, Span

PROMPT: Final = "> "
INDENT: Final = "  "
TAB: Final = "    "
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
    """Cut a text into rows of at most `columns`.

    Of more than `most` rows, those around the cursor are returned.
    """
    rows: list[list[Span]] = [[(PROMPT, "")]]
    used = len(PROMPT)
    at = Cursor(0, used, ((PROMPT, ""),))
    position = 0
    for unit in units(text.text):
        style = "reverse" if position in text.selected else ""
        shown = unit if unit == "\n" else visible(unit, label)
        for index, cluster in enumerate(clusters(shown)):
            width = 0 if unit == "\n" else cells(cluster)
            if used + width > columns:
                rows.append([(INDENT, "")])
                used = len(INDENT)
            if index == 0 and position == text.cursor:
                at = Cursor(len(rows) - 1, used, joined(rows[-1]))
            if unit != "\n":
                rows[-1].append((cluster, style))
            used += width
        if unit == "\n":
            rows[-1] += [(" ", style)] if style else []
            rows.append([(INDENT, "")])
            used = len(INDENT)
        position += len(unit)
    if text.cursor >= position:
        if used >= columns:
            rows.append([(INDENT, "")])
            used = len(INDENT)
        at = Cursor(len(rows) - 1, used, joined(rows[-1]))
        rows[-1].append((fitting(text.suggestion.partition("\n")[0], columns - 1 - used), "dim"))
    first = max(0, min(at.row - most // 2, len(rows) - most))
    return Area(tuple(map(joined, rows[first : first + most])), at.below(-first))


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
