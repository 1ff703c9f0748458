"""Answers on a terminal that cannot move its cursor: each block is printed once, when it is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import SegmentLines
from rich.text import Text

from fallback_chat.cli.render.elements import CODE_THEME, Row, rows_of
from fallback_chat.cli.render.markdown import MarkdownStream
from fallback_chat.cli.render.plain import VOID
from fallback_chat.cli.render.sanitise import sanitise

if TYPE_CHECKING:
    from rich.console import Console


class PlainView:
    """Shows one answer after the other, append-only; whatever text comes in is sanitised and never read as Rich's markup."""

    def __init__(self, console: Console, *, code_theme: str = CODE_THEME) -> None:
        self._console = console
        self._code_theme = code_theme
        self._begin_text()

    def _begin_text(self) -> None:
        self._stream = MarkdownStream(self._console, self._code_theme)
        self._has_text = False

    def start(self) -> None:
        """Take the terminal, for the first time or after `suspend`."""

    def feed(self, text: str) -> None:
        """Take the next piece of the answer."""
        self._has_text = True
        self._emit(self._stream.feed(text))

    def tick(self) -> None:
        """Draw what is due."""

    def echo(self) -> None:
        """Show what was typed."""

    def note(self, line: str) -> None:
        """Print one dim line among the rows of the answer."""
        self._emit(self._dim(line))

    def settle(self) -> None:
        """Print what is open of the text: it will not go on, and what is told next comes after it."""
        rows, has_text = self._rest(), self._has_text
        self._begin_text()
        self._has_text = has_text
        self._emit(rows)

    def discard(self) -> None:
        """Mark what was shown as void; the next text is another answer, and nothing of the two is glued together."""
        rows = [*self._rest(), [], *self._dim(VOID), []] if self._has_text else []
        self._begin_text()
        self._emit(rows)

    def finish(self, footer: str | None = None) -> None:
        """End the answer, with one dim line below it, and give the terminal back."""
        rows = [*self._rest(), *(self._dim(footer) if footer else [])]
        self._begin_text()
        self._emit_last(rows)

    def interrupt(self, note: str) -> None:
        """End the answer where it stands, and say why."""
        self.finish(note)

    def stop(self) -> None:
        """Give the terminal back, keeping what was shown; harmless after an end."""
        self.finish()

    def suspend(self) -> None:
        """Give the terminal back in the middle of an answer, until `start` is called again."""

    def _rest(self) -> list[Row]:
        """End the text; link definitions that came too late for their links are shown as a list."""
        rows = self._stream.finish()
        late = [row for label, url in self._stream.late() for row in self._dim(f"[{label}]: {url}")]
        return [*rows, *([[]] if late else []), *late]

    def _dim(self, line: str) -> list[Row]:
        return rows_of(self._console, Text(sanitise(line), style="dim"))

    def _emit(self, rows: list[Row]) -> None:
        if rows:
            self._console.print(SegmentLines(rows, new_lines=True))

    def _emit_last(self, rows: list[Row]) -> None:
        self._emit(rows)
