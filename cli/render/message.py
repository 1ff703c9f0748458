"""Messages between answers, and questions: lines of plain text, broken between words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import Row
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.wrap import Piece, wrapped

if TYPE_CHECKING:
    from fallback_chat.cli.render.wrap import TextRow

Content = Callable[[Page], Sequence[Row]]
"""A message between answers or within one, laid out once the page is known."""


def told(text: str, tone: str = "plain", sign: str = "", *, hang: int = 0) -> Content:
    """Return a message of one or more lines in the style of `tone`, made safe to print.

    The first line begins with `sign`; what a line is indented by, its other rows are, too, and by
    `hang` more.
    """

    def rows(page: Page) -> list[Row]:
        style = page.theme.styles[tone]
        found: list[TextRow] = []
        for line in sanitise(text).split("\n"):
            words = line.lstrip(" ")
            indent = " " * min(len(line) - len(words), page.columns - page.least - hang)
            mark = f"{sign} " if sign and not found else " " * (2 * bool(sign))
            rest = ((" " * (len(mark) + hang) + indent, ""),)
            found += wrapped([Piece(words, style, 0, "", exact=True)], page.columns, ((mark + indent, style),), rest)
        return [each.row for each in found]

    return rows


def aside(text: str) -> Content:
    """Return text that is not part of what is around it: dim, behind a bar, with a gap below."""

    def rows(page: Page) -> list[Row]:
        style = page.theme.styles["dim"]
        bar: Row = ((f"{page.signs['bar']} ", page.theme.styles["bar"]),)
        lines = sanitise(text).strip("\n").split("\n")
        found = [wrapped([Piece(line, style, 0, "", exact=True)], page.columns, bar, bar) for line in lines]
        return [*(each.row for broken in found for each in broken), ()]

    return rows
