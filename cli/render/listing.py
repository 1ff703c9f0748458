"""Lists in columns; where those would be too narrow, each entry is a line that names its cells."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.cells import cells as width
from fallback_chat.cli.render.lines import columns_of
from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import painted, plain, trimmed
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.table import SPACE, Cell, fitted, grid_row
from fallback_chat.cli.render.theme import choose
from fallback_chat.cli.render.wrap import Piece, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from fallback_chat.cli.render.rows import Row, Span

    Entry = Sequence[str | Span]
    """The cells of an entry: text, or text and the role of its style. A single one is a heading."""

NARROWEST: Final = 16
"""Columns below which no cell is narrowed."""
_FIGURE: Final = re.compile(r"-?|[^\w\s]?\d[\d.,]*(?: ?[a-z%]{1,5})?")
"""A number with its currency or its unit, or none."""


def listed(head: Sequence[str], entries: Sequence[Entry], page: Page, *, indent: str = "") -> list[Row]:
    """Lay out entries below the names of their cells; without a `head`, these have none.

    A column in which every entry is empty is omitted, unless it is the first. Figures are aligned
    at their ends.
    """
    rows = [[_cell(each, page) for each in entry] for entry in entries]
    columns = [*zip(*(row for row in rows if len(row) > 1), strict=True)]
    kept = [number for number, column in enumerate(columns) if number == 0 or any(cell.width for cell in column)]
    titles = [_cell((head[number] if head else "", "dim"), page) for number in kept]
    aligns = [_align(columns[number]) if number else "left" for number in kept]
    contents = [max(cell.width for cell in columns[number]) for number in kept]
    room = page.columns - len(indent)
    wanted = [max(title.width, content) for title, content in zip(titles, contents, strict=True)]
    if sum(wanted) + SPACE * (len(wanted) - 1) > room:  # a name is folded rather than an entry
        wanted = list(map(max, map(_longest_word, titles), contents))
    widths = fitted(wanted, room, NARROWEST)
    first, rest = ((indent, ""),), ((f"{indent}  ", ""),)
    found: list[Row] = []
    for row in rows:
        if len(row) == 1:
            found += [each.row for each in wrapped(row[0].pieces, page.columns)]
            continue
        cells = [row[number] for number in kept]
        if widths:
            found += [trimmed((*first, *spans)) for spans in grid_row(cells, widths, aligns)]
        else:
            found += [each.row for each in wrapped(_sentence(titles, cells), page.columns, first, rest)]
    top = grid_row(titles, widths, aligns) if head and widths else []
    return [*map(trimmed, top), *found]


def _cell(content: str | Span, page: Page) -> Cell:
    text, role = (content, "plain") if isinstance(content, str) else content
    return Cell.of([_piece(sanitise(text), page.theme.styles[role])])


def _align(column: Iterable[Cell]) -> str:
    texts = ["".join(piece.text for piece in cell.pieces) for cell in column]
    return "right" if all(map(_FIGURE.fullmatch, texts)) and any(text.strip("-") for text in texts) else "left"


def _longest_word(cell: Cell) -> int:
    return max((width(word) for piece in cell.pieces for word in piece.text.split()), default=0)


def _piece(text: str, style: str = "") -> Piece:
    return Piece(text, style, 0, "", exact=True)


def _sentence(titles: Sequence[Cell], row: Sequence[Cell]) -> Iterator[Piece]:
    """Yield an entry as `first: name value, name value`, without its empty cells."""
    yield from row[0].pieces
    mark = ": "
    for number, cell in enumerate(row[1:], 1):
        if not cell.width:
            continue
        yield _piece(mark)
        if titles[number].width:
            yield from titles[number].pieces
            yield _piece(" ")
        yield from cell.pieces
        mark = ", "


def write(out: TextIO, head: Sequence[str], entries: Sequence[Entry], *, color: str) -> None:
    """Write a list, on a terminal in its width and its colours."""
    paint = partial(painted, colors=True) if has_colors(out, color) else plain
    rows = listed(head, entries, Page(columns_of(out), choose("auto", os.environ)))
    out.writelines(f"{paint(row)}\n" for row in rows)


def has_colors(out: TextIO, color: str) -> bool:
    """Whether to use colours: `always`, `never`, or as the terminal and NO_COLOR say."""
    if color != "auto":
        return color == "always"
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")
