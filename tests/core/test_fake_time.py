"""The loop that does not wait."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.fake_time import AutojumpLoop

if TYPE_CHECKING:
    from tests.core.scripted import FakeClock


async def test_an_hour_passes_at_once(clock: FakeClock) -> None:
    really, began = time.monotonic(), clock()

    await clock.sleep(3600)

    assert (clock() - began, clock.slept) == (3600, [3600])
    assert time.monotonic() - really < 5


async def test_timers_fire_in_their_order() -> None:
    seen: list[int] = []

    async def note(seconds: int) -> None:
        await asyncio.sleep(seconds)
        seen.append(seconds)

    await asyncio.gather(note(3), note(1), note(2))

    assert seen == [1, 2, 3]


def test_waiting_for_what_cannot_come_is_told() -> None:
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        task = runner.get_loop().create_future()
        with pytest.raises(RuntimeError, match="deadlock"):
            runner.get_loop().run_until_complete(task)
