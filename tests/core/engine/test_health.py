"""The board on which requests sign in and out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.engine.health import MOST_SAMPLES, HealthBoard, MemoryHealthStore
from fallback_chat.core.engine.news import Change
from fallback_chat.core.errors import APIError, APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_000_000_000.0
DOWN = APIError("down")


class Board:
    """A board with a clock that can be moved, and all that it reported."""

    def __init__(self, *, random: float = 0.5) -> None:
        self.now = NOW
        self.changes: list[Change] = []
        self.board = HealthBoard(
            MemoryHealthStore(), clock=lambda: self.now, random=lambda: random, on_change=self.changes.append
        )

    async def fail(self, error: APIError = DOWN, *, alone: bool = False) -> None:
        permit = await self.board.admit("a", lease=20)
        assert permit is not None
        self.board.fail("a", permit, error, alone=alone)

    def told(self) -> list[tuple[bool, str, APIError | None]]:
        return [(change.health.available, change.reason, change.cause) for change in self.changes]


async def test_a_failure_is_told_once_with_its_kind_and_cause() -> None:
    it = Board()

    await it.fail()

    assert it.changes == [Change("a", it.board.read("a"), "server_error", DOWN)]
    assert (it.board.read("a").state, it.board.read("a").until) == (State.OPEN, NOW + 15)


async def test_five_failures_at_once_are_told_once() -> None:
    it = Board()
    permits = [await it.board.admit("a", lease=20) for _ in range(5)]

    for permit in permits:
        assert permit is not None
        it.board.fail("a", permit, DOWN, alone=False)

    assert it.told() == [(False, "server_error", DOWN)]


async def test_a_recovery_is_told_once() -> None:
    it = Board()
    await it.fail()
    it.now += 15
    permit = await it.board.admit("a", lease=20)
    assert permit is not None

    it.board.succeed("a", permit)
    it.board.succeed("a", permit)

    assert it.told()[1:] == [(True, "success", None)]


def test_what_the_user_does_is_told_as_the_users_doing() -> None:
    it = Board()

    for enabled in (False, False, True, True):
        it.board.set_enabled("a", enabled=enabled)

    assert it.told() == [(False, "user", None), (True, "user", None)]


async def test_the_user_does_not_change_what_a_broken_provider_is() -> None:
    it = Board()
    await it.fail()

    it.board.set_enabled("a", enabled=False)

    assert len(it.changes) == 1


async def test_handing_back_is_no_news() -> None:
    it = Board()
    for _ in range(2):
        permit = await it.board.admit("a", lease=20)
        assert permit is not None
        it.board.hand_back("a", permit)

    assert (it.changes, it.board.read("a").state) == ([], State.CLOSED)


async def test_the_providers_own_wait_and_the_jitter_reach_the_rest() -> None:
    asked_for = APIStatusError("later", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(retry_after=99.0))
    waits = []
    for random, error in ((0.0, DOWN), (0.999999, DOWN), (0.5, asked_for)):
        it = Board(random=random)
        await it.fail(error)
        until = it.board.read("a").until
        assert until is not None
        waits.append(until - NOW)

    assert waits == pytest.approx([12, 18, 99.5], abs=1e-3)


async def test_a_lone_provider_gets_three_chances() -> None:
    it = Board()

    for _ in range(3):
        await it.fail(alone=True)

    assert (len(it.changes), it.board.read("a").failures) == (1, 3)


async def test_the_last_resort_admits_whatever_the_state_unless_the_user_said_no() -> None:
    it = Board()
    await it.fail()
    forced = it.board.force("a")
    it.board.set_enabled("a", enabled=False)

    assert forced is not None
    assert it.board.force("a") is None


def test_the_latest_times_are_kept_and_the_first_ones_forgotten() -> None:
    store = MemoryHealthStore()

    for seconds in range(MOST_SAMPLES + 10):
        store.note_sample("a", 0, float(seconds))
    store.note_sample("a", 1, 99.0)

    assert list(store.samples("a", 0)) == [float(seconds) for seconds in range(10, MOST_SAMPLES + 10)]
    assert list(store.samples("a", 1)) == [99.0]


async def test_every_provider_has_its_own_record() -> None:
    it = Board()

    await it.fail()

    assert it.board.read("b").available


class Moment(NamedTuple):
    """One request of a provider that flaps: after some seconds, and what it comes to."""

    pause: float
    fails: bool
    retry_after: float | None


moments = st.lists(
    st.builds(
        Moment,
        st.sampled_from([0.0, 0.5, 1.0, 5.0, 16.0, 31.0, 61.0, 130.0]),
        st.booleans(),
        st.sampled_from([None, None, 0.5, 1.0, 20.0]),
    ),
    max_size=60,
)


async def flapped(it: Board, requests: Iterable[Moment]) -> list[tuple[float, bool]]:
    """Return when each change was told, and whether the provider was back."""
    told: list[tuple[float, bool]] = []
    for request in requests:
        await flap(it, request, told)
    return told


async def flap(it: Board, request: Moment, told: list[tuple[float, bool]]) -> None:
    """Make a request, and add what it changed to `told`."""
    it.now += request.pause
    await it.board.refresh()
    permit = await it.board.admit("a", lease=20)
    if permit is not None and request.fails:
        error = APIError("down", details=ErrorDetails(retry_after=request.retry_after))
        it.board.fail("a", permit, error, alone=False)
    elif permit is not None:
        it.board.succeed("a", permit)
    told += [(it.now, change.health.available) for change in it.changes[len(told) :]]


def check(told: list[tuple[float, bool]]) -> None:
    assert all(third - first >= 60 for (first, _), (third, _) in zip(told, told[2:], strict=False)), "news too often"
    assert [available for _, available in told[:1]] in ([], [False])
    assert all(one is not other for (_, one), (_, other) in itertools.pairwise(told)), "told without a change"


@given(requests=moments)
async def test_a_provider_is_news_at_most_twice_a_minute_however_it_flaps(requests: list[Moment]) -> None:
    it = Board()
    told = await flapped(it, requests)
    check(told)

    it.now += 60
    await it.board.refresh()

    last_told = it.changes[-1].health.available if it.changes else True
    assert last_told is it.board.read("a").available


@pytest.mark.parametrize("retry_after", [None, 1.0, 20.0])
async def test_a_relapse_in_the_first_minute_is_told_when_the_minute_is_over(retry_after: float | None) -> None:
    """It answers every trial, and fails every ordinary request; there is one each second."""
    it = Board()
    told: list[tuple[float, bool]] = []
    for _ in range(600):
        await flap(it, Moment(1, it.board.read("a").available, retry_after), told)

    check(told)
    assert [at - NOW for at, _ in told[:2]] == [1, 16 if retry_after is None else 2 + retry_after]
    assert len(told) > 4


async def test_what_the_user_does_is_told_at_once_however_often() -> None:
    it = Board()
    for _ in range(5):
        it.board.set_enabled("a", enabled=False)
        it.board.set_enabled("a", enabled=True)

    assert len(it.changes) == 10
