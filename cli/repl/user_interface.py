"""The user's side of the chat: what is printed, the rows at the bottom, and messages typed there.

Printed rows scroll away; below them are the arriving answer and the input line, which is always
there. A message sent during an answer is processed at once if it only shows something or changes
who is asked next; others wait for their turn, and are listed above the line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import textwrap
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.job_control import on_stop
from fallback_chat.cli.render.cells import shortened
from fallback_chat.cli.render.lines import HANG
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.repl.area import INDENT, PROMPT
from fallback_chat.cli.repl.escapes import notification
from fallback_chat.cli.repl.inbox import Inbox, Message
from fallback_chat.cli.repl.painter import Painter
from fallback_chat.cli.repl.registry import split
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.repl.theme import row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from fallback_chat.cli.render.append import PlainView
    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.preferences import Preferences
    from fallback_chat.cli.repl.prompt import Prompt
    from fallback_chat.cli.repl.sheet import Bottom, Sheet
    from fallback_chat.cli.repl.status import Piece
    from fallback_chat.cli.repl.terminal import Terminal

TICK: Final = 0.25
"""Seconds between two updates of the status row during an answer."""
SECOND: Final = 1.0
"""Seconds between two updates at other times."""
AGAIN: Final = 1.0
"""Seconds within which a second Ctrl-C also drops the waiting messages."""
ROOMY: Final = 16
"""Rows of a screen that has one for the space above the line."""
DROP_HINT: Final = "press Ctrl-C again to drop what is queued"
MOST_QUEUED: Final = 3
"""Messages listed above the line."""


class UserInterface:
    """Prints, draws and takes messages; `build_repl` sets `prompt`, the chat sets the functions."""

    def __init__(self, terminal: Terminal, sheet: Sheet, preferences: Preferences) -> None:
        self._terminal = terminal
        self._sheet = sheet
        self.preferences = preferences
        self.out = sheet.out
        self._act: Callable[[str], None] | None = None
        self._stopped = -AGAIN
        self._is_holding_back = False
        """Whether waiting messages can still be dropped after a stop."""
        self.is_apart = True
        """Whether an answer may begin in the next row, with nothing above it but its question."""
        self._inbox = Inbox()
        self._app: asyncio.Future[None] | None = None
        self.prompt: Prompt | None = None
        self.status: Callable[[int], Sequence[Piece]] = lambda _: ()
        """Describes the status row for a width."""
        self.at_once: Callable[[Draft], Callable[[], object] | None] = lambda _: None
        """Returns what processes a message that need not wait for its turn; None if it has to."""
        self.on_tick: Callable[[], None] = lambda: None
        """Called now and then during an answer."""
        sheet.bottom = self._bottom

    @property
    def theme(self) -> Theme:
        """The colours to paint with."""
        return self._sheet.theme

    @property
    def plain(self) -> bool:
        """Whether nothing on the screen may move."""
        return self._sheet.is_plain

    @property
    def is_busy(self) -> bool:
        """Whether an answer, or other work that Ctrl-C ends, is in progress."""
        return self._act is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the chat waits for a message."""
        return self._inbox.is_waiting

    @property
    def is_queued(self) -> bool:
        """Whether messages wait for their turn."""
        return bool(self._inbox.queued)

    @property
    def typed_ahead(self) -> bool:
        """Whether typed or sent text is not processed yet."""
        return self.is_queued or (self.prompt is not None and bool(self.prompt.line.text))

    # Printing and drawing

    def greet(self, line: str) -> None:
        """Print a line, broken between words, before anything that lays out rows is imported."""
        text = textwrap.fill(sanitise(line), self._sheet.size[0], break_long_words=False, break_on_hyphens=False)
        self.out.write(f"{text}\n")
        self.out.flush()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print lines above the live rows."""
        from fallback_chat.cli.render.message import told

        self.show(told(text, tone, hang=HANG))

    def show(self, content: Content, *, below_answer: bool = False) -> None:
        """Print rows above the live ones, or below an answer that has begun, once it is there."""
        self._sheet.show(content, below_answer=below_answer)
        self.is_apart = self.plain

    def aside(self, text: str) -> None:
        """Print text apart from what is around it."""
        from fallback_chat.cli.render.message import aside, told

        self.show(told(text, Tone.DIM) if self.plain else aside(text))

    def notify(self, text: str) -> None:
        """Call the user back, in the way that was chosen."""
        how = "bell" if self._sheet.is_dumb and self.preferences.notify != "off" else self.preferences.notify
        self.out.write(notification(how, text, os.environ))
        self.out.flush()

    def redraw(self) -> None:
        """Redraw soon, because the status row has changed."""
        if self.prompt is not None:
            self.prompt.app.invalidate()

    def _bottom(self) -> Bottom:
        """Return the rows at the bottom: waiting messages, the line, and the status row."""
        # Until the keys are read, the terminal would act on some of them itself.
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
            ((shortened(f"{INDENT}next: {line}{' …' * bool(more)}", columns), "dim"),) for line, _, more in lines
        ]
        hidden = len(rows) - MOST_QUEUED
        return rows if hidden <= 0 else [((f"{INDENT}next: {hidden} more, and", "dim"),), *rows[hidden:]]

    def _status_row(self, columns: int) -> list[Row]:
        assert self.prompt is not None
        pieces = self.status(columns)
        notice = DROP_HINT if self._is_holding_back else self.prompt.notice
        if notice and pieces:
            return [((shortened(notice, columns), ""),)]
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
        """Return the next message; `draft` goes into the line if that is empty.

        Raises EOFError when the user leaves.
        """
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
        """Accept a message: process it at once, deliver it to a waiting reader, or queue it."""
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
        """Remove and return the last waiting message."""
        return self._inbox.take_back()

    def echo(self, draft: Draft) -> None:
        """Print a message as it was sent; a question stands out."""
        from fallback_chat.cli.render.message import told

        assert self.prompt is not None
        is_question = split(draft) is None
        text = self.prompt.shown(draft.strip())
        # A dumb terminal still shows the line that was sent: the same text goes on from there.
        sign = PROMPT.rstrip() if self._sheet.is_dumb else self._sheet.signs["question"]
        content = told(text, "question" if is_question else "plain", sign)
        self.show(lambda page: content(page) if self.plain else [(), *content(page), *[()] * is_question])
        self.is_apart = self.plain or is_question

    # An answer

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Make SIGINT and SIGTSTP act like Ctrl-C and Ctrl-Z."""
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
        """Make room for an answer and yield its view; call `act` with each typed action."""
        self._act = act
        view = self._sheet.begin_answer()
        ticker = asyncio.ensure_future(self._tick(view))
        try:
            yield view
            await self._hold_back()
        finally:
            ticker.cancel()
            self._is_holding_back = False
            self._sheet.end_answer()
            self._act = None
            self._sheet.paint()

    async def _hold_back(self) -> None:
        """Allow time to drop waiting messages with a second Ctrl-C after a stop."""
        now = asyncio.get_running_loop().time
        self._is_holding_back = True
        while self.is_queued and (left := self._stopped + AGAIN - now()) > 0:  # noqa: ASYNC110 - it may be dropped meanwhile
            await asyncio.sleep(min(left, TICK))

    async def _tick(self, view: PlainView) -> None:
        while True:
            await asyncio.sleep(TICK)
            view.tick()
            self.on_tick()

    async def _follow_the_clock(self) -> None:
        """Update countdowns once a second; unchanged rows are not written."""
        assert self.prompt is not None
        while True:
            await asyncio.sleep(SECOND)
            if not self.is_busy:
                self.prompt.app.invalidate()

    def act(self, action: str) -> None:
        """Act on the current work; a second stop in a row drops the waiting messages."""
        if self._act is None:
            return
        if action == "stop":
            now = asyncio.get_running_loop().time()
            if now - self._stopped < AGAIN:
                self._inbox.drop()
            self._stopped = now
        self._act(action)

    def suspend(self) -> None:
        """Stop this process until the shell continues it; live rows are removed first."""
        self._terminal.suspend()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to another program."""
        with self._terminal.given_back():
            yield
