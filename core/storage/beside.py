"""Work with a database that another process may keep locked, beside the tasks of an event loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from fallback_chat.core.storage.connection import LockedError
from fallback_chat.core.storage.locks import STEP, briefly, is_hurried

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE: Final = 1.0
"""Seconds to wait for another process's write; its transactions take milliseconds."""


async def beside(action: Callable[[], T]) -> T:
    """Return `action()`, tried until no other process holds the lock that it needs.

    Other tasks run between two attempts. Raises what `action` raises; in the end `LockedError`.
    """
    from asyncio import sleep  # only the chat needs it

    end = time.monotonic() + PATIENCE
    while True:
        try:
            with briefly():
                return action()
        except LockedError:
            if time.monotonic() >= end or is_hurried():
                raise
        await sleep(STEP)
