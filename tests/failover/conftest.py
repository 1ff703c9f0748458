"""Chains over real sockets run on a loop whose clock jumps: how busy the machine is decides nothing."""

from __future__ import annotations

import pytest

from tests.fake_time import OVER_SOCKETS


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return OVER_SOCKETS
