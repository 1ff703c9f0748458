"""Lists in columns."""

from __future__ import annotations

import io

import pytest

from fallback_chat.cli.render.listing import listed, write

LINES = ["name    n", "a       ok", "longer  ok"]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_list_lines_up() -> None:
    assert list(listed(("name", "n"), [("a", "ok"), ("longer", "ok")])) == LINES


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
    write(out, LINES, [("ok", "good")] * 2, color=color)
    assert out.getvalue() == f"name    n\na       {written}\nlonger  {written}\n"
