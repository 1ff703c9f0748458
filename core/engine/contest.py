"""The wait for the first content: of one call, or of two if the first is late (hedging).

At most two calls are open; when one of two has failed and the other is late, a third takes its
place. The first content wins; the order of the chain breaks a tie. The loser is cancelled and
awaited before anything else happens. Leaving the contest closes every call in it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from fallback_chat.core.engine.hedging import NEVER
from fallback_chat.core.engine.watchdog import GivenUpError
from fallback_chat.core.errors import APIError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from fallback_chat.core.engine.call import Call

Miss = APIError | GivenUpError | None
"""Why a call's wait ended without content; None if its first content has arrived."""


class Contest:
    """A wait that starts with `first`; when that is late, `second` may provide another call.

    The `hedge` of a call says when that is. `second` is called with a call that is alone; once it
    has returned None, not again before the call's time is over, and not at all after that.
    """

    def __init__(self, first: Call, *, second: Callable[[Call], Awaitable[Call | None]]) -> None:
        self.calls = [first]
        """The open calls, the older one first."""
        self._second = second
        self._tasks: dict[Call, asyncio.Task[Miss]] = {}
        self._nobody_early = False
        """Whether no second call will be opened before the first one's time is over."""
        self._nobody_else = False
        """Whether no second call will be opened beside the first."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:  # closes the others even if a cancellation interrupts one
            for call in reversed(self.calls):
                stack.push_async_callback(self.close, call)

    async def next_outcome(self) -> tuple[Call, Miss]:
        """Wait until a call has content or has failed."""
        if self.calls[0].attempt.hedge == NEVER and not self._tasks:
            (call,) = self.calls
            return call, await _awaited(call)  # no second call is possible, so no task is needed
        while True:
            for call in self.calls:
                if call not in self._tasks:
                    self._tasks[call] = asyncio.ensure_future(_awaited(call))
            done = await self._wait()
            for call in self.calls:  # in the order of the chain
                if self._tasks[call] in done:
                    return call, self._tasks[call].result()
            if (second := await self._second(self.calls[0])) is not None:
                self.calls.append(second)
            else:
                self._nobody_else = self.calls[0].attempt.late.is_set()
                self._nobody_early = True

    async def close(self, call: Call) -> None:
        """Remove a call from the contest: cancel its wait, await the end of that, and close it."""
        self.calls.remove(call)
        task = self._tasks.pop(call, None)
        try:
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        finally:
            await call.__aexit__(None, None, None)

    async def _wait(self) -> set[asyncio.Task[Miss]]:
        """Wait for a call to end, or for the only one to be late; return the waits that ended."""
        tasks: list[asyncio.Task[Any]] = [self._tasks[call] for call in self.calls]
        first = self.calls[0].attempt
        if len(tasks) > 1 or self._nobody_else or first.hedge == NEVER:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return done
        late: asyncio.Task[Any] = asyncio.ensure_future(first.late.wait())
        try:
            early = None if self._nobody_early else first.hedge_in
            done, _ = await asyncio.wait([*tasks, late], timeout=early, return_when=asyncio.FIRST_COMPLETED)
        finally:
            late.cancel()
        return done - {late}


async def _awaited(call: Call) -> Miss:
    try:
        await call.attempt.commit()
    except (APIError, GivenUpError) as error:
        return error
    return None
