"""What the rendering tests share: a console in memory, rows as plain values, and a terminal that looks back."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyte
from rich.console import Console
from rich.segment import Segment

from fallback_chat.cli.render.markdown import MarkdownStream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style

    from fallback_chat.cli.render.elements import Row


def _examples() -> list[str]:
    """The project's own Markdown, and that of the `spec.json` that COMMONMARK_SPEC may name."""
    own = Path(__file__).parents[2] / "data/markdown/examples.json"
    examples = [source for _, _, source in json.loads(own.read_text("utf-8"))]
    if spec := os.environ.get("COMMONMARK_SPEC"):
        examples += [example["markdown"] for example in json.loads(Path(spec).read_text("utf-8"))]
    return examples


EXAMPLES: Final = _examples()


def console(width: int = 80, height: int = 24, *, dumb: bool = False) -> Console:
    """A console of its own on a string, as on a true-colour terminal or on one that knows nothing."""
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system=None if dumb else "truecolor",
        _environ={"TERM": "dumb" if dumb else "xterm-256color"},
    )


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def styled(rows: Iterable[Row]) -> list[list[tuple[str, Style | None]]]:
    """Rows as text with style, however it was cut into segments."""
    return [[(text, style) for text, style, _ in Segment.simplify(row)] for row in rows]


def plain(rows: Iterable[Row]) -> list[str]:
    return ["".join(segment.text for segment in row) for row in rows]


def stream(console: Console, chunks: Iterable[str], code_theme: str = "ansi_dark") -> tuple[list[Row], MarkdownStream]:
    """Feed `chunks`, looking at the live rows now and then as a view does; give all final rows."""
    markdown = MarkdownStream(console, code_theme)
    rows: list[Row] = []
    for number, chunk in enumerate(chunks):
        rows += markdown.feed(chunk)
        if number % 5 == 0:
            assert len(markdown.live(8)) <= 8
    return [*rows, *markdown.finish()], markdown


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


class Terminal:
    """A terminal emulator with its scrollback, to which the bytes of a view are written."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.screen = pyte.HistoryScreen(width, height, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self.screen)
        self.screen.set_mode(pyte.modes.LNM)

    def write(self, text: str) -> None:
        self._stream.feed(text)

    def rows(self) -> list[str]:
        """Every row that was ever scrolled out, and the screen, without blanks at the ends of rows and of the whole."""
        above = ["".join(line[x].data for x in range(self.screen.columns)) for line in self.screen.history.top]
        rows = [row.rstrip() for row in [*above, *self.screen.display]]
        while rows and not rows[-1]:
            rows.pop()
        return rows
