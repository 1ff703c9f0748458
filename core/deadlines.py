"""Time-outs that run only while the engine waits for a provider.

`asyncio.timeout()` around every pull would cost a timer per token, and around a whole stream it would count the time that a slow
consumer takes. A `Watchdog` keeps one timer, looks only now and then whether its budget is really spent, and never runs between
two pulls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class ProviderCancelledError(Exception):
    """A provider raised CancelledError although nobody had cancelled this task."""


class Watchdog:
    """Bounds how long one task waits, summed over several waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._expires = float("inf")
        self._waiting = False
        self._fired = False
        self.budget: float | None = None
        """Seconds of waiting left; None is for ever. May be set anew between two waits."""

    async def wait(self, pull: Callable[[], Awaitable[T]]) -> T:
        """Await `pull()`.

        Raises TimeoutError when the budget is spent, `ProviderCancelledError` when the cancellation came from within.
        """
        task = self._task = asyncio.current_task()
        if task is None:  # pragma: no cover - a coroutine always runs in a task
            raise RuntimeError("a stream has to be read within an asyncio task")
        cancelled_before = task.cancelling()
        started = self._loop.time()
        if self.budget is not None:
            self._arm(started + self.budget)
        self._waiting = True
        try:
            result = await pull()
        except asyncio.CancelledError as error:
            if self._fired and task.uncancel() <= cancelled_before:
                raise TimeoutError from error
            if task.cancelling() > cancelled_before:
                raise
            raise ProviderCancelledError from error
        finally:
            fired, self._fired, self._waiting = self._fired, False, False
            if self.budget is not None:
                self.budget -= self._loop.time() - started
        if fired:
            # The provider swallowed our cancellation and answered all the same: too late is too late.
            task.uncancel()
            raise TimeoutError
        return result

    def stop(self) -> None:
        """Drop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, expires: float) -> None:
        """Have the timer look no later than at `expires`; one that looks earlier is left alone and will find out."""
        self._expires = expires
        if self._timer is not None:
            if self._timer.when() <= expires:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(expires, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting or self._task is None:
            return
        if self._loop.time() < self._expires:
            self._arm(self._expires)
            return
        self._fired = True
        self._task.cancel()
