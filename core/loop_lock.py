"""A lock for objects that outlive an event loop."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary


class LoopLock:
    """Has an asyncio lock for each event loop, because one of asyncio's cannot change its loop.

    A program may ask its chain in one `asyncio.run()` after another.
    """

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def here(self) -> asyncio.Lock:
        """Return the lock of the running loop."""
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
