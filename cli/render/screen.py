"""The bottom of the screen, which is drawn again and again: only what has changed of it, each time in one write."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.rows import surely_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fallback_chat.cli.render.rows import Row

# A terminal ignores what it does not know of this. Without wrapping, a character that it takes for wider than it is here cannot
# move the rows below.
_BEGIN: Final = "\x1b[?2026h\x1b[?25l\x1b[?7l"
_END: Final = "\x1b[?7h\x1b[?2026l"
_WRAP: Final = "\x1b[?7h"
_NO_WRAP: Final = "\x1b[?7l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_ERASE_ROW: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"
_DOWN: Final = "\r\n"
_UP: Final = "\x1b[A"


class Cursor(NamedTuple):
    """A place among the live rows, counted from 0."""

    row: int
    column: int
    before: Row = ()
    """What stands in front of it in its row: it is written once more where terminals disagree about how wide it is."""

    def below(self, rows: int) -> Cursor:
        """Return the place so many rows below."""
        return self._replace(row=self.row + rows)


class Screen:
    """Draws rows at the bottom of a terminal, from the empty row on in which its cursor stands.

    What is printed scrolls away and is not touched again; what is live is replaced by the next frame. A row that is printed where
    it was live costs nothing.
    """

    def __init__(self, out: IO[str], paint: Callable[[Row], str]) -> None:
        self._out = out
        self._paint = paint
        self._columns = 0
        self._rows = [""]
        """What stands below the last row that was printed; there is always a row for the cursor."""
        self._at = Cursor(0, 0)
        """Among them."""

    def draw(self, printed: Sequence[Row], live: Sequence[Row], columns: int, *, cursor: Cursor | None = None) -> None:
        """Print rows, and draw the `live` ones below them, none of which is longer than the `columns` of the screen.

        Without a `cursor` among the live rows, none is seen.
        """
        rows = [self._paint(row) for row in (*printed, *(live or [()]))]
        is_resized = columns != self._columns
        wraps = next((at for at, row in enumerate(printed) if not surely_fits(row, columns)), len(rows))
        first = 0 if is_resized else min(wraps, _first_difference(self._rows, rows))
        end = len(rows) - 1
        parts: list[str] = []
        at = self._at
        if is_resized or wraps < len(rows):
            parts = [_move(at.row, first), *_written(rows, first, len(printed))]
            at = Cursor(end, -1)
        elif first < max(len(rows), len(self._rows)):
            parts = [_move(at.row, first), *self._changed(rows, first)]
            at = Cursor(end, -1)
        goal = Cursor(end, at.column if at.row == end else 0) if cursor is None else cursor.below(len(printed))
        if goal != at:
            parts += [_move(at.row, goal.row), self._forward(goal)]
        if parts:
            self._write("".join([_BEGIN, *parts, _END, "" if cursor is None else _SHOW_CURSOR]))
        self._columns, self._rows, self._at = columns, rows[len(printed) :], goal.below(-len(printed))

    def _forward(self, goal: Cursor) -> str:
        if not surely_fits(goal.before, goal.column):
            return self._paint(goal.before)
        return f"\x1b[{goal.column}C" if goal.column else ""

    def leave(self) -> None:
        """Take away what is live, and leave the cursor, to be seen, where it was."""
        self.draw([], [], self._columns)
        self._write(_SHOW_CURSOR)

    def _changed(self, rows: Sequence[str], first: int) -> Iterator[str]:
        """Write what is different of the rows from the `first` on, where the cursor is."""
        old = self._rows
        for at in range(first, len(rows)):
            if at > first:
                yield _DOWN
            if at >= len(old):
                yield rows[at]
            elif rows[at] != old[at]:
                yield f"{_ERASE_ROW}{rows[at]}"
        if len(rows) < len(old):
            yield f"{'' if first == len(rows) else _DOWN}{_ERASE_BELOW}{_UP}"

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _written(rows: Sequence[str], first: int, printed: int) -> Iterator[str]:
    """Write all rows from the `first` on; the terminal may wrap those that are `printed`."""
    yield f"{_ERASE_BELOW}{_WRAP}"
    yield from (f"{row}{_DOWN}" for row in rows[first:printed])
    yield f"{_NO_WRAP}{_DOWN.join(rows[printed:])}"


def _first_difference(old: Sequence[str], new: Sequence[str]) -> int:
    same = min(len(old), len(new))
    return next((at for at in range(same) if old[at] != new[at]), same)


def _move(here: int, there: int) -> str:
    return f"\r\x1b[{here - there}A" if there < here else "\r" + "\n" * (there - here)
