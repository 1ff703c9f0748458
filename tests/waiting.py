"""Waiting for something to happen, in tests of what runs in real time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE: Final = 60.0
"""Seconds until a test gives up. No machine is so busy: what has not come by then never comes."""
_LOOK: Final = 0.005
"""Seconds between two looks."""


def wait_until(happened: Callable[[], object], shown: Callable[[], object] = str) -> None:
    """Wait until `happened()` is true. Raises AssertionError with `shown()` when it never is."""
    for _ in _looks(happened, shown):
        time.sleep(_LOOK)


async def until(happened: Callable[[], object], shown: Callable[[], object] = str) -> None:
    """Wait on the event loop until `happened()` is true. Raises AssertionError with `shown()` when it never is."""
    for _ in _looks(happened, shown):
        await asyncio.sleep(_LOOK)


def _looks(happened: Callable[[], object], shown: Callable[[], object]) -> Iterator[None]:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain; {shown()}"
        yield
