"""Answers where nothing on the screen may move: each block is printed once it has ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fallback_chat.cli.render.lines import HANG
from fallback_chat.cli.render.markdown import MarkdownStream
from fallback_chat.cli.render.message import told
from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.plain import void
from fallback_chat.cli.render.rows import painted, plain
from fallback_chat.cli.render.theme import THEMES, signs_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.theme import Theme


def paint_on(console: Console) -> Callable[[Row], str]:
    """Return a function that turns a row into the escape sequences of a console."""
    return plain if console.color_system is None else partial(painted, colors=not console.no_color)


def rendered(text: str) -> Content:
    """Return a whole answer, laid out as one that comes in."""

    def rows(page: Page) -> list[Row]:
        stream = MarkdownStream()
        stream.feed(text)
        return [*stream.blocks(page), *stream.finish(page)]

    return rows


class PlainView:
    """Shows one answer after the other, append-only; all text is made safe to print.

    If it `copies`, code is labelled with its number for `/copy`.
    """

    def __init__(self, console: Console, *, theme: Theme = THEMES["dark"], copies: bool = False) -> None:
        self._console = console
        self._paint = paint_on(console)
        self._style = Page(theme=theme, signs=signs_for(console.encoding), copies=copies)
        self._begin_text()

    def _begin_text(self) -> None:
        self._stream = MarkdownStream()
        self._has_text = False
        self._later: list[Content] = []
        """Printed once the text does not continue."""

    @property
    def _page(self) -> Page:
        return self._style._replace(columns=self._console.width, rows=self._console.height)

    def start(self) -> None:
        """Take the terminal, for the first time or after `suspend`."""

    def feed(self, text: str) -> None:
        """Add the next piece of the answer."""
        self._has_text = True
        self._stream.feed(text)
        self._emit(self._stream.blocks(self._page))

    def tick(self) -> None:
        """Draw what is due."""

    def echo(self) -> None:
        """Show what was typed."""

    def note(self, line: str) -> None:
        """Print a message among the rows of the answer."""
        self.show(told(line, hang=HANG))

    def show(self, content: Content) -> None:
        """Print something that is not part of the answer."""
        self._emit(content(self._page))

    def show_below(self, content: Content) -> None:
        """Print something below the text that has begun, once that does not continue."""
        if self._has_text:
            self._later.append(content)
        else:
            self.show(content)

    def settle(self) -> None:
        """Print the open part of the text: it will not continue, and messages come after it."""
        rows, has_text = self._rest(), self._has_text
        self._begin_text()
        self._has_text = has_text
        self._emit(rows)

    def discard(self, successor: str = "") -> None:
        """Mark the text so far as void; the next text is separate from it."""
        rows = [*self._rest(), (), *told(void(successor), "dim")(self._page), ()] if self._has_text else []
        self._begin_text()
        self._emit(rows)

    def finish(self) -> None:
        """End the answer, and release the terminal; harmless after an end."""
        rows = self._rest()
        self._begin_text()
        self._emit_last(rows)

    def suspend(self) -> None:
        """Release the terminal during an answer, until `start` is called again."""

    def _rest(self) -> list[Row]:
        """End the text and return its missing rows, and those that waited for its end."""
        page = self._page
        return [*self._stream.finish(page), *(row for content in self._later for row in content(page))]

    def _emit(self, rows: Sequence[Row]) -> None:
        if rows:
            out = self._console.file
            out.write("".join(f"{self._paint(row)}\n" for row in rows))
            out.flush()

    def _emit_last(self, rows: Sequence[Row]) -> None:
        self._emit(rows)
