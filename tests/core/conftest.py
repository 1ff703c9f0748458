"""Tests of the engine run on a loop whose clock jumps."""

from __future__ import annotations

import pytest

from tests.core.fake_time import AutojumpLoop
from tests.core.scripted import FakeClock


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": AutojumpLoop}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
