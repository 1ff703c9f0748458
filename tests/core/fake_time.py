"""An event loop whose clock jumps: a test of a ten-second time-out takes no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectors import SelectorKey


class JumpingSelector(selectors.DefaultSelector):
    """Polls; when nothing is ready, moves `now` to where the loop would have woken up."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer runs")
        self.now += timeout
        return ready


class AutojumpLoop(asyncio.SelectorEventLoop):
    """Seconds pass only when every task waits for them."""

    def __init__(self) -> None:
        self._jumping_selector = JumpingSelector()
        super().__init__(self._jumping_selector)

    def time(self) -> float:
        return self._jumping_selector.now


def timers() -> list[asyncio.TimerHandle]:
    """Give the timers that run on the present loop."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [handle for handle in scheduled if not handle.cancelled()]
