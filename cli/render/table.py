"""A table: columns with folded cells or, if they would be too narrow, one record per row.

No part of a cell is ever cut. A table is printed when it ends, because its last row may widen its
first column; until then its head and its last rows are shown. A very long table keeps its current
columns and is printed as it arrives from then on, and so are records, which do not depend on each
other.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.blocks import cells_of
from fallback_chat.cli.render.inline import parse_inline
from fallback_chat.cli.render.rows import folded, trimmed, width
from fallback_chat.cli.render.wrap import Piece, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fallback_chat.cli.render.blocks import Block
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row, Span

NARROWEST: Final = 8
"""Columns per cell; below that, a table becomes records."""
SPACE: Final = 2
"""Columns between two cells."""
MANY: Final = 200
"""Rows after which a table no longer waits for its end."""


class Cell(NamedTuple):
    """A cell's content, and the columns of its longest line."""

    pieces: tuple[Piece, ...]
    width: int

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Cell:
        """Return a cell with these pieces."""
        content = tuple(pieces)
        lines = "".join(piece.text for piece in content).split("\n")
        return cls(content, max(width(((line, ""),)) for line in lines))


class TableLayout:
    """Lays out a table, while it grows and once it has ended."""

    def __init__(self) -> None:
        self.begun = False
        self._head: list[Cell] = []
        """Set once it is printed, like the following."""
        self._widths: list[int] | None = None
        """Of the columns; None for records."""
        self._last = 0
        """Number of screen rows of the last row."""
        self._known: dict[str, list[Cell]] = {}
        """The cells of lines: a waiting table is laid out again for every frame."""

    def live(self, block: Block, page: Page, height: int) -> list[Row]:
        head, body = self._cells(block, page)
        widths = self._fitted(block, page, head, body)
        top = [] if self.begun else self._top(block, page, head, widths)
        if not (top or body or self.begun):
            return _titles(head, page, block)
        last = body[-max(1, height) :]  # each takes at least one row
        groups = list(self._groups(block, page, widths, head, last))
        shown = _fitting(groups, height - len(top), waits=len(last) < len(body))
        hidden = [page.more(len(body) - shown)] if shown < len(body) else []
        return [*top, *hidden, *(row for group in groups[len(groups) - shown :] for row in group)]

    def settled(self, block: Block, page: Page) -> list[Row]:
        head, body = self._cells(block, page)
        widths = self._fitted(block, page, head, body)
        if not body or not (self.begun or widths is None or len(body) > MANY):
            return []
        top = [] if self.begun else self._top(block, page, head, widths)
        groups = list(self._groups(block, page, widths, head, body))
        self.begun, self._head, self._widths, self._last = True, head, widths, len(groups[-1])
        block.lines.clear()
        self._known.clear()
        return [*top, *(row for group in groups for row in group)]

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:  # noqa: ARG002
        return []

    def _cells(self, block: Block, page: Page) -> tuple[list[Cell], list[list[Cell]]]:
        """Parse the head and the unprinted rows."""
        columns = len(block.aligns)
        self._known = {line: self._known.get(line) or _read(line, columns, page) for line in block.lines}
        rows = [self._known[line] for line in block.lines]
        return (self._head, rows) if self.begun else (rows[0], rows[1:])

    def _fitted(self, block: Block, page: Page, head: list[Cell], body: list[list[Cell]]) -> list[int] | None:
        """Return the widths of the columns; None for records."""
        if self.begun and self._widths is None:
            return None
        wanted = self._widths or [max(cell.width for cell in column) for column in zip(head, *body, strict=True)]
        return fitted(wanted, page.columns - width(page.prefixes(block.containers)[1]))

    def _top(self, block: Block, page: Page, head: list[Cell], widths: list[int] | None) -> list[Row]:
        """Lay out the head and the line below it; records have none."""
        if widths is None:
            return []
        first, rest = page.prefixes(block.containers)
        style = page.theme.styles["head"]
        rows = grid_row([_styled(cell, style) for cell in head], widths, block.aligns)
        line = [span for size in widths for span in (page.line(size), (" " * SPACE, ""))]
        return [trimmed((*(rest if number else first), *row)) for number, row in enumerate([*rows, line])]

    def _groups(
        self, block: Block, page: Page, widths: list[int] | None, head: list[Cell], body: list[list[Cell]]
    ) -> Iterator[list[Row]]:
        """Lay out the rows, separated by an empty one where they could not be told apart."""
        first, rest = page.prefixes(block.containers)
        last = self._last
        for cells in body:
            if widths is None:
                begin = rest if last else first
                group = _record(head, cells, page, begin, rest)
                spaced = last > 0
            else:
                group = [trimmed((*rest, *row)) for row in grid_row(cells, widths, block.aligns)]
                spaced = last > 1 or (last > 0 and len(group) > 1)
            last = len(group)
            yield [trimmed(rest), *group] if spaced else group


