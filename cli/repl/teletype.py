"""The bottom of a terminal that can only append: a dumb one, or paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.cli.render.rows import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.screen import Cursor


class Teletype:
    """Appends to the live rows; if they change in another way, writes them again below."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._line = ""
        """The text of the live rows."""

    def draw(self, printed: Sequence[Row], live: Sequence[Row], columns: int, *, cursor: Cursor | None = None) -> None:
        """Print rows, and show the `live` ones below them."""
        del columns, cursor
        text = _text(printed) + "\n" * bool(printed)
        if text and not text.startswith(self._line):
            self._write("\n")
            self._line = ""
        if text:
            self._write(text[len(self._line) :])
            self._line = ""
        line = _text(live)
        if not line.startswith(self._line):
            self._write("\n")
            self._line = ""
        self._write(line[len(self._line) :])
        self._line = line

    def leave(self) -> None:
        """End the live row."""
        self.draw([()] if self._line else [], [], 0)

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()


def _text(rows: Iterable[Row]) -> str:
    return "\n".join(map(plain, rows))
