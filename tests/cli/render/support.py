"""What the rendering tests share: a console in memory, rows as plain values, and a terminal that looks back."""

from __future__ import annotations

import io
import json
import os
import re
import unicodedata
from collections import Counter
from cProfile import Profile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyte
from rich.console import Console
from wcwidth import wcwidth

from fallback_chat.cli.render import rows as rows_module
from fallback_chat.cli.render.markdown import MarkdownStream
from fallback_chat.cli.render.page import Page
from tests.cli.scrollback import Scrollback

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from fallback_chat.cli.render.rows import Row


def _examples() -> list[str]:
    """The project's own Markdown, and that of the `spec.json` that COMMONMARK_SPEC may name."""
    own = Path(__file__).parents[2] / "data/markdown/examples.json"
    examples = [source for _, _, source in json.loads(own.read_text("utf-8"))]
    if spec := os.environ.get("COMMONMARK_SPEC"):
        examples += [example["markdown"] for example in json.loads(Path(spec).read_text("utf-8"))]
    return examples


EXAMPLES: Final = _examples()
PAGE: Final = Page()


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


def plain(rows: Iterable[Row]) -> list[str]:
    return [rows_module.plain(row) for row in rows]


def rendered(text: str, columns: int = 80) -> list[str]:
    """The rows of a whole text, without their styles."""
    stream = MarkdownStream()
    stream.feed(text)
    return plain(stream.finish(Page(columns)))


def stream(chunks: Iterable[str], *, columns: int = 80, height: int = 24) -> tuple[list[Row], list[Row]]:
    """Take a frame for each chunk. Gives all rows that are final, and those that are live in the last frame."""
    markdown, page = MarkdownStream(), Page(columns)
    final: list[Row] = []
    live: list[Row] = []
    for chunk in chunks:
        markdown.feed(chunk)
        printed, live = markdown.take(page, height)
        assert len(live) <= height
        final += printed
    return final, live


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def pieces_by_chance(text: str, chance: random.Random, longest: int) -> Iterable[str]:
    while text:
        size = chance.randint(1, longest)
        yield text[:size]
        text = text[size:]


class _Screen(Scrollback):
    def draw(self, data: str) -> None:
        """pyte stops at a joiner or a variation selector; terminals draw them into the cell before, and go on."""
        super().draw("".join(char for char in data if wcwidth(char) or unicodedata.combining(char)))


class Terminal:
    """A terminal emulator with its scrollback, to which the bytes of a view are written."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.screen = _Screen(width, height)
        self._above: list[str] = []
        self._stream = pyte.Stream(self.screen)
        self.screen.set_mode(pyte.modes.LNM)

    def write(self, text: str) -> None:
        self._stream.feed(text)

    def rows(self) -> list[str]:
        """Every row that was ever scrolled out, and the screen, without blanks at the ends of rows and of the whole."""
        self._above += self.screen.above(len(self._above))  # what has scrolled away stays as it is
        rows = [*self._above, *(row.rstrip() for row in self.screen.display)]
        while rows and not rows[-1]:
            rows.pop()
        return rows


_MARKUP: Final = re.compile(r"&#?\w*;?|<br\s*/?>", re.IGNORECASE)
_TABLE: Final = re.compile(r"^.*\|.*\n[ \t>*+\-\d.)]*[|:-][ \t|:-]*$", re.MULTILINE)


def words_of(text: str) -> str:
    """The letters, digits and signs of a text; punctuation may be Markdown's, and some terminals draw joined emoji as one."""
    text = unicodedata.normalize("NFC", text)
    return "".join(char for char in text if unicodedata.category(char)[0] in "LN" or char in "€→✅")


def missing(text: str, shown: Iterable[str]) -> str:
    """What is on no row of what has to be there, in the order of the text; the cells of tables may be in another one."""
    wanted, there = words_of(_MARKUP.sub("", text)), words_of("\n".join(shown))
    if _TABLE.search(text):
        lacking = Counter(wanted) - Counter(there)
        return "".join(lacking.elements())
    rest = iter(there)
    for at, char in enumerate(wanted):
        if char not in rest:
            return wanted[at : at + 20]
    return ""


def calls_of(work: Callable[[], object]) -> int:
    """Count the function calls that something takes; unlike time, they are the same on a busy machine."""
    with Profile() as profile:
        work()
    return sum(each.callcount for each in profile.getstats())
