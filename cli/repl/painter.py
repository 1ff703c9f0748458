"""A renderer in place of prompt-toolkit's: the chat's own screen draws the input line.

It is drawn below the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import DummyStyle

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.layout import Layout


class Canvas(Protocol):
    """Draws the live rows on the screen."""

    def paint(self) -> None:
        """Redraw what has changed."""

    def put_away(self) -> None:
        """Remove it from the screen, so that something else can be written there."""


class Painter(Renderer):
    """Sets the terminal's modes, and lets the canvas draw."""

    def __init__(self, application: Application[Any], canvas: Canvas) -> None:
        self._canvas = canvas
        super().__init__(application.style or DummyStyle(), application.output)

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw; at the end of the application, remove everything."""
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
        """Make room for something else; the next frame adapts to a new size by itself."""
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
        """Do nothing: a late response would be read as keys by another program."""
