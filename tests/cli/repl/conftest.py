"""The terminals that the tests of the chat run on, one each; all of them with `--everything`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import application
from prompt_toolkit.key_binding.defaults import load_key_bindings

from tests import sampling
from tests.cli.repl import harness
from tests.cli.repl.terminals import TERMINALS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a size, a kind and no colours, whatever the developer's terminal is."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("FORCE_COLOR", "COLORFGBG", "SSH_TTY", "TMUX", "DISPLAY", "WAYLAND_DISPLAY", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if sampling.everything and "each_terminal" in metafunc.fixturenames:
        metafunc.parametrize("each_terminal", TERMINALS, indirect=True)


@pytest.fixture
def each_terminal(request: pytest.FixtureRequest, sample: sampling.Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test of the chat on one kind of terminal, or on each where every case is tried."""
    kind = request.param if hasattr(request, "param") else sample(list(TERMINALS), 1)[0]
    monkeypatch.setattr(harness, "on", kind)


@pytest.fixture(scope="session", autouse=True)
def _keys_are_bound_once() -> Iterator[None]:
    """Keep the library's own 600 bindings, which hold no state, from being made for each chat: an eighth of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "load_key_bindings", cache(load_key_bindings))
        yield
