"""The terminal while the chat runs. What is printed scrolls away; below it are the answer that comes in, and the input line.

The input line is there all the time. What is sent while an answer is awaited is done at once, where it only shows something or
changes who is asked next; other messages wait for their turn, and are listed above the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.job_control import on_stop
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.repl.area import INDENT
from fallback_chat.cli.repl.escapes import notification
from fallback_chat.cli.repl.inbox import Inbox, Message
from fallback_chat.cli.repl.menu import fitting
from fallback_chat.cli.repl.painter import Painter
from fallback_chat.cli.repl.registry import split
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.repl.theme import row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from fallback_chat.cli.render.append import Content, PlainView
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.preferences import Preferences
    from fallback_chat.cli.repl.prompt import Prompt
    from fallback_chat.cli.repl.sheet import Bottom, Sheet
    from fallback_chat.cli.repl.status import Piece
    from fallback_chat.cli.repl.terminal import Terminal

TICK: Final = 0.25
"""Seconds between two looks at the status row while an answer is awaited."""
SECOND: Final = 1.0
"""Seconds between two looks at it at other times."""
AGAIN: Final = 1.0
"""Seconds within which a second Ctrl-C drops the messages that wait, too."""
ROOMY: Final = 16
"""Rows of a screen that has one for the space above the line."""
MOST_QUEUED: Final = 3
"""Messages that are listed above the line."""


class Host:
    """Owns the terminal. `prompt` and the functions are set by whoever puts the parts together."""

    def __init__(self, terminal: Terminal, sheet: Sheet, preferences: Preferences) -> None:
        self._terminal = terminal
        self._sheet = sheet
        self.preferences = preferences
        self.out = sheet.out
        self._act: Callable[[str], None] | None = None
        self._stopped = -AGAIN
        self._inbox = Inbox()
        self._app: asyncio.Future[None] | None = None
        self.prompt: Prompt | None = None
        self.status: Callable[[int], Sequence[Piece]] = lambda _: ()
        """Describes the status row for a width."""
        self.at_once: Callable[[Draft], Callable[[], object] | None] = lambda _: None
        """Returns what deals with a message that need not wait for its turn; None for one that has to."""
        self.on_tick: Callable[[], None] = lambda: None
        """Called now and then while an answer is awaited."""
        sheet.bottom = self._bottom

    @property
    def theme(self) -> Theme:
        """The colours to paint with."""
        return self._sheet.theme

    @property
    def plain(self) -> bool:
        """Nothing on the screen may move."""
        return self._sheet.is_plain

    @property
    def ascii_only(self) -> bool:
        """The terminal's encoding has no symbols."""
        return "utf" not in (self.out.encoding or "").lower()

    @property
    def is_busy(self) -> bool:
        """An answer, or another piece of work that Ctrl-C ends, is awaited."""
        return self._act is not None

    @property
    def is_waiting(self) -> bool:
        """Nothing is done until the user sends something."""
        return self._inbox.is_waiting

    @property
    def is_queued(self) -> bool:
        """Messages wait for their turn."""
        return bool(self._inbox.queued)

    @property
    def typed_ahead(self) -> bool:
        """Something was typed or sent that is not dealt with yet."""
        return self.is_queued or (self.prompt is not None and bool(self.prompt.line.text))

    # Printing and drawing

    def greet(self, line: str) -> None:
        """Print a line before or after everything else."""
        self.out.write(f"{sanitise(line)}\n")
        self.out.flush()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print lines above what is live."""
        from fallback_chat.cli.render.append import told

        self.show(told(text, tone))

    def show(self, content: Content) -> None:
        """Print rows above what is live."""
        self._sheet.show(content)

    def notify(self, text: str) -> None:
        """Call the user back, as far as that is wanted."""
        how = "bell" if self._sheet.is_dumb and self.preferences.notify != "off" else self.preferences.notify
        self.out.write(notification(how, text, os.environ))
        self.out.flush()

    def redraw(self) -> None:
        """Draw anew soon, because something in the status row has changed."""
        if self.prompt is not None:
            self.prompt.app.invalidate()

    def _bottom(self) -> Bottom:
        """Return the rows below everything else: the messages that wait, the line, and the status row."""
        # Before the keys are read, the terminal would act on some of them itself.
        if self.prompt is None or not self.prompt.app.is_running or (self.plain and not self.is_waiting):
            return [], None
        columns, height = self._sheet.size
        apart: list[Row] = [()] if height >= ROOMY and not self.plain else []
        above = [*apart, *self._queued_rows(columns)]
        status = self._status_row(columns)
        room = (height // 2 if self.is_busy else height - 1) - len(above) - len(status)
        area = self.prompt.rows(columns, max(1, room))
        return [*above, *area.rows, *status], area.cursor.below(len(above))

    def _queued_rows(self, columns: int) -> list[Row]:
        assert self.prompt is not None
        lines = [self.prompt.shown(draft).strip().partition("\n") for draft in self._inbox.queued]
        rows: list[Row] = [
            ((fitting(f"{INDENT}next: {line}{' …' * bool(more)}", columns), "dim"),) for line, _, more in lines
        ]
        hidden = len(rows) - MOST_QUEUED
        return rows if hidden <= 0 else [((f"{INDENT}next: {hidden} more, and", "dim"),), *rows[hidden:]]

    def _status_row(self, columns: int) -> list[Row]:
        assert self.prompt is not None
        pieces = self.status(columns)
        if notice := self.prompt.notice if pieces else "":
            return [((fitting(notice, columns), ""),)]
        return [row(pieces, self.theme)] if pieces else []

    # Messages

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Show the input line, and read its keys."""
        assert self.prompt is not None
        app = self.prompt.app
        app.renderer = Painter(app, self._sheet)
        self.prompt.follow_preferences()
        self._app = asyncio.ensure_future(app.run_async(handle_sigint=False, set_exception_handler=False))
        self._app.add_done_callback(lambda _: self._inbox.close())
        clock = asyncio.ensure_future(self._follow_the_clock())
        try:
            yield
        finally:
            clock.cancel()
            self._sheet.put_away()
            self._inbox.is_waiting = False
            if app.is_running and not app.is_done:
                app.exit()
            with contextlib.suppress(EOFError):
                await self._app
            self._app = None

    async def read(self, draft: Draft) -> Draft:
        """Return the next message; `draft` comes into the line, if nothing is in it. Raises EOFError when the user leaves."""
        assert self.prompt is not None
        if draft:
            self.prompt.load(draft)
        self.prompt.follow_preferences()
        self._inbox.is_waiting = not self.is_queued
        self._sheet.paint()
        message = await self._inbox.get()
        if not message.is_printed:
            self.echo(message.draft)
        return message.draft

    def send(self, draft: Draft) -> None:
        """Take a message: for whoever waits for one, to be done at once, or to wait for its turn."""
        is_expected = self.is_waiting
        run = None if is_expected else self.at_once(draft)
        if run is None:
            self._inbox.put(Message(draft, is_printed=is_expected))
        if is_expected or run is not None:
            self.echo(draft)
        if run is not None:
            run()
        self._sheet.paint()

    def take_back(self) -> Draft | None:
        """Return the message that waits last, which does so no longer."""
        return self._inbox.take_back()

    def echo(self, draft: Draft) -> None:
        """Print a message as it was sent; a question stands out."""
        assert self.prompt is not None
        is_question = split(draft) is None
        style = self.theme.styles["question"] if is_question else ""
        first, *rest = self.prompt.shown(draft.strip()).split("\n")
        sign = self._sheet.signs["question"]
        rows: list[Row] = [((f"{sign} {first}", style),), *(((f"{INDENT}{line}", style),) for line in rest)]
        self.show(lambda _: [(), *rows, ()] if is_question and not self.plain else rows)

    # An answer

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Have SIGINT and SIGTSTP do what Ctrl-C and Ctrl-Z do."""
        loop = asyncio.get_running_loop()
        before = signal.getsignal(signal.SIGINT)
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        on_stop(self._stop)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.remove_signal_handler(signal.SIGINT)
                signal.signal(signal.SIGINT, before)

    def _interrupt(self) -> None:
        if self.prompt is not None and self.prompt.app.is_running:
            self.prompt.press_ctrl_c()

    def _stop(self) -> None:
        if self.prompt is not None and self.prompt.app.is_running:
            self.prompt.suspend()
        else:
            self.suspend()

    @asynccontextmanager
    async def answering(self, act: Callable[[str], None]) -> AsyncIterator[PlainView]:
        """Make room for an answer: gives its view, and calls `act` with the name of each action about it that is typed."""
        self._act = act
        view = self._sheet.begin_answer()
        ticker = asyncio.ensure_future(self._tick(view))
        try:
            yield view
            await self._hold_back()
        finally:
            ticker.cancel()
            self._sheet.end_answer()
            self._act = None
            self._sheet.paint()

    async def _hold_back(self) -> None:
        """Leave the user who has stopped an answer the time to drop what waits behind it, with a second Ctrl-C."""
        now = asyncio.get_running_loop().time
        while self.is_queued and (left := self._stopped + AGAIN - now()) > 0:  # noqa: ASYNC110 - it may be dropped meanwhile
            await asyncio.sleep(min(left, TICK))

    async def _tick(self, view: PlainView) -> None:
        while True:
            await asyncio.sleep(TICK)
            view.tick()
            self.on_tick()

    async def _follow_the_clock(self) -> None:
        """Look once a second whether a countdown has moved; where nothing has, nothing is written."""
        assert self.prompt is not None
        while True:
            await asyncio.sleep(SECOND)
            if not self.is_busy:
                self.prompt.app.invalidate()

    def act(self, action: str) -> None:
        """Do something about what is awaited; a second stop soon after the first drops the messages that wait."""
        if self._act is None:
            return
        if action == "stop":
            now = asyncio.get_running_loop().time()
            if now - self._stopped < AGAIN:
                self._inbox.drop()
            self._stopped = now
        self._act(action)

    def suspend(self) -> None:
        """Stop this process until the shell continues it; what is live was put away."""
        self._terminal.suspend()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to another program."""
        with self._terminal.given_back():
            yield