def fitted(wanted: Sequence[int], room: int, narrowest: int = NARROWEST) -> list[int] | None:
    """Return column widths for `room`, with the widest narrowed; None if too narrow."""
    room -= SPACE * (len(wanted) - 1)
    if sum(min(each, narrowest) for each in wanted) > room:
        return None
    widths = [0] * len(wanted)
    open_ = sorted(range(len(wanted)), key=lambda column: wanted[column])
    for place, column in enumerate(open_):
        widths[column] = min(wanted[column], room // (len(wanted) - place))
        room -= widths[column]
    return widths


def _read(line: str, columns: int, page: Page) -> list[Cell]:
    """Parse the cells of a line; missing ones are empty."""
    texts = cells_of(line.replace("\t", " "), columns)
    texts += [""] * (columns - len(texts))
    return [Cell.of(parse_inline(text, page.theme.styles, in_cell=True).pieces) for text in texts]


def _styled(cell: Cell, style: str) -> Cell:
    return cell._replace(pieces=tuple(each._replace(style=f"{style} {each.style}") for each in cell.pieces))


def grid_row(cells: Sequence[Cell], widths: Sequence[int], aligns: Sequence[str]) -> list[list[Span]]:
    """Lay out one table row, as high as its highest cell."""
    columns = [
        [part for row in wrapped(cell.pieces, size) for part in folded(row.row, max(2, size))]
        for cell, size in zip(cells, widths, strict=True)
    ]
    rows = []
    for parts in zip_longest(*columns, fillvalue=()):
        row: list[Span] = []
        for part, size, align in zip(parts, widths, aligns, strict=True):
            left = max(0, size - width(part))
            before = {"left": 0, "center": left // 2, "right": left}[align]
            row += [(" " * before, ""), *part, (" " * (left - before + SPACE), "")]
        rows.append(row)
    return rows


def _record(head: Sequence[Cell], cells: Sequence[Cell], page: Page, first: Row, rest: Row) -> list[Row]:
    """Lay out one table row as a list of its cells, each after the name of its column."""
    rows: list[Row] = []
    for name, cell in zip(head, cells, strict=True):
        named = _styled(name, page.theme.styles["head"]).pieces
        colon = (Piece(": ", "", 0, "", exact=False),) if named else ()
        begin = rest if rows else first
        rows += [row.row for row in wrapped((*named, *colon, *cell.pieces), page.columns, begin, (*rest, ("  ", "")))]
    return rows


def _titles(head: Sequence[Cell], page: Page, block: Block) -> list[Row]:
    """Lay out the head of records before the first of them."""
    first, rest = page.prefixes(block.containers)
    style = page.theme.styles["head"]
    rows: list[Row] = []
    for cell in head:
        pieces = _styled(cell, style).pieces
        rows += [row.row for row in wrapped(pieces, page.columns, rest if rows else first, rest)]
    return rows


def _fitting(groups: Sequence[Sequence[Row]], height: int, *, waits: bool) -> int:
    """Return how many of the last groups fit, at least one.

    If some do not fit, a row that counts them takes room as well.
    """
    if not waits and sum(map(len, groups)) <= height:
        return len(groups)
    used = shown = 0
    for group in reversed(groups):
        used += len(group)
        if shown and used > height - 1:
            break
        shown += 1
    return shown
