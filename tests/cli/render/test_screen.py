"""What is written to the terminal for a frame, and what it shows then."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.rows import plain
from fallback_chat.cli.render.screen import Cursor, Screen, reflows
from tests.cli.render.support import Terminal

if TYPE_CHECKING:
    from fallback_chat.cli.render.rows import Row


class Drawn:
    """A screen, and the terminal that it draws on."""

    def __init__(self, width: int = 20, height: int = 6, *, reflows: bool = False) -> None:
        self.out = io.StringIO()
        self.screen = Screen(self.out, plain, reflows=reflows)
        self.terminal = Terminal(width, height)
        self._width = width
        self._seen = 0

    def draw(self, printed: list[str], live: list[str], cursor: Cursor | None = None) -> str:
        self.screen.draw([_row(text) for text in printed], [_row(text) for text in live], self._width, cursor=cursor)
        return self.written()

    def narrow(self, shown: str, width: int) -> None:
        """Be a terminal that became narrower and wrapped what it showed, with the cursor where `shown` ends."""
        self.terminal, self._width = Terminal(width, 8), width
        self.terminal.write(shown)

    def written(self) -> str:
        new = self.out.getvalue()[self._seen :]
        self._seen += len(new)
        self.terminal.write(new)
        return new


def _row(text: str) -> Row:
    return ((text, ""),)


def test_printed_rows_stay_and_live_ones_are_replaced() -> None:
    drawn = Drawn()
    drawn.draw(["one"], ["live 1", "status"])
    drawn.draw(["two"], ["live 2", "status"])
    drawn.draw([], ["status"])
    assert drawn.terminal.rows() == ["one", "two", "status"]
    drawn.screen.leave()
    drawn.written()
    assert drawn.terminal.rows() == ["one", "two"]
    assert not drawn.terminal.screen.cursor.hidden


def test_a_frame_is_one_synchronised_write() -> None:
    written = Drawn().draw(["one"], ["live"])
    assert written.startswith("\x1b[?2026h")
    assert written.endswith("\x1b[?2026l")


def test_only_rows_that_changed_are_written() -> None:
    drawn = Drawn()
    drawn.draw([], ["one", "two", "status"])
    written = drawn.draw([], ["one", "three", "status"])
    assert ("one" in written, "three" in written, "status" in written) == (False, True, False)
    assert drawn.terminal.rows() == ["one", "three", "status"]


def test_a_row_that_is_printed_where_it_was_live_is_not_written_again() -> None:
    drawn = Drawn()
    drawn.draw([], ["one", "two"])
    written = drawn.draw(["one", "two"], ["three"])
    assert ("one" in written, "two" in written) == (False, False)
    assert drawn.draw([], ["three"]) == ""
    assert drawn.draw(["three"], ["four"]).count("three") == 0
    assert drawn.terminal.rows() == ["one", "two", "three", "four"]


def test_nothing_is_written_when_nothing_changed() -> None:
    drawn = Drawn()
    drawn.draw([], ["one", "two"], Cursor(1, 2))
    assert drawn.draw([], ["one", "two"], Cursor(1, 2)) == ""


def test_the_cursor_is_where_it_was_asked_for_and_else_not_seen() -> None:
    drawn = Drawn()
    drawn.draw(["printed"], ["> input", "status"], Cursor(0, 4))
    cursor = drawn.terminal.screen.cursor
    assert (cursor.y, cursor.x, cursor.hidden) == (1, 4, False)
    drawn.draw([], ["> input", "status"], Cursor(0, 2))
    cursor = drawn.terminal.screen.cursor
    assert (cursor.y, cursor.x) == (1, 2)
    drawn.draw(["more"], ["> input", "status"], Cursor(0, 7))
    cursor = drawn.terminal.screen.cursor
    assert (cursor.y, cursor.x, cursor.hidden) == (2, 7, False)
    drawn.draw([], ["status"])
    assert drawn.terminal.screen.cursor.hidden
    assert drawn.terminal.rows() == ["printed", "more", "status"]


def test_a_long_row_is_wrapped_by_the_terminal_alone() -> None:
    drawn = Drawn(10, 6)
    drawn.draw([], ["abcdefghij", "klm"])
    written = drawn.draw(["abcdefghijklm"], ["status"])
    assert "abcdefghijklm" in written
    assert drawn.terminal.rows() == ["abcdefghij", "klm", "status"]


def test_after_a_change_of_width_everything_live_is_drawn_anew() -> None:
    drawn = Drawn(20, 6)
    drawn.draw(["one"], ["live", "status"])
    drawn._width = 15
    assert "status" in drawn.draw([], ["live", "status"])
    assert drawn.terminal.rows() == ["one", "live", "status"]


TEXTS = st.lists(st.text("abc", max_size=25), max_size=4)


@given(st.lists(st.tuples(TEXTS, st.lists(st.text("xyz", max_size=10), max_size=4), st.integers(0, 3))))
def test_whatever_is_drawn_the_terminal_shows_what_is_printed_and_the_last_live_rows(
    frames: list[tuple[list[str], list[str], int]],
) -> None:
    drawn = Drawn(10, 4)
    printed: list[str] = []
    live: list[str] = []
    for new, live, at in frames:
        drawn.draw(new, live, Cursor(at % len(live), 0) if live else None)
        printed += new
    expected = [text[start : start + 10] for text in printed for start in range(0, max(1, len(text)), 10)] + live
    while expected and not expected[-1]:
        expected.pop()
    assert drawn.terminal.rows() == expected


@pytest.mark.parametrize(
    ("cursor", "place"),
    [
        (Cursor(1, 18), "\r\x1b[2A\x1b[8C"),
        (Cursor(1, 3), "\r\x1b[3A\x1b[3C"),
        (Cursor(0, 0), "\r\x1b[4A"),
        (Cursor(2, 12), "\r\x1b[2C"),
        (None, ""),
    ],
)
def test_where_a_narrower_terminal_wraps_the_live_rows_nothing_of_them_is_left(
    cursor: Cursor | None, place: str
) -> None:
    drawn = Drawn(20, 8, reflows=True)
    drawn.draw(["one"], ["next", "> half a thought yes", "status of the chain"], cursor)
    drawn.narrow(f"one\r\nnext\r\n> half a t\r\nhought yes\r\nstatus of \r\nthe chain{place}", 10)
    drawn.draw([], ["next", "> half a", "  thought", "  yes", "a 1"], Cursor(3, 5))
    assert drawn.terminal.rows() == ["one", "next", "> half a", "  thought", "  yes", "a 1"]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "screen", "STY": "1.pts"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600", "TERM_PROGRAM": "vscode"}, False),
        ({"TERM": "screen", "VTE_VERSION": "7600"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_only_terminals_that_surely_wrap_anew_are_expected_to(env: dict[str, str], expected: bool) -> None:
    assert reflows(env) is expected
