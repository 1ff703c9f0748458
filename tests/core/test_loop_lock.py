"""The lock of an object that several event loops use."""

from __future__ import annotations

import asyncio

from fallback_chat.core.loop_lock import LoopLock


async def test_another_loop_has_a_lock_of_its_own_and_leaves_that_of_the_first_alone() -> None:
    lock = LoopLock()

    async def use() -> bool:
        async with lock.here():
            return lock.here().locked()

    async with lock.here():
        assert await asyncio.to_thread(asyncio.run, use())
        assert lock.here().locked()
    assert not lock.here().locked()
