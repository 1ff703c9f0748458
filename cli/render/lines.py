"""Lines for a person: broken between words on a terminal, whole in a pipe, a file and a log."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

HANG: Final = 2
"""Columns by which the rest of a broken line is indented, so that lines can be told apart."""


def say(out: TextIO, line: str) -> None:
    """Write a line, safe to print."""
    out.write(f"{laid_out(line, out)}\n")


def laid_out(line: str, out: TextIO) -> str:
    """Return a line, safe to print, in the rows that it takes on `out`."""
    from fallback_chat.cli.render.sanitise import sanitise  # `--help` needs none of it

    text, columns = sanitise(line), columns_of(out)
    if columns == sys.maxsize or (text.isascii() and len(text) <= columns):
        return text  # most lines need no layout, whose modules take 20 ms to import
    from fallback_chat.cli.render.message import told
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import plain

    return "\n".join(map(plain, told(text, hang=HANG)(Page(columns))))


def columns_of(out: TextIO) -> int:
    """Return the columns of a terminal; anything else has room for everything."""
    try:
        return os.get_terminal_size(out.fileno()).columns or sys.maxsize
    except OSError:
        return sys.maxsize
