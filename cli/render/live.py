"""The live view of an answer: finished rows scroll away, the open block and a status row are drawn again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.segment import ControlType, Segment

from fallback_chat.cli.process.outlet import waiting
from fallback_chat.cli.render.append import PlainView
from fallback_chat.cli.render.console import make_console
from fallback_chat.cli.render.elements import CODE_THEME, Row, rows_of
from fallback_chat.cli.render.markdown import LIVE_ROWS
from fallback_chat.cli.render.pace import Pace
from fallback_chat.cli.render.plain import call_later
from fallback_chat.core.answer import PART

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

    from fallback_chat.cli.render.pace import CallLater

FRAME_PAUSE: Final = 1 / 12
"""Seconds between two frames."""
LAG: Final = 16 << 10
"""Bytes that a terminal has not taken when no frame is drawn for it: on a slow line, old frames would delay what is typed."""
LAGGING_ROWS: Final = 500
COST_SHARE: Final = 8
"""A frame that took t seconds to draw is followed by 8 t of rest: drawing never takes more than a ninth of a core."""

# A wide character that the terminal measures otherwise than Rich would wrap its row, and the next frame would start a row too
# low. Rich writes the text of a control segment as it is; on a console without escape sequences it acts on the code instead.
_AUTOWRAP_OFF: Final = Segment("\x1b[?7l", None, [(ControlType.CARRIAGE_RETURN,)])
_AUTOWRAP_ON: Final = Segment("\x1b[?7h", None, [(ControlType.CARRIAGE_RETURN,)])


class _Frame:
    """What is drawn below the finished rows: one object for the whole answer, because Live remembers its height."""

    rows: tuple[Row, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.rows:
            return
        yield _AUTOWRAP_OFF
        for index, row in enumerate(self.rows):
            if index:
                yield Segment.line()
            yield from Segment.adjust_line_length(row, options.max_width, pad=False)
        yield _AUTOWRAP_ON


class AnswerView(PlainView):
    """Shows answers on a terminal while they come in.

    `status` gives the row below the text, or None for no row. Frames are drawn by `feed` and `tick` when they are due; with
    `call_later` a frame that is not due yet draws itself.
    """

    def __init__(
        self,
        console: Console,
        *,
        status: Callable[[], Text | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
        code_theme: str = CODE_THEME,
    ) -> None:
        super().__init__(console, code_theme=code_theme)
        self._status = status
        self._frame = _Frame()
        self._live: Live | None = None
        self._pace = Pace(self._draw, clock, call_later, pause=FRAME_PAUSE, share=COST_SHARE, busy=self._lags)

    def _begin_text(self) -> None:
        super()._begin_text()
        self._pending: list[str] = []
        self._waiting = 0
        """Characters of `_pending`."""
        self._finished: list[Row] = []
        """Rows that the next frame prints."""
        self._open: list[Row] = []
        """The provisional rows of the last frame, and below the size of the screen that they were made for."""
        self._size: tuple[int, int] | None = None

    def start(self) -> None:
        """Take the terminal, for the first time or after `suspend`; its cursor is hidden."""
        if self._live is None:
            self._live = Live(
                self._frame,
                console=self._console,
                auto_refresh=False,
                transient=True,
                vertical_overflow="crop",
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._draw()  # not by the pace: the first text is not to wait for it

    def feed(self, text: str) -> None:
        """Take the next piece of the answer."""
        self._pending.append(text)
        self._waiting += len(text)
        self._has_text = True
        if self._waiting > PART:  # or a frame would have to lay out whatever has come since the last one
            self._finished = self._take()
        self.tick()

    def tick(self) -> None:
        """Draw a frame, if it is time for one and something has changed."""
        if self._live is not None:
            self._pace.ask()

    def echo(self) -> None:
        """Draw the status row now: a key that was typed wants to be seen. New text waits for its frame."""
        if self._live is not None:
            self._refresh()

    def suspend(self) -> None:
        """Give the terminal back in the middle of an answer, until `start` is called again."""
        if self._live is not None:
            live, self._live = self._live, None
            self._frame.rows = ()
            live.stop()

    def _draw(self) -> None:
        self._emit([])

    def _lags(self) -> bool:
        """Whether the terminal still has earlier frames to show; many finished rows do not wait for that."""
        return waiting(self._console.file) > LAG and len(self._finished) < LAGGING_ROWS

    def _rest(self) -> list[Row]:
        return [*self._take(), *super()._rest()]

    def _take(self) -> list[Row]:
        text, rows = "".join(self._pending), self._finished
        self._pending, self._waiting, self._finished = [], 0, []
        return [*rows, *self._stream.feed(text)] if text else rows

    def _emit(self, rows: list[Row]) -> None:
        """Print what is finished and `rows` below it, and draw the frame anew, in one write."""
        if self._live is None:
            super()._emit([*self._take(), *rows])
            return
        size = (self._console.width, self._console.height)
        changed = bool(self._pending or self._finished) or size != self._size
        rows = [*self._take(), *rows]
        if changed:
            self._open = self._stream.live(max(0, min(LIVE_ROWS, size[1] - 2)))
            self._size = size
        if rows:
            self._frame.rows = (*self._open, *self._status_row())
            super()._emit(rows)
        else:
            self._refresh()

    def _refresh(self) -> None:
        """Draw the frame, if it looks otherwise than before."""
        frame = (*self._open, *self._status_row())
        if self._live is not None and frame != self._frame.rows:
            self._frame.rows = frame
            self._live.refresh()

    def _emit_last(self, rows: list[Row]) -> None:
        self._frame.rows = ()
        super()._emit(rows)
        self.suspend()

    def _status_row(self) -> list[Row]:
        text = self._status()
        if text is None:
            return []
        text = text.copy()
        text.no_wrap, text.overflow = True, "ellipsis"
        return rows_of(self._console, text)[:1]


def make_view(
    out: TextIO,
    *,
    color: str = "auto",
    status: Callable[[], Text | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    code_theme: str = CODE_THEME,
) -> PlainView:
    """Give the view that `out` can show: live on a terminal, else append-only. `color` is `auto`, `always` or `never`.

    The stream itself is asked what it is: FORCE_COLOR makes Rich call a pipe a terminal, and would animate in a file.
    """
    console = make_console(out, color=color)
    if out.isatty() and console.is_terminal and not console.is_dumb_terminal:
        return AnswerView(console, status=status, clock=clock, call_later=call_later, code_theme=code_theme)
    return PlainView(console, code_theme=code_theme)
