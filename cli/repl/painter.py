"""Stands in for prompt-toolkit's renderer: the rows of the input line are drawn by the chat's own screen, below the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import DummyStyle

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.layout import Layout


class Canvas(Protocol):
    """Draws what is live on the screen."""

    def paint(self) -> None:
        """Draw it anew, as far as it has changed."""

    def put_away(self) -> None:
        """Take it off the screen, so that something else can be written there."""


class Painter(Renderer):
    """Sees to the terminal's modes, and has the canvas draw."""

    def __init__(self, application: Application[Any], canvas: Canvas) -> None:
        self._canvas = canvas
        super().__init__(application.style or DummyStyle(), application.output)

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw; at the end of the application, put everything away."""
        if is_done:
            self.erase()
            return
        if not self._bracketed_paste_enabled:
            self.output.enable_bracketed_paste()
            self._bracketed_paste_enabled = True
        shape = app.cursor.get_cursor_shape(app)
        if shape != self._last_cursor_shape:
            self.output.set_cursor_shape(shape)
            self._last_cursor_shape = shape
        self.output.flush()
        self._canvas.paint()
        layout.visible_windows = [layout.current_window]

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Make room for something else; on a new size of the terminal there is nothing to do, the next frame sees it."""
        if leave_alternate_screen:
            self._canvas.put_away()
            self.reset()

    def clear(self) -> None:
        """Clear the terminal, and draw on its first row."""
        self.erase()
        self.output.erase_screen()
        self.output.cursor_goto(0, 0)
        self.output.flush()

    def request_absolute_cursor_position(self) -> None:
        """Ask nothing: an answer that comes late would be read as keys by another program."""
