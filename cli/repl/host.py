"""The terminal in its two phases: the input line, and an answer that streams. Both belong to one event loop and take turns.

While one phase hands over to the other nobody reads and nothing echoes; what was typed meanwhile is read by the next phase.
Lines that are to be printed wait in a queue until the phase that owns the terminal can print them, so none is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead

from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.theme import choose
from fallback_chat.cli.repl.keys import TypeAhead
from fallback_chat.cli.repl.prompt import ESCAPE_TIME, Prompt
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.repl.theme import row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from typing import TextIO

    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPress
    from rich.console import Console

    from fallback_chat.cli.render.append import Content, PlainView
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.preferences import Preferences
    from fallback_chat.cli.repl.status import Piece
    from fallback_chat.cli.repl.terminal import Terminal

TICK: Final = 0.25
"""Seconds between two looks at the status row while an answer is awaited."""
AGAIN: Final = 1.0
"""Seconds within which a second Ctrl-C drops the questions that wait, too."""


class Host:
    """Owns the terminal. `prompt` is set by whoever puts the parts together: its keys reach back to the chat."""

    def __init__(  # noqa: PLR0913 - the parts of the world are handed in
        self,
        terminal: Terminal,
        keymap: Keymap,
        preferences: Preferences,
        *,
        input: Input,  # noqa: A002 - prompt-toolkit's name
        out: TextIO,
        color: str = "auto",
        dumb: bool = False,
    ) -> None:
        self._terminal = terminal
        self._keymap = keymap
        self.preferences = preferences
        self._input = input
        self.out = out
        self._color = color
        self._dumb = dumb
        self._pending: deque[Content] = deque()
        self._console: Console | None = None
        self._view: PlainView | None = None
        self._act: Callable[[str], None] | None = None
        self._stopped = -AGAIN
        self._typed: TypeAhead | None = None
        self.typed_ahead = False
        """Something was typed during the last answer, and comes into the input line next."""
        self.on_tick: Callable[[], None] = lambda: None
        """Called now and then while an answer is awaited."""
        self.prompt: Prompt | None = None

    @property
    def theme(self) -> Theme:
        """The colours to paint with."""
        return choose(self.preferences.theme, os.environ)

    @property
    def plain(self) -> bool:
        """Nothing on the screen may move."""
        return self._dumb or self.preferences.calm

    @property
    def ascii_only(self) -> bool:
        """The terminal's encoding has no symbols."""
        return "utf" not in (self.out.encoding or "").lower()

    @property
    def typed(self) -> TypeAhead | None:
        """What was typed during the running answer."""
        return self._typed

    def greet(self, line: str) -> None:
        """Print a line before or after everything else, without waiting for the library that paints."""
        self._write(f"{sanitise(line)}\n")

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print lines, as soon as whoever owns the terminal can."""
        from fallback_chat.cli.render.append import told

        self.show(told(text, tone))

    def show(self, content: Content) -> None:
        """Print rows, as soon as whoever owns the terminal can."""
        self._pending.append(content)
        if self._view is not None:
            while self._pending:
                self._view.show(self._pending.popleft())
        elif self.prompt is not None and self.prompt.active:
            self.prompt.print_above(self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Print what waits."""
        if self._pending:
            from fallback_chat.cli.render.append import PlainView

            view = PlainView(self.console, theme=self.theme, copies=True)
            while self._pending:
                view.show(self._pending.popleft())

    @property
    def console(self) -> Console:
        """Rich's console, imported when there is something to print."""
        if self._console is None:
            from fallback_chat.cli.render.console import make_console

            self._console = make_console(self.out, color=self._color)
        return self._console

    async def read(self, draft: Draft) -> Draft:
        """Show the input line until a message is sent. Raises EOFError when the user leaves."""
        assert self.prompt is not None
        try:
            return await self.prompt.read(draft)
        finally:
            self.flush()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Have SIGINT do what Ctrl-C does in the phase that is on."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, self._interrupt)
        yield

    def _interrupt(self) -> None:
        if self._act is not None:
            self._do("stop")
        elif self.prompt is not None and self.prompt.active:
            self.prompt.press_ctrl_c()

    @asynccontextmanager
    async def answering(
        self, status: Callable[[int, TypeAhead], Sequence[Piece]], act: Callable[[str], None]
    ) -> AsyncIterator[PlainView]:
        """Hand the terminal to an answer: gives its view, and calls `act` with the name of each action that is typed.

        `status` describes the status row for a width. What is typed and is no action waits for the next prompt.
        """
        self._typed = typed = TypeAhead(self._keymap.streaming())
        typed.keys += get_typeahead(self._input)
        self._view, self._act = self._make_view(status, typed), act
        view = self._view
        ticker = asyncio.ensure_future(self._tick(view))
        try:
            with (
                self._input.raw_mode(),
                self._input.attach(self._read_keys),
                self._bracketed_paste(),
                self._on_resize(view),
            ):
                view.start()
                yield view
                await self._hold_back(typed)
        finally:
            ticker.cancel()
            view.stop()
            typed.keys += self._input.flush_keys()
            self.typed_ahead = bool(typed.keys)
            store_typeahead(self._input, typed.keys)
            self._view = self._act = self._typed = None
            self.flush()

    async def _hold_back(self, typed: TypeAhead) -> None:
        """Leave the user who has stopped an answer the time to drop what is queued behind it, with a second Ctrl-C."""
        now = asyncio.get_running_loop().time
        while typed.queued and (left := self._stopped + AGAIN - now()) > 0:  # noqa: ASYNC110 - it may be dropped meanwhile
            await asyncio.sleep(min(left, TICK))

    def _make_view(self, status: Callable[[int, TypeAhead], Sequence[Piece]], typed: TypeAhead) -> PlainView:
        from fallback_chat.cli.render.append import PlainView
        from fallback_chat.cli.render.live import AnswerView, Below
        from fallback_chat.cli.render.plain import call_later

        if self.plain:
            return PlainView(self.console, theme=self.theme, copies=True)
        return AnswerView(
            self.console,
            below=lambda: Below([row(status(self.console.width, typed), self.theme)]),
            call_later=call_later,
            theme=self.theme,
            copies=True,
        )

    async def _tick(self, view: PlainView) -> None:
        while True:
            await asyncio.sleep(TICK)
            view.tick()
            self.on_tick()

    @contextmanager
    def _bracketed_paste(self) -> Iterator[None]:
        """Have a paste arrive as one key press, not as lines that are sent one by one."""
        self._set_bracketed_paste(on=True)
        try:
            yield
        finally:
            self._set_bracketed_paste(on=False)

    def _set_bracketed_paste(self, *, on: bool) -> None:
        if not self._dumb:
            self._write(f"\x1b[?2004{'h' if on else 'l'}")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()

    @contextmanager
    def _on_resize(self, view: PlainView) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        number = getattr(signal, "SIGWINCH", None)
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError, TypeError):
            loop.add_signal_handler(number, view.tick)  # type: ignore[arg-type]
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError, TypeError):
                loop.remove_signal_handler(number)  # type: ignore[arg-type]

    def _read_keys(self) -> None:
        """Take what was typed; an Escape at its end acts when nothing has followed in a moment."""
        self._take(self._input.read_keys())
        asyncio.get_running_loop().call_later(ESCAPE_TIME, self._flush_keys)
        if self._input.closed:
            self._do("stop")

    def _flush_keys(self) -> None:
        if self._typed is not None:  # otherwise whoever reads by now sees to it
            self._take(self._input.flush_keys())

    def _take(self, presses: list[KeyPress]) -> None:
        if self._typed is None or self._view is None:
            store_typeahead(self._input, presses)
            return
        for action in self._typed.take(presses):
            self._do(action)
        if presses and self._view is not None:
            self._view.echo()

    def _do(self, action: str) -> None:
        if self._view is None or self._act is None:
            return
        if action == "suspend":
            self._suspend(self._view)
            return
        if action == "stop":
            now = asyncio.get_running_loop().time()
            if now - self._stopped < AGAIN and self._typed is not None:
                self._typed.drop()
            self._stopped = now
        self._act(action)

    def _suspend(self, view: PlainView) -> None:
        view.suspend()
        self._set_bracketed_paste(on=False)
        with self._input.cooked_mode():
            self._terminal.suspend()
        self._set_bracketed_paste(on=True)
        view.start()

    def suspend(self) -> None:
        """Suspend from the prompt, whose screen prompt-toolkit has put away."""
        self._terminal.suspend()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the terminal to another program."""
        with self._terminal.given_back():
            yield
