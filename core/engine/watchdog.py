"""Time limits that run only while the engine waits for a provider.

`asyncio.timeout()` around every pull would cost a timer for each token, and around a whole stream it
would count the time that a slow consumer takes. A `Watchdog` keeps one timer, checks only now and then
whether its budget is really spent, and never runs between two pulls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class OutOfTimeError(Exception):
    """The time for a wait is over. Not TimeoutError, which a provider may raise itself."""


class GivenUpError(Exception):
    """The user does not want to wait for this provider any longer."""


class ProviderCancelledError(Exception):
    """A provider raised CancelledError although nobody had cancelled this task."""


class Watchdog:
    """Bounds how long a task waits, time after time."""

    def __init__(self, on_expiry: Callable[[], float] | None = None) -> None:
        """Ask `on_expiry`, where there is one, for how many more seconds a wait may take that is over."""
        self._on_expiry = on_expiry
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._expires = 0.0
        self._waiting = False
        self._fired = False
        self._reason: type[Exception] = OutOfTimeError
        """What a wait that is ended from here ends with."""
        self.waited = 0.0
        """Seconds that the last wait took."""

    async def wait(self, pull: Callable[[], Awaitable[T]], budget: float) -> T:
        """Await `pull()` for at most `budget` seconds; a result that needs no waiting counts even without any left.

        Raises `OutOfTimeError` when they are spent, `GivenUpError` after `give_up()`, and
        `ProviderCancelledError` when the cancellation came from within.
        """
        if self._reason is GivenUpError:
            raise GivenUpError
        task = self._task = asyncio.current_task(self._loop)
        assert task is not None
        cancelled_before = task.cancelling()
        started = self._loop.time()
        self._arm(started + budget)
        self._waiting = True
        try:
            return await pull()
        except asyncio.CancelledError as error:
            # A task that was cancelled before this wait may learn of it only here: Ctrl-C comes by a signal handler.
            if task.cancelling():
                raise
            raise ProviderCancelledError(str(error)) from error
        finally:
            self._waiting = False
            self.waited = self._loop.time() - started
            if self._fired:
                # Whatever the provider made of our cancellation, even an answer or a proper end: too late is too late.
                self._fired = False
                if task.uncancel() <= cancelled_before:
                    raise self._reason

    @property
    def left(self) -> float | None:
        """Seconds until the present wait is given up; None when nobody waits."""
        return self._expires - self._loop.time() if self._waiting else None

    def give_up(self) -> None:
        """End the present wait, or else the next one, with `GivenUpError`."""
        self._reason = GivenUpError
        if self._waiting:
            self._fire()

    def time_out(self) -> None:
        """End the present wait as if its time were over."""
        if self._waiting:
            self._fire()

    def stop(self) -> None:
        """Drop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, expires: float) -> None:
        """Have the timer check no later than at `expires`; one that checks earlier is left alone and will find out."""
        self._expires = expires
        if self._timer is not None:
            if self._timer.when() <= expires:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(expires, self._check)

    def _check(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        if self._loop.time() < self._expires:
            self._arm(self._expires)
            return
        if self._on_expiry is not None and (more := self._on_expiry()) > 0:
            self._arm(self._expires + more)
            return
        self._fire()

    def _fire(self) -> None:
        if self._task is not None and not self._fired:
            self._fired = True
            self._task.cancel()
