"""Rows of styled text, and their form on a terminal."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.cells import cells, clusters, positions
from fallback_chat.cli.render.theme import COLORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span = tuple[str, str]
"""Text and its style, in the terms of the theme."""
Row = tuple[Span, ...]
"""Text up to a line end. A row wider than the screen is wrapped by the terminal, and copied as one
line."""


def plain(row: Row) -> str:
    """Return the text of a row."""
    return "".join(text for text, _ in row)


def width(row: Row) -> int:
    """Return the columns of a row."""
    return sum(cells(text) for text, _ in row)


def joined(spans: Iterable[Span]) -> Row:
    """Return a row of spans with neighbours of the same style merged."""
    row: list[Span] = []
    for text, style in spans:
        if row and row[-1][1] == style:
            row[-1] = (row[-1][0] + text, style)
        elif text:
            row.append((text, style))
    return tuple(row)


def trimmed(spans: Iterable[Span]) -> Row:
    """Return a row without trailing blanks."""
    row = [*joined(spans)]
    while row and not (text := row[-1][0].rstrip(" ")):
        row.pop()
    if row:
        row[-1] = (text, row[-1][1])
    return tuple(row)


def folded(row: Row, columns: int) -> list[Row]:
    """Split a row where a terminal with `columns` wraps it."""
    if width(row) <= columns:
        return [row]
    parts: list[list[Span]] = [[]]
    left = columns
    for text, style in row:
        for part, size in _cut(text, left, columns):
            if size > left:
                parts.append([])
                left = columns
            parts[-1].append((part, style))
            left -= size
    return [tuple(part) for part in parts]


def _cut(text: str, left: int, columns: int) -> Iterator[tuple[str, int]]:
    """Split text into parts that fit, the first into the `left` columns of a row; add widths."""
    if not _is_certain(text):
        for cluster in clusters(text):
            yield cluster, cells(cluster)
        return
    ends = positions(text)
    start, room = 0, left
    while start < len(text):
        end = bisect_right(ends, ends[start] + room) - 1
        if end == start and room < columns:  # not even one fits into the rest of the row
            room = columns
            continue
        end = max(end, start + 1)
        yield text[start:end], ends[end] - ends[start]
        start, room = end, columns


@cache
def _certain() -> re.Pattern[str]:
    """Return a pattern of characters that stand alone and have the same width on all terminals.

    It takes 2 ms to compile, and the first screen of most people needs none.
    """
    return re.compile(
        r"[ -\u02ff\u0370-\u0482\u1e00-\u200a\u2010-\u205e\u20a0-\u20cf\u2100-\u27bf"
        r"\u3000-\u3029\u3030-\u3098\u309b-\ua48c\uac00-\ud7a3]*"
    )


def _is_certain(text: str) -> bool:
    return text.isascii() or _certain().fullmatch(text) is not None


def surely_fits(row: Row, columns: int) -> bool:
    """Whether a row fits on any terminal; otherwise its wrapping is left to the terminal."""
    text = plain(row)
    return cells(text) <= columns and _is_certain(text)


_SGR: Final = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "reverse": "7",
    "strike": "9",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


@lru_cache(maxsize=256)
def _sgr(style: str, *, colors: bool) -> str:
    """Return the sequence that switches on a style; of several colours the last counts."""
    words = dict.fromkeys(style.split())
    color = [word for word in words if word in COLORS][-1:] if colors else []
    codes = ";".join(_SGR[word] for word in (*(word for word in words if word not in COLORS), *color))
    return f"\x1b[{codes}m" if codes else ""


def painted(row: Row, *, colors: bool) -> str:
    """Return a row with escape sequences; without `colors` only bold, dim and underlined."""
    parts = []
    for text, style in row:
        begin = _sgr(style, colors=colors) if style and text else ""
        parts.append(f"{begin}{text}\x1b[0m" if begin else text)
    return "".join(parts)
