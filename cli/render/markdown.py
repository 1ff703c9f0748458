"""Markdown that arrives in pieces: rows are handed out once, as soon as they are final.

`Structure` classifies the lines, and a `Layout` draws the open block. The part that is not final is
laid out again for every frame. If it does not fit on the screen, its first rows are printed as they
are: markup without its end stays as written. Only an open table, and a row longer than the screen,
show their end, below a row that counts what is missing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.blocks import LONG, SPACED, TEXTS, Block, Kind
from fallback_chat.cli.render.layout import CodeLayout, RuleLayout, TextLayout
from fallback_chat.cli.render.rows import folded
from fallback_chat.cli.render.sanitise import Cleaner
from fallback_chat.cli.render.structure import Structure
from fallback_chat.cli.render.table import TableLayout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.cli.render.layout import Layout
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row

_SLICE: Final = LONG // 2
"""Characters processed at a time: final rows are printed before more is read."""
_BOUNDLESS: Final = 1_000_000
"""Rows, if there is room for all."""
_LAYOUTS: Final[Mapping[Kind, type[Layout]]] = {
    **dict.fromkeys(TEXTS, TextLayout),
    Kind.CODE: CodeLayout,
    Kind.TABLE: TableLayout,
    Kind.RULE: RuleLayout,
}


class Frame(NamedTuple):
    """The rows to print now, and those below until the next frame."""

    printed: list[Row]
    live: list[Row]
    """None is wider than the page."""


class MarkdownStream:
    """Turns text that arrives in pieces into rows."""

    def __init__(self) -> None:
        self._cleaner = Cleaner()
        self._pieces: list[str] = []
        """Unread text."""
        self._line: list[str] = []
        """The unfinished line, unless it is already text of the open block."""
        self._structure = Structure()
        self._layout: Layout | None = None
        """The layout of the open block, once needed."""
        self._above: Block | None = None
        """The last block with printed rows."""

    def feed(self, text: str) -> None:
        """Add the next piece of the text."""
        self._pieces.append(text)

    def take(self, page: Page, height: int) -> Frame:
        """Return the rows that have become final, and up to `height` rows that have not."""
        printed = self._read(page, self._pop())
        live = self._live(page, height)
        if len(live) > height:
            self._begin_line(at_any_price=True)
            printed += [*self._ended(page), *self._forced(page, len(live) - height)]
            live = self._live(page, height)
        if (hidden := len(live) - height) > 0:
            live = [page.more(hidden + 1), *live[hidden + 1 :]]
        return Frame(printed, live)

    def blocks(self, page: Page) -> list[Row]:
        """Return the rows of ended blocks and all code so far, for a screen that never moves."""
        return self._read(page, self._pop(), by_rows=False)

    def finish(self, page: Page) -> list[Row]:
        """End the text and return the missing rows."""
        rows = self._read(page, self._pop() + self._cleaner.flush(), by_rows=False)
        if self._line:
            self._structure.line("".join(self._line))
            self._line.clear()
        self._structure.end()
        return rows + self._ended(page)

    def _pop(self) -> str:
        text = self._cleaner.feed("".join(self._pieces))
        self._pieces.clear()
        return text

    def _read(self, page: Page, text: str, *, by_rows: bool = True) -> list[Row]:
        """Read more text; return what has become final: `by_rows`, or by blocks only."""
        rows: list[Row] = []
        for start in range(0, len(text), _SLICE):
            *lines, rest = text[start : start + _SLICE].split("\n")
            for line in lines:
                self._structure.line("".join([*self._line, line]))
                self._line.clear()
                rows += self._ended(page)
            if rest:
                self._line.append(rest)
            if by_rows or len(self._line) > 1:
                self._begin_line(at_any_price=sum(map(len, self._line)) > LONG)
            rows += [*self._ended(page), *self._settled(page, by_rows=by_rows)]
        return rows

    def _begin_line(self, *, at_any_price: bool = False) -> None:
        """Add the unfinished line to its block, if it is text whatever follows."""
        if not self._line:
            return
        line = "".join(self._line)
        if self._structure.in_line:
            self._structure.go_on(line)
        elif (ahead := self._structure.ahead(line)).begins_text(at_any_price=at_any_price):
            self._structure = ahead
        else:
            return
        self._line.clear()

    def _ended(self, page: Page) -> list[Row]:
        """Return the remaining rows of the ended blocks."""
        rows: list[Row] = []
        for block in self._structure.ended:
            layout = self._layout_of(block)
            rows += self._printed(block, page, layout.begun, layout.live(block, page, _BOUNDLESS))
            self._layout = None
        self._structure.ended.clear()
        return rows

    def _settled(self, page: Page, *, by_rows: bool) -> list[Row]:
        """Return the final rows of the open block."""
        block = self._structure.open
        if block is None:
            return []
        layout = self._layout = self._layout_of(block)
        begun = layout.begun
        rows = layout.settled(block, page) if by_rows or block.kind not in TEXTS else []
        if len(block.text) > LONG:
            rows += layout.forced(block, page, _BOUNDLESS)
        return self._printed(block, page, begun, rows)

    def _forced(self, page: Page, count: int) -> list[Row]:
        """Return first rows of the open block, as they are now, that fill `count` screen rows.

        Fewer are returned if the block has no more to spare.
        """
        block = self._structure.open
        if block is None:
            return []
        layout = self._layout = self._layout_of(block)
        begun = layout.begun
        needed = 0
        for row in layout.live(block, page, _BOUNDLESS):
            if count <= 0:
                break
            count -= len(folded(row, page.columns))
            needed += 1
        return self._printed(block, page, begun, layout.forced(block, page, needed))

    def _live(self, page: Page, height: int) -> list[Row]:
        """Lay out everything unprinted as if the text ended here."""
        ahead = self._structure.ahead("".join(self._line))
        ahead.end()
        above, layout = self._above, self._layout if self._structure.open is not None else None
        tops: list[tuple[Block, Layout, list[Row]]] = []
        for block in ahead.ended:
            layout = _layout_of(block, layout)
            tops.append((block, layout, [] if layout.begun else _gap(above, block, page)))
            above, layout = block, None
        rows: list[Row] = []
        for block, layout, gap in reversed(tops):
            room = height - len(rows) - len(gap)
            found = [part for row in layout.live(block, page, room) for part in folded(row, page.columns)]
            rows = [*gap, *found, *rows]
        return rows

    def _layout_of(self, block: Block) -> Layout:
        return _layout_of(block, self._layout)

    def _printed(self, block: Block, page: Page, begun: bool, rows: list[Row]) -> list[Row]:
        """Mark `rows` of a block as printed; return them with the gap above."""
        if not rows:
            return []
        gap = [] if begun else _gap(self._above, block, page)
        self._above = block
        return [*gap, *rows]


def _layout_of(block: Block, layout: Layout | None) -> Layout:
    """Return the layout of a block, which may change: a paragraph can become a table's head."""
    made = _LAYOUTS[block.kind]
    if isinstance(layout, made):
        return layout
    if layout is not None and layout.begun:
        block.containers = tuple(replace(each, is_shown=True) for each in block.containers)
    return made()


def _gap(above: Block | None, block: Block, page: Page) -> list[Row]:
    """Return the empty row above a block, if any."""
    if above is None or not (block.follows_gap or {block.kind, above.kind} & SPACED):
        return []
    return [page.gap(above.containers, block.containers)]
