"""The rows of a block that is still arriving: those that are final, and those that are not.

Rows are handed out once and then dropped from the block, so that a long block costs no more than a
short one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from fallback_chat.cli.render.blocks import LONG, Kind
from fallback_chat.cli.render.cells import cells
from fallback_chat.cli.render.inline import Inline, parse_inline
from fallback_chat.cli.render.page import LINE
from fallback_chat.cli.render.rows import joined, width
from fallback_chat.cli.render.wrap import Piece, TextRow, wrapped

if TYPE_CHECKING:
    from fallback_chat.cli.render.blocks import Block
    from fallback_chat.cli.render.highlight import Highlighter, Line
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row

SHORTEST: Final = 2
"""Columns of the line in a label."""
_CLOSING: Final = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
"""The marks that may end a heading."""


class Layout(Protocol):
    """Lays out one block; `block` is the growing one, or a copy that is one line ahead."""

    begun: bool
    """Whether rows of it have been printed."""

    def live(self, block: Block, page: Page, height: int) -> list[Row]:
        """Return the rows not yet printed as if the block ended here; `height` is the room."""

    def settled(self, block: Block, page: Page) -> list[Row]:
        """Return the rows that nothing can change any more, and drop them."""

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        """Return up to `count` first rows that can be printed in any case, and drop them."""


class TextLayout:
    """A paragraph, heading or formula.

    A row is final once another follows and nothing in it waits for its end.
    """

    def __init__(self) -> None:
        self.begun = False
        self._known: tuple[object, list[TextRow], int | None] = (None, [], None)
        """The last layout: most frames ask for it twice."""

    def live(self, block: Block, page: Page, height: int) -> list[Row]:  # noqa: ARG002
        return [each.row for each in self._rows(block, page)[0]]

    def settled(self, block: Block, page: Page) -> list[Row]:
        rows, pending = self._rows(block, page)
        if pending is not None:
            rows = rows[:1] + [row for row in rows[1:] if row.start <= pending]
        while rows and rows[-1].reopen is None:
            rows = rows[:-1]
        return self._taken(block, rows)

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        return self._taken(block, self._rows(block, page)[0][: count + 1])

    def _taken(self, block: Block, rows: list[TextRow]) -> list[Row]:
        """Hand out all of `rows` except the last, which the block continues."""
        if len(rows) < 2:
            return []
        block.text = (rows[-1].reopen or "") + block.text[rows[-1].start :]
        self.begun = True
        return [each.row for each in rows[:-1]]

    def _rows(self, block: Block, page: Page) -> tuple[list[TextRow], int | None]:
        """Lay out the remaining text; return its rows and the position that may still change."""
        what = block.text, block.kind, block.level, page.columns, self.begun
        if self._known[0] == what:
            return self._known[1:]
        first, rest = page.prefixes(block.containers)
        inline = _read(block, page)
        pending = inline.pending
        line = block.text.rfind("\n") + 1
        if block.kind is Kind.PARAGRAPH and "|" in block.text[line:]:  # it may be the head of a table
            pending = line if pending is None else min(pending, line)
        rows = wrapped(inline.pieces, page.columns, rest if self.begun else first, rest)
        self._known = what, rows, pending
        return rows, pending


def _read(block: Block, page: Page) -> Inline:
    """Parse the text of a block, in its style."""
    styles = page.theme.styles
    if block.kind is Kind.FORMULA or len(block.text) > 2 * LONG:
        return Inline([Piece(block.text, "", 0, "", exact=True)], None)
    if block.kind is not Kind.HEADING:
        return parse_inline(block.text, styles)
    inline = parse_inline(_CLOSING.sub("", block.text) if block.mark else block.text, styles)
    heading = styles[f"heading {min(block.level, 3)}"]
    return Inline([piece._replace(style=f"{heading} {piece.style}") for piece in inline.pieces], inline.pending)


class CodeLayout:
    """Code: a label, then nothing but the code in whole lines, so that copied code runs."""

    def __init__(self) -> None:
        self.begun = False
        self._highlighter: Highlighter | None = None

    def live(self, block: Block, page: Page, height: int) -> list[Row]:  # noqa: ARG002
        lines = self._lexer(block).lex(block.lines[: _used(block)])
        return [*self._label(block, page), *(_code_row(line, page) for line in lines)]

    def settled(self, block: Block, page: Page) -> list[Row]:
        return self._taken(block, page, _used(block) - self._lexer(block).look_ahead)

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        return self._taken(block, page, min(count - len(self._label(block, page)), _used(block)))

    def _taken(self, block: Block, page: Page, count: int) -> list[Row]:
        """Hand out the label, if it is not printed yet, and `count` lines."""
        label = self._label(block, page)
        self.begun = True
        if count <= 0:
            return label
        lines = self._lexer(block).lex(block.lines, count)[:count]
        del block.lines[:count]
        return [*label, *(_code_row(line, page) for line in lines)]

    def _lexer(self, block: Block) -> Highlighter:
        if self._highlighter is None:
            from fallback_chat.cli.render.highlight import Highlighter

            self._highlighter = Highlighter(block.language)
        return self._highlighter

    def _label(self, block: Block, page: Page) -> list[Row]:
        """Return the language and how to copy the code: in a row, or two if one is too narrow."""
        if self.begun:
            return []
        containers = page.prefixes(block.containers)
        first, rest = containers if containers[0] else ((("  ", ""),),) * 2
        dim = page.theme.styles["dim"]
        info = f"{block.info} " if block.info else ""
        copy = f" /copy code {block.number}" if page.copies else ""
        room = min(LINE, page.columns) - width(first) - cells(info)
        if room >= cells(copy) + SHORTEST:
            return [joined((*first, (info, dim), page.line(room - cells(copy)), (copy, dim)))]
        label = joined((*first, (info, dim), page.line(max(SHORTEST, room))))
        return [label, (*rest, (copy.strip(), dim))] if copy else [label]


def _used(block: Block) -> int:
    """Return the number of lines up to the last one with code.

    Later lines wait for the end, where they are dropped.
    """
    return next((number for number in range(len(block.lines), 0, -1) if block.lines[number - 1].strip()), 0)


def _code_row(line: Line, page: Page) -> Row:
    return joined((text, page.theme.code(tuple(kind))) for kind, text in line)


class RuleLayout:
    """A line across the page."""

    begun = False

    def live(self, block: Block, page: Page, height: int) -> list[Row]:  # noqa: ARG002
        first, _ = page.prefixes(block.containers)
        return [(*first, page.line(max(3, min(LINE, page.columns) - width(first))))]

    def settled(self, block: Block, page: Page) -> list[Row]:  # noqa: ARG002
        return []

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:  # noqa: ARG002
        return []
