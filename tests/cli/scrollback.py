"""An emulated terminal screen that keeps what scrolls away, as terminals do.

pyte has one, too, which intercepts every access to an attribute to turn pages: it takes twice as long.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import pyte

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyte.screens import Char

BELOW, EVERYTHING_AND_WHAT_SCROLLED_AWAY = 0, 3


class Scrollback(pyte.Screen):
    """Shows the last rows, and remembers those above."""

    def __init__(self, columns: int, lines: int) -> None:
        self.gone: list[Mapping[int, Char]] = []
        """What scrolled away, as pyte keeps rows: a character for each column."""
        super().__init__(columns, lines)

    def reset(self) -> None:
        super().reset()
        self.gone.clear()

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """Erase cells; like tmux, keep above the screen what is erased from its first cell on."""
        if how == BELOW and (self.cursor.x, self.cursor.y) == (0, 0):
            last = max((y for y in range(self.lines) if self.display[y].strip()), default=-1)
            self.gone += [copy(self.buffer[y]) for y in range(last + 1)]
        super().erase_in_display(how, *args, **kwargs)
        if how == EVERYTHING_AND_WHAT_SCROLLED_AWAY:
            self.gone.clear()

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom:
            self.gone.append(self.buffer[top])
        super().index()

    def above(self, start: int = 0) -> list[str]:
        """Return the rows that scrolled away, from the one of that number on."""
        columns = range(self.columns)
        # A copy, since another thread may be feeding the screen.
        return ["".join(row[x].data for x in columns).rstrip() for row in self.gone[start:]]

    def every_row(self) -> list[str]:
        """Return all rows, those that scrolled away first, without the blanks at their ends."""
        return [*self.above(), *(row.rstrip() for row in self.display)]
