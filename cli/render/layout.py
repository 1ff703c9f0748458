"""The rows of a block that is still being received: those that are final, and those that are not.

Rows are handed out once. What a layout hands out is dropped from its block, so that a long block costs no more than a short one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from fallback_chat.cli.render.blocks import Kind
from fallback_chat.cli.render.inline import Inline, Piece, parse_inline
from fallback_chat.cli.render.page import LINE
from fallback_chat.cli.render.rows import joined, width
from fallback_chat.cli.render.wrap import TextRow, wrapped

if TYPE_CHECKING:
    from fallback_chat.cli.render.blocks import Block
    from fallback_chat.cli.render.highlight import Highlighter, Line
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row

LONG: Final = 2000
"""Characters. A text that is longer is printed as far as it goes, whatever its last words may turn out to be."""
_CLOSING: Final = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
"""The marks that may end a heading."""


class Layout(Protocol):
    """Lays one block out. `block` is the one that grows, or a copy that is one line ahead of it."""

    begun: bool
    """Rows of it are printed."""

    def live(self, block: Block, page: Page, height: int) -> list[Row]:
        """Return the rows that are not printed, as they are if the block ends here; `height` is the room there is."""

    def settled(self, block: Block, page: Page) -> list[Row]:
        """Return the rows that nothing can change any more, and drop them."""

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        """Return the first `count` rows, or as many as can be printed as they are whatever follows, and drop them."""


class TextLayout:
    """A paragraph, a heading or a formula: a row is final when another one follows and nothing in it waits for its end."""

    def __init__(self) -> None:
        self.begun = False
        self._known: tuple[object, list[TextRow], int | None] = (None, [], None)
        """What was laid out last: most frames ask for it twice."""

    def live(self, block: Block, page: Page, height: int) -> list[Row]:  # noqa: ARG002
        return [each.row for each in self._rows(block, page)[0]]

    def settled(self, block: Block, page: Page) -> list[Row]:
        rows, pending = self._rows(block, page)
        if pending is not None:
            rows = rows[:1] + [row for row in rows[1:] if row.start <= pending]
        return self._taken(block, rows)

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        return self._taken(block, self._rows(block, page)[0][: count + 1])

    def _taken(self, block: Block, rows: list[TextRow]) -> list[Row]:
        """Hand out all of `rows` but the last, with which the block goes on."""
        if len(rows) < 2:
            return []
        block.text = rows[-1].reopen + block.text[rows[-1].start :]
        self.begun = True
        return [each.row for each in rows[:-1]]

    def _rows(self, block: Block, page: Page) -> tuple[list[TextRow], int | None]:
        """Lay out what is left of the text. Return its rows, and where something begins that more text could change."""
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
    """Read the text of a block, in its style."""
    styles = page.theme.styles
    if block.kind is Kind.FORMULA or len(block.text) > 2 * LONG:
        return Inline([Piece(block.text, "", 0, "", exact=True)], None)
    if block.kind is not Kind.HEADING:
        return parse_inline(block.text, styles)
    inline = parse_inline(_CLOSING.sub("", block.text) if block.mark else block.text, styles)
    heading = styles[f"heading {min(block.level, 3)}"]
    return Inline([piece._replace(style=f"{heading} {piece.style}") for piece in inline.pieces], inline.pending)


class CodeLayout:
    """Code: a line that says what it is, and then nothing but the code, in whole lines, so that what is copied runs."""

    def __init__(self) -> None:
        self.begun = False
        self._highlighter: Highlighter | None = None

    def live(self, block: Block, page: Page, height: int) -> list[Row]:  # noqa: ARG002
        lines = self._lexer(block).lex(block.lines[: _used(block)])
        return [*self._label(block, page), *(_code_row(line, page) for line in lines)]

    def settled(self, block: Block, page: Page) -> list[Row]:
        return self._taken(block, page, _used(block) - self._lexer(block).look_ahead)

    def forced(self, block: Block, page: Page, count: int) -> list[Row]:
        return self._taken(block, page, min(count - (not self.begun), _used(block)))

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

            self._highlighter = Highlighter(block.info.partition(" ")[0])
        return self._highlighter

    def _label(self, block: Block, page: Page) -> list[Row]:
        """Name the language, and how the code is copied."""
        if self.begun:
            return []
        first = page.prefixes(block.containers)[0] or (("  ", ""),)
        dim = page.theme.styles["dim"]
        info = f"{block.info} " if block.info else ""
        copy = f" /copy code {block.number}" if page.copies else ""
        room = min(LINE, page.columns) - width(first) - len(info) - len(copy)
        return [joined((*first, (info, dim), page.line(max(2, room)), (copy, dim)))]


def _used(block: Block) -> int:
    """Count the lines up to the last one with code: those behind it wait for the end, where they are dropped."""
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
