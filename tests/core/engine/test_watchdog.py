"""Who ran out of time, who cancelled, and who only says so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.engine.watchdog import OutOfTimeError, ProviderCancelledError, Watchdog
from tests.fake_time import timers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def now() -> float:
    return asyncio.get_running_loop().time()


def after(seconds: float, result: str = "chunk") -> Callable[[], Awaitable[str]]:
    return lambda: asyncio.sleep(seconds, result)


async def wait(watchdog: Watchdog, pull: Callable[[], Awaitable[str]], budget: float) -> str:
    with watchdog.within(budget):
        return await pull()


async def swallows_cancellation() -> str:
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        return "late"
    return "never"


async def ends_on_cancellation() -> str:
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError as error:
        raise StopAsyncIteration from error
    return "never"


async def fails_on_cancellation() -> str:
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError as error:
        raise RuntimeError("interrupted") from error
    return "never"


async def cancels_itself() -> str:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def test_what_comes_in_time_is_given() -> None:
    assert await wait(Watchdog(), after(4), 5) == "chunk"


async def test_time_is_over_exactly_when_the_budget_is_spent() -> None:
    watchdog = Watchdog()

    with pytest.raises(OutOfTimeError):
        await wait(watchdog, after(6), 5)

    assert (now(), watchdog.waited) == (5, 5)


async def test_time_between_two_waits_belongs_to_the_consumer() -> None:
    watchdog, waits = Watchdog(), []

    for _ in range(3):
        await wait(watchdog, after(1), 2)
        waits.append(watchdog.waited)
        await asyncio.sleep(100)

    assert waits == [1, 1, 1]


async def test_a_timer_of_an_earlier_wait_does_not_end_a_later_one() -> None:
    watchdog = Watchdog()
    await wait(watchdog, after(1), 5)

    assert await wait(watchdog, after(10), 20) == "chunk"


async def test_a_later_wait_with_less_time_ends_in_its_own_time() -> None:
    watchdog = Watchdog()
    await wait(watchdog, after(1), 100)

    with pytest.raises(OutOfTimeError):
        await wait(watchdog, after(10), 2)

    assert now() == 3


async def test_what_needs_no_waiting_is_given_even_without_time() -> None:
    async def at_once() -> str:
        return "chunk"

    assert await wait(Watchdog(), at_once, 0) == "chunk"


@pytest.mark.parametrize("pull", [swallows_cancellation, ends_on_cancellation, fails_on_cancellation])
async def test_whatever_a_provider_makes_of_our_cancellation_it_is_late(pull: Callable[[], Awaitable[str]]) -> None:
    task = asyncio.current_task()
    assert task is not None

    with pytest.raises(OutOfTimeError):
        await wait(Watchdog(), pull, 5)

    assert (now(), task.cancelling()) == (5, 0)


async def test_after_running_out_of_time_the_task_is_as_good_as_new() -> None:
    task, watchdog = asyncio.current_task(), Watchdog()
    assert task is not None

    for _ in range(2):
        with pytest.raises(OutOfTimeError):
            await wait(watchdog, after(6), 5)

    assert task.cancelling() == 0
    assert await wait(watchdog, after(4), 5) == "chunk"


async def test_a_provider_that_cancels_itself_is_not_the_user() -> None:
    with pytest.raises(ProviderCancelledError):
        await wait(Watchdog(), cancels_itself, 5)


async def test_a_cancellation_from_outside_is_passed_on() -> None:
    task = asyncio.create_task(wait(Watchdog(), after(4), 5))
    await asyncio.sleep(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert now() == 1


async def test_ctrl_c_between_two_pulls_is_not_taken_for_the_providers() -> None:
    """`asyncio.Runner` cancels the task from a signal handler: while the task itself is busy, before the next pull."""
    seen: list[type[BaseException]] = []

    async def consumer() -> None:
        watchdog = Watchdog()
        await wait(watchdog, after(1), 5)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await wait(watchdog, after(1), 5)
        except BaseException as error:
            seen.append(type(error))
            raise

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(consumer())

    assert seen == [asyncio.CancelledError]


async def test_a_cancellation_from_outside_wins_over_ours_in_the_same_moment() -> None:
    async def consumer() -> None:
        await wait(Watchdog(), after(10), 5)

    task = asyncio.create_task(consumer())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(5, task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_shrugged_off_an_earlier_cancellation_still_runs_out_of_time() -> None:
    async def consumer() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)
        try:
            await wait(Watchdog(), after(10), 5)
        except OutOfTimeError:
            return "out of time"
        return "in time"

    assert await asyncio.create_task(consumer()) == "out of time"


async def test_a_stopped_watchdog_leaves_no_timer_behind() -> None:
    watchdog = Watchdog()
    await wait(watchdog, after(1), 5)
    before = len(timers())

    watchdog.stop()
    watchdog.stop()

    assert (before, timers()) == (1, [])
    assert await wait(watchdog, after(1), 5) == "chunk"
