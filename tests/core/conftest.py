"""Tests of the engine run on a loop whose clock jumps."""

from __future__ import annotations

import pytest

from tests.core.scripted import FakeClock
from tests.fake_time import JUMPING


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return JUMPING


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
