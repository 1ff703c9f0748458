"""One tiny model, one inference server and one gateway for all tests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program
from tests.real import servers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home of the servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def model(place: Path) -> Path:
    """Give the folder of a tiny model with random weights."""
    made = place / "tiny"
    script = Path(__file__).with_name("tiny_model.py")
    command = [servers.BIN / "python", script, made]
    subprocess.run(command, env=servers.environment(place), cwd=place, check=True, timeout=servers.START)
    return made


@pytest.fixture(scope="session")
def inference(model: Path, place: Path) -> Iterator[servers.Server]:
    with servers.inference(model, place) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(model: Path, inference: servers.Server, place: Path) -> Iterator[servers.Server]:
    with servers.gateway(model, inference.url, place) as server:
        yield server


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Give the program without a configuration yet."""
    return Program(tmp_path, ())
