"""Three servers for all tests of a module, and the program over them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.simulator import Simulator, running
from tests.cli.program import KEY, NAMES, Program
from tests.cli.saved import Saved
from tests.cli.warm import warm_starts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Simulator, ...]]:
    with ExitStack() as stack:
        yield tuple(stack.enter_context(running(key=KEY)) for _ in NAMES)


@pytest.fixture(scope="session")
def begin() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """What starts the program: warm where the system can."""
    if sys.platform != "linux":
        yield subprocess.Popen
        return
    with warm_starts() as start:
        yield start


@pytest.fixture
def program(
    servers: tuple[Simulator, ...], begin: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> Iterator[Program]:
    """Give the program over a chain of one healthy server; `play` makes it another."""
    program = Program(tmp_path, servers, begin=begin).play("ok")
    yield program
    program.end()


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Return a place for conversations, which the environment of a run names."""
    return Saved(tmp_path / "data")
