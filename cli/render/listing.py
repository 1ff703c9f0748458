"""Lists in columns: plain text, with one styled word in each row on a terminal."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from fallback_chat.cli.render.rows import painted, plain
from fallback_chat.cli.render.theme import choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from fallback_chat.cli.render.rows import Row


def listed(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Return rows in columns, the head first."""
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def tinted(line: str, cell: str, style: str) -> Row:
    """Return a row in which the last occurrence of a cell's text has a style."""
    before, _, behind = line.rpartition(cell)
    return (before, ""), (cell, style), (behind, "")


def write(out: TextIO, lines: Iterable[str], cells: Sequence[tuple[str, str]], *, color: str) -> None:
    """Write a list; on a terminal each of `cells`, one per row, gets the style of its role."""
    styles = choose("auto", os.environ).styles
    paint = partial(painted, colors=True) if has_colors(out, color) else plain
    head, *rows = lines
    out.write(f"{head}\n")
    out.writelines(
        f"{paint(tinted(line, cell, styles[role]))}\n" for line, (cell, role) in zip(rows, cells, strict=True)
    )


def has_colors(out: TextIO, color: str) -> bool:
    """Whether to use colours: `always`, `never`, or as the terminal and NO_COLOR say."""
    if color != "auto":
        return color == "always"
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")
