"""Messages between answers, and questions: lines of plain text, broken between words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import Row
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.wrap import Piece, wrapped

if TYPE_CHECKING:
    from fallback_chat.cli.render.wrap import TextRow

_PARTS: Final = re.compile(r"( *)((?:\d+\. )?)(.*)", re.DOTALL)
"""The indentation of a line, its number in a list, and its words."""
Content = Callable[[Page], Sequence[Row]]
"""A message between answers or within one, laid out once the page is known."""


def told(text: str, tone: str = "plain", sign: str = "", *, hang: int = 0) -> Content:
    """Return a message of one or more lines in the style of `tone`, made safe to print.

    The first line begins with `sign`; where the words of a line begin behind its indentation and
    its number, its other rows do, too, and `hang` further in.
    """

    def rows(page: Page) -> list[Row]:
        style = page.theme.styles[tone]
        found: list[TextRow] = []
        for line in sanitise(text).split("\n"):
            parts = _PARTS.fullmatch(line)
            assert parts is not None
            blanks, number, words = parts.groups()
            mark = f"{sign} " if sign and not found else " " * (2 * bool(sign))
            most = page.columns - page.least
            first = mark + blanks[: max(0, most - hang)] + number
            rest = " " * min(len(first) + hang, most)
            found += wrapped([Piece(words, style, 0, "", exact=True)], page.columns, ((first, style),), ((rest, ""),))
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
