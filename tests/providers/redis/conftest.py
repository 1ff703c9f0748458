"""The server of these tests; without one they are skipped, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.providers.redis.server import MISSING, Server, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if program() is None:
        pytest.skip(MISSING)
    one = Server(tmp_path)
    one.start()
    try:
        yield one
    finally:
        one.stop()
