"""Time limits that only run while the engine waits for a provider.

`asyncio.timeout()` around every pull would cost one timer per token; around a whole stream it would
count the time of a slow consumer. A `Watchdog` keeps one timer, checks only now and then whether
its budget is really spent, and never runs between two pulls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class OutOfTimeError(Exception):
    """A wait ran out of time. Not TimeoutError, which a provider may raise itself."""


class GivenUpError(Exception):
    """The user gave up on this provider."""


class ProviderCancelledError(Exception):
    """A provider raised CancelledError although this task was not cancelled."""


class Watchdog:
    """Limits how long a task waits, once per pull."""

    def __init__(self, on_expiry: Callable[[], float] | None = None) -> None:
        """Call `on_expiry`, if given, when a wait is over: it returns extra seconds to wait."""
        self._on_expiry = on_expiry
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object]
        """The task that waits, or waited last."""
        self._cancelled_before = 0
        """Cancellations that its wait found, which are not ours."""
        self._started = 0.0
        self._expires = 0.0
        self._waiting = False
        self._fired = False
        self._reason: type[Exception] = OutOfTimeError
        """The exception that ends an interrupted wait."""
        self.waited = 0.0
        """Seconds that the last wait took."""

    def within(self, budget: float) -> Self:
        """Limit the wait in the `with` block that follows to `budget` seconds.

        A result that needs no waiting counts even without any time left. The block raises
        `OutOfTimeError` when the time is spent, `GivenUpError` after `give_up()`, and
        `ProviderCancelledError` if the provider made up the cancellation.
        """
        if self._reason is GivenUpError:
            raise GivenUpError
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task, self._cancelled_before = task, task.cancelling()
        self._started = self._now()
        self._arm(self._started + budget)
        return self

    def __enter__(self) -> None:
        self._waiting = True

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._waiting = False
        self.waited = self._now() - self._started
        if self._fired:
            # Too late is too late, whatever the provider made of our cancellation, even an answer
            # or a proper end.
            self._fired = False
            if self._task.uncancel() <= self._cancelled_before:
                raise self._reason
        # A task cancelled before this wait may learn of it only here: Ctrl-C arrives in a signal
        # handler.
        elif isinstance(error, asyncio.CancelledError) and not self._task.cancelling():
            raise ProviderCancelledError(str(error)) from error

    @property
    def left(self) -> float | None:
        """Seconds left of the current wait; None outside of one."""
        return self._expires - self._now() if self._waiting else None

    @property
    def waiting(self) -> float:
        """Seconds that the current wait has taken; 0 outside of one."""
        return self._now() - self._started if self._waiting else 0.0

    def give_up(self) -> None:
        """End the current wait, or else the next one, with `GivenUpError`."""
        self._reason = GivenUpError
        if self._waiting:
            self._fire()

    def time_out(self) -> None:
        """End the current wait as if its time were over."""
        if self._waiting:
            self._fire()

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, expires: float) -> None:
        """Make the timer check by `expires`; one that checks earlier will find out by itself."""
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
        if self._now() < self._expires:
            self._arm(self._expires)
            return
        if self._on_expiry is not None and (more := self._on_expiry()) > 0:
            self._arm(self._expires + more)
            return
        self._fire()

    def _fire(self) -> None:
        if not self._fired:
            self._fired = True
            self._task.cancel()
