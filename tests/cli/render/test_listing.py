"""Lists in columns."""

from __future__ import annotations

import fcntl
import io
import pty
import struct
import termios
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.listing import listed, write
from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import plain

HEAD = ("provider", "model", "state", "reason", "")
ROWS = [
    ("1 primary", "large-model-of-last-year", ("rate limited 0:42", "waiting"), "", "next"),
    ("2 backup", "归并", ("bad key", "bad"), "", ""),
]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            80,
            [
                "provider   model                     state",
                "1 primary  large-model-of-last-year  rate limited 0:42  next",
                "2 backup   归并                      bad key",
            ],
        ),
        (
            55,
            [
                "provider   model                state",
                "1 primary  large-model-of-last  rate limited 0:42  next",
                "           -year",
                "2 backup   归并                 bad key",
            ],
        ),
        (
            40,
            [
                "1 primary: model",
                "  large-model-of-last-year, state rate",
                "  limited 0:42, next",
                "2 backup: model 归并, state bad key",
            ],
        ),
    ],
    ids=str,
)
def test_a_list_lines_up_and_where_it_does_not_fit_each_entry_names_its_cells(columns: int, lines: list[str]) -> None:
    assert list(map(plain, listed(HEAD, ROWS, Page(columns)))) == lines


def test_names_of_columns_are_folded_before_an_entry_is() -> None:
    head, row = ("provider", "first words", "slowest 5 %", "failures"), ("primary", "0.4 s", "2.1 s", "rate limited 3")
    assert list(map(plain, listed(head, [row], Page(52)))) == [
        "provider  first words  slowest 5 %  failures",
        "primary         0.4 s        2.1 s  rate limited 3",
    ]
    assert list(map(plain, listed(head, [row], Page(48)))) == [
        "provider  first  slowest  failures",
        "          words      5 %",
        "primary   0.4 s    2.1 s  rate limited 3",
    ]


def test_figures_end_below_each_other() -> None:
    rows = [("4", "$0.5", "12 ms", "0:12", "gpt-5"), ("12", "-", "3 s", "ok", "4o"), ("3", "€12", "-", "7", "7 days")]
    assert list(map(plain, listed(("n", "cost", "time", "state", "name"), rows, Page(80)))) == [
        "n   cost   time  state  name",
        "4   $0.5  12 ms  0:12   gpt-5",
        "12     -    3 s  ok     4o",
        "3    €12      -  7      7 days",
    ]


def test_a_row_of_one_cell_is_a_heading() -> None:
    rows = [("Keys:",), ("Ctrl-N", "give up on this provider, ask the next"), ("Tab", "complete")]
    assert list(map(plain, listed((), rows, Page(80), indent="  "))) == [
        "Keys:",
        "  Ctrl-N  give up on this provider, ask the next",
        "  Tab     complete",
    ]
    assert list(map(plain, listed((), rows, Page(30), indent="  "))) == [
        "Keys:",
        "  Ctrl-N  give up on this",
        "          provider, ask the",
        "          next",
        "  Tab     complete",
    ]
    assert list(map(plain, listed((), rows, Page(20), indent="  "))) == [
        "Keys:",
        "  Ctrl-N: give up on",
        "    this provider,",
        "    ask the next",
        "  Tab: complete",
    ]


WORD = st.text(st.sampled_from("abé归👍- "), max_size=30)


@given(st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=4), st.integers(20, 90))
def test_nothing_of_a_list_is_missing_at_any_width(rows: list[tuple[str, str, str]], columns: int) -> None:
    shown = Counter("".join(map(plain, listed(("one", "", "three"), rows, Page(columns)))))
    wanted = Counter("".join(map("".join, rows)))
    assert all(shown[character] >= number for character, number in wanted.items() if character != " ")


@pytest.mark.parametrize(
    ("color", "env", "out", "written"),
    [
        ("auto", {}, Screen(), "\x1b[32mok\x1b[0m"),
        ("auto", {"NO_COLOR": "1"}, Screen(), "ok"),
        ("auto", {"TERM": "dumb"}, Screen(), "ok"),
        ("never", {}, Screen(), "ok"),
        ("always", {"NO_COLOR": "1"}, io.StringIO(), "\x1b[32mok\x1b[0m"),
        ("auto", {}, io.StringIO(), "ok"),
    ],
)
def test_a_state_is_coloured_where_colours_are_wanted(
    monkeypatch: pytest.MonkeyPatch, color: str, env: dict[str, str], out: io.StringIO, written: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    write(out, ("name", "n"), [("a", ("ok", "good")), ("longer", ("ok", "good"))], color=color)
    head = "\x1b[2mname\x1b[0m    \x1b[2mn\x1b[0m" if "\x1b" in written else "name    n"
    assert out.getvalue() == f"{head}\na       {written}\nlonger  {written}\n"


def test_only_a_terminal_has_a_width() -> None:
    entries = [("a" * 20, "b" * 20)]
    pipe = io.StringIO()
    write(pipe, ("one", "two"), entries, color="never")
    assert pipe.getvalue() == f"one{' ' * 19}two\n{'a' * 20}  {'b' * 20}\n"

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 24, 0, 0))
    with open(slave, "w", encoding="utf-8") as screen, open(master, "rb") as reader:  # noqa: PTH123
        write(screen, ("one", "two"), entries, color="never")
        screen.flush()
        lines = [reader.readline().decode() for _ in range(3)]
        assert lines == [f"{'a' * 20}:\r\n", "  two\r\n", f"  {'b' * 20}\r\n"]
