"""A lock for objects that outlive an event loop."""

from __future__ import annotations

import asyncio


class LoopLock:
    """Has one asyncio lock for each loop: theirs belongs for ever to the first that waited for it.

    A program may ask its chain in one `asyncio.run` after another.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    def here(self) -> asyncio.Lock:
        """Return the lock of the running loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock
