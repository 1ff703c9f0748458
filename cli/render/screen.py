"""The bottom of the screen, redrawn repeatedly: only the changes, in one write each time."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.rows import folded, surely_fits, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fallback_chat.cli.render.rows import Row

REFLOWING: Final = ("tmux", "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour")
"""Beginnings of `TERM` on terminals that wrap what they show anew."""
OTHERS: Final = ("XTERM_VERSION", "TERM_PROGRAM", "KONSOLE_VERSION")
"""Variables of terminals that, started in GNOME's or one like it, inherit its variable."""

# Terminals ignore unknown parts of this. Without wrapping, a character that is wider on the
# terminal than expected cannot move the rows below.
_BEGIN: Final = "\x1b[?2026h\x1b[?25l\x1b[?7l"
_END: Final = "\x1b[?7h\x1b[?2026l"
_WRAP: Final = "\x1b[?7h"
_NO_WRAP: Final = "\x1b[?7l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_ERASE_ROW: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"
_ERASE: Final = f"{_ERASE_ROW}\x1b7\x1b[B{_ERASE_BELOW}\x1b8"
"""Erases this row and those below, from the next one on: tmux would keep the old rows above the
screen if it were erased from its first one."""
_DOWN: Final = "\r\n"
_UP: Final = "\x1b[A"


def reflows(env: Mapping[str, str]) -> bool:
    """Whether the terminal wraps what it shows anew when it becomes narrower.

    Only where the environment proves it: elsewhere the rows above would be erased.
    """
    term = env.get("TERM", "")
    if term.startswith("screen"):
        return "TMUX" in env and "STY" not in env
    if term.startswith("xterm-256color"):
        return "VTE_VERSION" in env and not any(name in env for name in OTHERS)
    return term.startswith(REFLOWING)


class Cursor(NamedTuple):
    """A position in the live rows, counted from 0."""

    row: int
    column: int
    before: Row = ()
    """The text before it in its row, written once more if terminals disagree about its width."""

    def below(self, rows: int) -> Cursor:
        """Return the position `rows` further down."""
        return self._replace(row=self.row + rows)


class Screen:
    """Draws rows at the bottom of a terminal, from the empty row of its cursor on.

    Printed rows scroll away and are not touched again; live ones are replaced by the next frame.
    Printing a row where it was live costs nothing.
    """

    def __init__(self, out: IO[str], paint: Callable[[Row], str], *, reflows: bool = False) -> None:
        self._out = out
        self._paint = paint
        self._reflows = reflows
        """Whether the terminal wraps what it shows anew when it becomes narrower."""
        self._columns = 0
        self._rows = [""]
        """The rows below the last printed one; there is always one for the cursor."""
        self._live: Sequence[Row] = [()]
        """The same, before they were painted."""
        self._at = Cursor(0, 0)
        """The position of the cursor in these rows."""

    def draw(self, printed: Sequence[Row], live: Sequence[Row], columns: int, *, cursor: Cursor | None = None) -> None:
        """Print rows, and draw the `live` ones, none wider than `columns`, below.

        Without a `cursor`, it is hidden.
        """
        rows = [self._paint(row) for row in (*printed, *(live or [()]))]
        is_resized = columns != self._columns
        wraps = next((at for at, row in enumerate(printed) if not surely_fits(row, columns)), len(rows))
        first = 0 if is_resized else min(wraps, _first_difference(self._rows, rows))
        end = len(rows) - 1
        parts: list[str] = []
        at = self._reflowed(columns) if self._reflows and columns < self._columns else self._at
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
        self._live = live or [()]

    def _reflowed(self, columns: int) -> Cursor:
        """Return the position of the cursor after the terminal has wrapped the rows anew."""
        row, column, _ = self._at
        if column < 0:
            column = min(width(self._live[row]), self._columns - 1)
        above = sum(len(folded(each, columns)) for each in self._live[:row])
        return Cursor(above + column // columns, column % columns)

    def _forward(self, goal: Cursor) -> str:
        if not surely_fits(goal.before, goal.column):
            return self._paint(goal.before)
        return f"\x1b[{goal.column}C" if goal.column else ""

    def leave(self) -> None:
        """Remove the live rows, and leave a visible cursor in their place."""
        self.draw([], [], self._columns)
        self._write(_SHOW_CURSOR)

    def _changed(self, rows: Sequence[str], first: int) -> Iterator[str]:
        """Yield what changes the rows from `first` on, where the cursor is."""
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
    """Yield all rows from `first` on; the terminal may wrap the `printed` ones."""
    yield f"{_ERASE}{_WRAP}"
    yield from (f"{row}{_DOWN}" for row in rows[first:printed])
    yield f"{_NO_WRAP}{_DOWN.join(rows[printed:])}"


def _first_difference(old: Sequence[str], new: Sequence[str]) -> int:
    same = min(len(old), len(new))
    return next((at for at in range(same) if old[at] != new[at]), same)


def _move(here: int, there: int) -> str:
    return f"\r\x1b[{here - there}A" if there < here else "\r" + "\n" * (there - here)
