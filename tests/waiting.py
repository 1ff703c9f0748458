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


def wait_until(
    happened: Callable[[], object], *, shown: Callable[[], object] = str, patience: float = PATIENCE
) -> None:
    """Wait until `happened()` is true. Raises AssertionError with `shown()` when it never is."""
    for _ in _looks(happened, shown, patience):
        time.sleep(_LOOK)


async def until(happened: Callable[[], object], *, shown: Callable[[], object] = str) -> None:
    """Wait on the event loop until `happened()` is true. Raises AssertionError with `shown()` when it never is."""
    for _ in _looks(happened, shown, PATIENCE):
        await asyncio.sleep(_LOOK)


def _looks(happened: Callable[[], object], shown: Callable[[], object], patience: float) -> Iterator[None]:
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end, f"nothing in {patience:g} s\n{shown()}"
        yield
