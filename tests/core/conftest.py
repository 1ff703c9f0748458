"""Tests of the engine run on a loop whose clock jumps."""

from __future__ import annotations

import hypothesis
import pytest

from tests.core.scripted import FakeClock
from tests.fake_time import AutojumpLoop

# How long an example takes depends on what else the machine does; the tests say what they mean about time themselves.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": AutojumpLoop}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
