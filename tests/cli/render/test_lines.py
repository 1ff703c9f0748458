"""Lines for a person, on a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from pathlib import Path
from typing import Final

import pytest

from fallback_chat.cli.render.lines import say

CLI: Final = Path(__file__).parents[3] / "cli"
BY_HAND: Final = re.compile(r"\berr\.write\(|\bstderr\.write\((?!\"\\n\"\))")
LINE: Final = "  backup is rate limited (HTTP 429: see https://example.com/a/page/with/a/long/name), retry later"


def on_a_terminal(columns: int, line: str) -> list[str]:
    """Say a line on a terminal, and return the rows as they were written."""
    master, device = pty.openpty()
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(device, "w", encoding="utf-8", closefd=False) as out:
        say(out, line)
        out.write("end")
    written = b""
    while not written.endswith(b"end"):
        written += os.read(master, 4096)
    os.close(device)
    os.close(master)
    return written.decode().removesuffix("end").splitlines()


@pytest.mark.parametrize(
    ("columns", "line", "rows"),
    [
        (200, LINE, [LINE]),
        (
            40,
            LINE,
            [
                "  backup is rate limited (HTTP 429: see",
                "    https://example.com/a/page/with/a/long/name), retry later",
            ],
        ),
        (20, "ein Satz\nmit zwei Zeilen, die zweite länger", ["ein Satz", "mit zwei Zeilen, die", "  zweite länger"]),
        (20, "  2. a rejected the key\n12. b", ["  2. a rejected the", "       key", "12. b"]),
        (12, "模型没有给出答案", ["模型没有给出", "  答案"]),
        (7, "        far to the right", ["  far", "    to", "    the", "    right"]),
        (20, "\x1b[2J cannot steer a terminal", ["␛[2J cannot steer a", "  terminal"]),
    ],
)
def test_a_terminal_gets_rows_broken_between_words(columns: int, line: str, rows: list[str]) -> None:
    assert on_a_terminal(columns, line) == rows


def test_anything_else_gets_a_line_as_it_is() -> None:
    out = io.StringIO()
    say(out, LINE)
    say(out, "\x1b[2J")

    assert out.getvalue() == f"{LINE}\n␛[2J\n"


def test_no_message_is_written_to_standard_error_past_it() -> None:
    assert [path.name for path in CLI.rglob("*.py") if BY_HAND.search(path.read_text("utf-8"))] == []
