"""An event loop whose clock jumps: a test of a ten-second time-out takes no time, however busy the machine is."""

from __future__ import annotations

import asyncio
import selectors
import socket
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from selectors import SelectorKey

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
HOPS: Final = 3
"""Round trips of the probe: as many as a connection needs from its first packet to the last one of its greeting."""


class JumpingSelector(selectors.DefaultSelector):
    """Polls; when nothing is ready and nothing is under way, moves `now` to where the loop would have woken up."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.jobs = 0
        """Calls that run in other threads; the loop learns of their end through a descriptor."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        self.settle()
        ready = super().select(PATIENCE if self.jobs else 0)
        if ready:
            return ready
        if self.jobs:
            raise RuntimeError(f"a thread has been at work for {PATIENCE:g} s")
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer runs")
        self.now += timeout
        return ready

    def settle(self) -> None:
        """Return when what is under way has arrived."""


class LoopbackSelector(JumpingSelector):
    """The same for sockets on loopback whose two ends are both on this loop.

    The kernel delivers packets on loopback in the order in which they were sent. So bytes on a connection of our own,
    sent after all the others, arrive after them: no matter how long that takes, and it rarely takes 50 µs.
    """

    def __init__(self) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._near = socket.create_connection(server.getsockname(), PATIENCE)
            self._far, _ = server.accept()
        for end in (self._near, self._far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def settle(self) -> None:
        for _ in range(HOPS):
            for sender, receiver in ((self._near, self._far), (self._far, self._near)):
                sender.send(b"x")
                receiver.recv(1)

    def close(self) -> None:
        super().close()
        self._near.close()
        self._far.close()


class AutojumpLoop(asyncio.SelectorEventLoop):
    """Seconds pass only when every task waits for them."""

    selector: type[JumpingSelector] = JumpingSelector

    def __init__(self) -> None:
        self._jumping_selector = self.selector()
        super().__init__(self._jumping_selector)

    def time(self) -> float:
        return self._jumping_selector.now

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` in a thread; no time passes until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping_selector.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        self._jumping_selector.jobs += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._job_done()

    def _job_done(self, _: object = None) -> None:
        self._jumping_selector.jobs -= 1


class SocketAutojumpLoop(AutojumpLoop):
    """The same over sockets whose two ends are both on this loop."""

    selector = LoopbackSelector


JUMPING: Final[tuple[str, dict[str, object]]] = ("asyncio", {"loop_factory": AutojumpLoop})
OVER_SOCKETS: Final[tuple[str, dict[str, object]]] = ("asyncio", {"loop_factory": SocketAutojumpLoop})
"""What the fixture `anyio_backend` returns where such a loop is to be used."""


def timers() -> list[asyncio.TimerHandle]:
    """Return the timers that run on the present loop."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return [handle for handle in scheduled if not handle.cancelled()]
