"""An event loop whose clock jumps: a test of a ten-second time-out takes no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selectors import SelectorKey


class JumpingSelector(selectors.DefaultSelector):
    """Polls; when nothing is ready, moves `now` to where the loop would have woken up."""

    def __init__(self, grace: float) -> None:
        super().__init__()
        self.now = 0.0
        self._grace = grace

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(self._grace if timeout is None else min(timeout, self._grace))
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer runs")
        self.now += timeout
        return ready


class AutojumpLoop(asyncio.SelectorEventLoop):
    """Seconds pass only when every task waits for them."""

    grace = 0.0
    """Real seconds in which something may become ready before the clock jumps."""

    def __init__(self) -> None:
        self._jumping_selector = JumpingSelector(self.grace)
        super().__init__(self._jumping_selector)

    def time(self) -> float:
        return self._jumping_selector.now


class SocketAutojumpLoop(AutojumpLoop):
    """The same over sockets whose two ends are both on this loop, so that what is under way arrives within the grace."""

    grace = 0.005


OVER_SOCKETS: Final[tuple[str, dict[str, object]]] = ("asyncio", {"loop_factory": SocketAutojumpLoop})
"""What the fixture `anyio_backend` gives where such a loop is to be used."""


def timers() -> list[asyncio.TimerHandle]:
    """Give the timers that run on the present loop."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [handle for handle in scheduled if not handle.cancelled()]
