"""The surface of the chat: printed rows scroll away, live ones below are redrawn."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from prompt_toolkit.output.color_depth import ColorDepth

from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import Row, folded, painted
from fallback_chat.cli.render.screen import Cursor, Screen, reflows
from fallback_chat.cli.render.theme import choose, signs_for
from fallback_chat.cli.repl.teletype import Teletype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from prompt_toolkit.output import Output
    from rich.console import Console

    from fallback_chat.cli.render.append import PlainView
    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.preferences import Preferences

Bottom = tuple[list[Row], Cursor | None]
"""The live rows at the bottom, and the cursor among them."""


class Sheet:
    """The terminal's rows.

    The owner of live rows sets `bottom`; `output` knows the terminal's size.
    """

    def __init__(
        self, preferences: Preferences, *, output: Output, out: TextIO, color: str = "auto", dumb: bool = False
    ) -> None:
        self._preferences = preferences
        self._output = output
        self.out = out
        self._color = color
        self._dumb = dumb
        paint = partial(painted, colors=self._has_colors())
        self._screen = Teletype(out) if dumb else Screen(out, paint, reflows=reflows(os.environ))
        self._console: Console | None = None
        self._view: PlainView | None = None
        self.bottom: Callable[[], Bottom] = lambda: ([], None)

    @property
    def theme(self) -> Theme:
        """The colours to paint with."""
        return choose(self._preferences.theme, os.environ)

    @property
    def signs(self) -> Mapping[str, str]:
        """The signs available in the terminal's encoding."""
        return signs_for(self.out.encoding)

    @property
    def is_plain(self) -> bool:
        """Whether nothing may move."""
        return self._dumb or self._preferences.calm

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal knows no escape sequences."""
        return self._dumb

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows. The output for a dumb terminal does not know them."""
        if self._dumb:
            with suppress(OSError):
                columns, rows = os.get_terminal_size(self.out.fileno())
                return columns, rows
        size = self._output.get_size()
        return size.columns, size.rows

    def show(self, content: Content, *, below_answer: bool = False) -> None:
        """Print rows above the live ones, or below an answer that has begun, once it is there."""
        if self._view is not None:
            (self._view.show_below if below_answer else self._view.show)(content)
        else:
            columns, rows = self.size
            self._draw(content(Page(columns, self.theme, self.signs, copies=True, rows=rows)))

    def paint(self) -> None:
        """Draw the live rows that have changed."""
        if self._view is not None:
            self._view.start()  # again, if another program had the terminal
            self._view.echo()
        else:
            self._draw([])

    def put_away(self) -> None:
        """Remove the live rows, so that something else can be written there."""
        if self._view is not None:
            self._view.suspend()
        self._screen.leave()

    def begin_answer(self) -> PlainView:
        """Create a view of an answer, and show it until `end_answer()`."""
        from fallback_chat.cli.render.append import PlainView
        from fallback_chat.cli.render.live import AnswerView, Below
        from fallback_chat.cli.render.plain import call_later

        if isinstance(self._screen, Teletype) or self.is_plain:
            self._screen.leave()
            self._view = PlainView(self.console, theme=self.theme, copies=True)
        else:
            self._view = AnswerView(
                self.console,
                screen=self._screen,
                below=lambda: Below(*self.bottom()),
                call_later=call_later,
                theme=self.theme,
                copies=True,
            )
        self._view.start()
        return self._view

    def end_answer(self) -> None:
        """Leave the answer as it is."""
        if self._view is not None:
            self._view.finish()
            self._view = None

    @property
    def console(self) -> Console:
        """Rich's console, imported with the first answer."""
        if self._console is None:
            from fallback_chat.cli.render.console import make_console

            self._console = make_console(self.out, color=self._color)
        return self._console

    def _draw(self, printed: Sequence[Row]) -> None:
        columns, _ = self.size
        rows, cursor = self.bottom()
        self._screen.draw(printed, [folded(each, columns)[0] for each in rows], columns, cursor=cursor)

    def _has_colors(self) -> bool:
        if self._color != "auto":
            return self._color == "always"
        return (ColorDepth.from_env() or self._output.get_default_color_depth()) is not ColorDepth.DEPTH_1_BIT
