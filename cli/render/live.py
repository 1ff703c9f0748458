"""The live view of an answer: finished rows scroll away, open ones are drawn repeatedly."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.process.outlet import waiting
from fallback_chat.cli.render.append import PlainView
from fallback_chat.cli.render.console import make_console
from fallback_chat.cli.render.pace import Pace
from fallback_chat.cli.render.plain import call_later
from fallback_chat.cli.render.rows import folded
from fallback_chat.cli.render.screen import Screen, reflows
from fallback_chat.cli.render.theme import THEMES
from fallback_chat.core.answer import PART

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from rich.console import Console

    from fallback_chat.cli.render.pace import CallLater
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.screen import Cursor
    from fallback_chat.cli.render.theme import Theme

FRAME_PAUSE: Final = 1 / 12
"""Seconds between two frames."""
LAG: Final = 16 << 10
"""Pending bytes above which no frame is drawn: on a slow line, old frames would delay typed keys.
"""
LAGGING_ROWS: Final = 500
COST_SHARE: Final = 8
"""A frame that took t seconds is followed by 8 t of rest, so that drawing takes at most a ninth of
a core."""


class Below(NamedTuple):
    """The rows below an answer while it arrives."""

    rows: Sequence[Row] = ()
    """Rows that are wider than the screen are cut."""
    cursor: Cursor | None = None
    """The position of the cursor in these rows."""


class AnswerView(PlainView):
    """Shows answers on a terminal as they arrive.

    `below` returns the rows below the text. `feed` and `tick` draw frames when they are due; with
    `call_later` a frame that is not due yet draws itself later.
    """

    def __init__(  # noqa: PLR0913 - the outside world is passed in
        self,
        console: Console,
        *,
        below: Callable[[], Below] = Below,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
        theme: Theme = THEMES["dark"],
        copies: bool = False,
        screen: Screen | None = None,
    ) -> None:
        super().__init__(console, theme=theme, copies=copies)
        self._below = below
        self._screen = screen or Screen(console.file, self._paint, reflows=reflows(os.environ))
        self._is_on = False
        self._pace = Pace(self._draw, clock, call_later, pause=FRAME_PAUSE, share=COST_SHARE, busy=self._lags)

    def _begin_text(self) -> None:
        super()._begin_text()
        self._waiting = 0
        """Characters that are not laid out yet."""
        self._finished: list[Row] = []
        """Rows for the next frame to print."""
        self._live: list[Row] = []
        """The open rows of the last frame, followed by the size they were made for."""
        self._size = (0, 0)

    def start(self) -> None:
        """Take the terminal, for the first time or after `suspend`."""
        if not self._is_on:
            self._is_on = True
            self._draw()  # regardless of the pace: the first text must not wait for it

    def feed(self, text: str) -> None:
        """Add the next piece of the answer."""
        self._stream.feed(text)
        self._waiting += len(text)
        self._has_text = True
        if self._is_on and self._waiting > PART:  # a frame must not have to lay out everything since the last one
            self._lay_out(self._below())
        self.tick()

    def tick(self) -> None:
        """Draw a frame if it is due."""
        if self._is_on:
            self._pace.ask()

    def echo(self) -> None:
        """Draw the rows below the text now, to show a typed key; new text waits for its frame."""
        if self._is_on:
            self._show([], self._below())

    def suspend(self) -> None:
        """Release the terminal during an answer, until `start` is called again."""
        if self._is_on:
            self._is_on = False
            self._screen.leave()

    def _draw(self) -> None:
        self._emit([])

    def _lags(self) -> bool:
        """Whether the terminal still has frames to show; many finished rows override that."""
        return waiting(self._console.file) > LAG and len(self._finished) < LAGGING_ROWS

    def _rest(self) -> list[Row]:
        return [*self._finished, *super()._rest()]

    def _lay_out(self, below: Below) -> None:
        page = self._page
        size = page.columns, max(1, self._console.height - len(below.rows))
        if self._waiting or size != self._size:
            printed, self._live = self._stream.take(page, size[1])
            self._finished += printed
            self._waiting, self._size = 0, size

    def _emit(self, rows: Sequence[Row]) -> None:
        """Print the finished rows and draw the frame with `rows` below, in one write."""
        if not self._is_on:
            super()._emit(rows)
            return
        below = self._below()
        self._lay_out(below)
        self._show(rows, below)

    def _show(self, rows: Sequence[Row], below: Below) -> None:
        printed, self._finished = [*self._finished, *rows], []
        columns, live = self._console.width, self._live
        cursor = None if below.cursor is None else below.cursor.below(len(live))
        fitting = [folded(row, columns)[0] for row in below.rows]
        self._screen.draw(printed, [*live, *fitting], columns, cursor=cursor)

    def _emit_last(self, rows: Sequence[Row]) -> None:
        if self._is_on:
            self._screen.draw(rows, [], self._console.width)
            self.suspend()
        else:
            super()._emit(rows)


def make_view(
    out: TextIO,
    *,
    color: str = "auto",
    below: Callable[[], Below] = Below,
    clock: Callable[[], float] = time.monotonic,
    theme: Theme = THEMES["dark"],
) -> PlainView:
    """Return the right view for `out`: live on a terminal, else append-only.

    `color` is `auto`, `always` or `never`. The stream itself decides: FORCE_COLOR makes Rich call a
    pipe a terminal, which would animate in a file.
    """
    console = make_console(out, color=color)
    if out.isatty() and console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows:
        return AnswerView(console, below=below, clock=clock, call_later=call_later, theme=theme)
    return PlainView(console, theme=theme)
