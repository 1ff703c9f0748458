"""The terminal that the tests of the chat run on."""

from __future__ import annotations

import pytest

from tests.cli.repl import harness
from tests.cli.repl.terminals import TERMINALS


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a size, a kind and no colours, whatever the developer's terminal is."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("FORCE_COLOR", "COLORFGBG", "SSH_TTY", "TMUX", "DISPLAY", "WAYLAND_DISPLAY", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=TERMINALS)
def each_terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test of the chat on each kind of terminal."""
    monkeypatch.setattr(harness, "on", request.param)
