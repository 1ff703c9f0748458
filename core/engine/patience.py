"""The time limits of a turn: to the first content, for the whole answer, for pauses."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.budget import Budget, BudgetReason
from fallback_chat.core.engine.clocks import FOREVER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from fallback_chat.core.engine.hedging import Hedge
    from fallback_chat.core.engine.turn import TurnOptions

EARLY: Final = 0.005
"""Seconds by which a timer may fire early."""


class Patience:
    """Keeps the deadline, which restarts with each wait for content and stands still in a pause.

    All times are in seconds.
    """

    def __init__(self, options: TurnOptions, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._deadline = FOREVER if options.deadline is None else options.deadline
        self._ends: float | None = None
        """The time at which the running deadline ends; None if none is running."""
        self.total_left = FOREVER if options.total_timeout is None else options.total_timeout
        """Left for the whole answer; pauses do not count."""
        self.total_is_over = False
        self.pauses_left = options.max_wait
        """Left for all pauses together."""
        self._sleep = sleep
        self._pausing: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Start the deadline, unless it is running."""
        if self._ends is None:
            self._ends = _now() + self._deadline

    def end(self) -> None:
        """Stop the deadline: content has arrived, or the round is over."""
        self._ends = None

    @property
    def left(self) -> float:
        """Seconds to the deadline."""
        return FOREVER if self._ends is None else self._ends - _now()

    @property
    def is_over(self) -> bool:
        """Whether no further request may start."""
        return self.total_is_over or self.left <= 0

    @property
    def was_exceeded(self) -> bool:
        """Whether the time ran out before the providers did."""
        return self.total_is_over or self.left <= EARLY

    def allot(self, budget: Budget, *, next_needs: float | None) -> tuple[Budget, float]:
        """Return the limit for a request's first content, and the limit once it shows progress.

        A request with a successor, whose budget is `next_needs`, leaves it half of the time; once
        it shows progress, no more than that budget.
        """
        left = self.left
        if next_needs is None:
            share, at_work = left, left
        else:
            share, at_work = left / 2, left - min(left / 2, next_needs)
        return (Budget(share, BudgetReason.DEADLINE) if share < budget.seconds else budget), at_work

    def limit(self, hedge: Hedge, budget: Budget) -> Hedge:
        """Return `hedge` with no more grace after `budget` than deadline and total time allow."""
        most = min(self.left, self.total_left) - budget.seconds
        return hedge._replace(grace=max(min(hedge.grace, most), 0.0))

    def note_total(self, left: float) -> None:
        """Note what a request has left of the total time; of two in parallel, the less counts."""
        self.total_left = min(self.total_left, left)

    async def pause(self, seconds: float) -> None:
        """Sleep while no clock runs; `skip()` ends it early."""
        self.pauses_left -= seconds
        self._pausing = asyncio.ensure_future(self._sleep(seconds))
        try:
            with self.standing_still():
                await self._pausing
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        finally:
            self._pausing.cancel()
            self._pausing = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the deadline for the time of the `with` block."""
        began = _now()
        try:
            yield
        finally:
            if self._ends is not None:
                self._ends += _now() - began

    def skip(self) -> bool:
        """End the current pause; return False if there is none."""
        if self._pausing is None:
            return False
        self._pausing.cancel()
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
