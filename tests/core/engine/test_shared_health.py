"""Health shared by processes: what one learns the others know, and no failure of the store ever reaches a chat."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.engine.breaker import Health, Permit
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.health_sqlite import SqliteBackend
from fallback_chat.core.engine.shared_health import CLOSING, PATIENCE, Label, SharedHealthStore
from fallback_chat.core.errors import APIError, APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State
from tests.core.conversations.fakes import SetClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fallback_chat.core.engine.health import HealthChange
    from fallback_chat.core.engine.news import Change
    from tests.core.scripted import FakeClock

DOWN = APIError("down")
LABELS = {"a": Label(0, "primary", "openai", "big"), "b": Label(1, "backup", "ollama", "small")}


class DictBackend:
    """Keeps records in a dictionary that several processes of a test share; can be made to hang or to fail."""

    def __init__(self, records: dict[str, Health]) -> None:
        self.records = records
        self.taken: list[tuple[str, int, float]] = []
        self.notes: list[str] = []
        self.error: OSError | None = None
        self.calls: list[str] = []
        self.closed = False

    def load(self, keys: Iterable[str]) -> dict[str, Health]:
        self._work("load")
        return {key: self.records[key] for key in keys if key in self.records}

    def samples(self, keys: Iterable[str]) -> list[tuple[str, int, float]]:
        self._work("samples")
        return [one for one in self.taken if one[0] in keys]

    def add_samples(self, samples: Iterable[tuple[str, int, float]]) -> None:
        self._work("add_samples")
        self.taken += samples

    def update(self, key: str, change: HealthChange) -> Health:
        self._work("update")
        after = self.records[key] = change(self.records.get(key, Health()))
        return after

    def close(self) -> None:
        self.closed = True

    def _work(self, what: str) -> None:
        self.calls.append(what)
        if self.error is not None:
            raise self.error


class Process:
    """One process with its own mirror of the shared records."""

    def __init__(self, shared: dict[str, Health], clock: FakeClock) -> None:
        self.backend = DictBackend(shared)
        self.warned: list[str] = []
        self.changes: list[Change] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.store = SharedHealthStore(
            lambda: self.backend, lambda: bool(shared), LABELS, warn=self.warned.append, run=self.run
        )
        self.board = HealthBoard(self.store, clock=clock, random=lambda: 0.5, on_change=self.changes.append)

    async def run(self, work: Callable[..., object], *arguments: object) -> object:
        await self.go_on.wait()
        return work(*arguments)

    async def fail(self, error: APIError = DOWN) -> None:
        permit = await self.board.admit("a", lease=20)
        assert permit is not None
        self.board.fail("a", permit, error, alone=False)


async def test_nothing_is_opened_before_there_is_something_to_read_or_to_write(clock: FakeClock) -> None:
    one = Process({}, clock)

    await one.board.refresh()
    permit = await one.board.admit("a", lease=20)
    assert permit is not None
    one.board.succeed("a", permit)
    await one.board.aclose()

    assert one.backend.calls == []


def test_a_store_serves_the_crowd_of_one_event_loop_after_that_of_another() -> None:
    async def run(work: Callable[..., object], *arguments: object) -> object:
        await asyncio.sleep(0)  # meanwhile the others wait
        return work(*arguments)

    backend = DictBackend({"a": Health()})
    store = SharedHealthStore(lambda: backend, lambda: True, LABELS, warn=pytest.fail, run=run)

    async def crowd() -> None:
        await asyncio.gather(*(store.refresh() for _ in range(3)))

    for _ in range(2):
        asyncio.run(crowd())

    assert backend.calls == ["load", "samples"] * 6


async def test_what_one_process_learns_the_next_one_knows(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one, two = Process(shared, clock), Process(shared, clock)
    await one.fail()
    await one.board.aclose()

    await two.board.refresh()

    assert await two.board.admit("a", lease=20) is None
    assert [(change.key, change.health.state, change.reason) for change in two.changes] == [
        ("a", State.OPEN, "server_error")
    ]
    assert one.backend.closed


async def test_a_change_counts_at_once_and_is_written_behind(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one = Process(shared, clock)
    one.go_on.clear()

    await one.fail()

    assert (one.board.read("a").state, shared) == (State.OPEN, {})
    one.go_on.set()
    await one.board.aclose()
    assert shared["a"].state is State.OPEN


def _counted(health: Health) -> Health:
    return replace(health, generation=health.generation + 1)


async def test_a_change_made_while_the_one_before_is_written_is_written_too(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one = Process(shared, clock)
    one.go_on.clear()
    one.store.update("a", _counted)
    await asyncio.sleep(1)

    one.store.update("a", _counted)
    one.go_on.set()
    await one.store.aclose()

    assert (shared, one.store.read("a")) == ({"a": Health(generation=2)}, Health(generation=2))


async def test_a_change_made_while_the_others_findings_are_read_outlives_them(clock: FakeClock) -> None:
    one = Process({"a": Health()}, clock)
    one.go_on.clear()
    reading = asyncio.ensure_future(one.store.refresh())
    await asyncio.sleep(PATIENCE / 2)

    one.store.update("a", _counted)
    one.go_on.set()
    one.go_on.clear()  # what is read arrives, and the change is still under way

    assert (await reading, one.store.read("a")) == ((), Health(generation=1))
    one.go_on.set()
    await one.store.aclose()


async def after_its_rest(clock: FakeClock) -> tuple[Process, Process]:
    """Return two processes that know of a provider whose rest, begun by a failure in the first, is over."""
    shared: dict[str, Health] = {}
    one, two = Process(shared, clock), Process(shared, clock)
    await one.fail()
    await one.store._written()
    await two.board.refresh()
    clock.advance(16)
    return one, two


async def test_two_processes_never_hold_a_lease_at_once(clock: FakeClock) -> None:
    one, two = await after_its_rest(clock)

    permits = await asyncio.gather(*(each.board.admit("a", lease=20) for each in (one, two, one, two)))

    assert sorted(permit is not None for permit in permits) == [False, False, False, True]


async def test_a_lease_is_not_taken_while_the_store_does_not_answer(clock: FakeClock) -> None:
    one, _ = await after_its_rest(clock)
    one.go_on.clear()

    assert await one.board.admit("a", lease=20) is None

    one.go_on.set()
    assert one.warned == []
    assert await one.board.admit("a", lease=20) is not None  # nor is it taken when the store answers at last


async def test_a_cancelled_turn_takes_no_lease_when_the_store_answers_at_last(clock: FakeClock) -> None:
    one, two = await after_its_rest(clock)
    one.go_on.clear()
    asking = asyncio.create_task(one.board.admit("a", lease=20))
    await asyncio.sleep(0.01)

    asking.cancel()
    await asyncio.wait([asking])
    one.go_on.set()

    assert await two.board.admit("a", lease=20) is not None
    await one.store.aclose()


async def test_a_result_of_an_older_generation_changes_nothing(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one, two = Process(shared, clock), Process(shared, clock)
    early = await two.board.admit("a", lease=20)
    assert early is not None
    await one.fail(APIStatusError("busy", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(retry_after=60.0)))
    await one.store._written()
    until = shared["a"].until

    two.board.succeed("a", early)
    two.board.fail("a", Permit(early.generation), DOWN, alone=False)
    await two.store._written()
    await two.board.aclose()

    assert (shared["a"].state, shared["a"].until) == (State.OPEN, until)
    assert two.board.read("a") == shared["a"]


async def test_whom_the_user_switches_off_is_off_in_this_process_alone(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one, two = Process(shared, clock), Process(shared, clock)
    await one.fail()
    await one.store._written()

    two.board.set_enabled("a", enabled=False)
    await two.board.refresh()

    assert (two.board.read("a").state, shared["a"].state) == (State.DISABLED, State.OPEN)


async def test_whom_the_user_brings_back_is_back_for_all(clock: FakeClock) -> None:
    shared: dict[str, Health] = {}
    one = Process(shared, clock)
    await one.fail()

    one.board.set_enabled("a", enabled=True)
    await one.board.aclose()

    assert shared["a"].available
    assert [change.health.available for change in one.changes] == [False, True]


async def test_a_store_that_fails_is_told_once_and_each_process_keeps_its_own_records(clock: FakeClock) -> None:
    one = Process({"b": Health()}, clock)
    one.backend.error = PermissionError(13, "Permission denied", "health.db")

    await one.board.refresh()
    await one.fail()
    clock.advance(16)

    assert await one.board.admit("a", lease=20) is not None
    assert one.warned == ["providers' health is not shared with other processes: health.db: Permission denied"]
    await one.board.aclose()


async def test_what_the_backend_has_to_say_is_told(clock: FakeClock) -> None:
    one = Process({"a": Health()}, clock)
    one.backend.notes.append("a broken file was set aside")

    await one.board.refresh()

    assert one.warned == ["a broken file was set aside"]


async def test_closing_waits_only_a_moment_for_a_store_that_hangs(clock: FakeClock) -> None:
    one = Process({}, clock)
    one.go_on.clear()
    await one.fail()

    await one.board.aclose()

    assert (asyncio.get_running_loop().time(), one.board.read("a").state) == (CLOSING, State.OPEN)
    one.go_on.set()


async def test_closing_waits_a_tenth_of_that_for_samples_alone(clock: FakeClock) -> None:
    one = Process({"b": Health()}, clock)
    one.go_on.clear()
    one.board.note_sample("a", 0, 1.5)

    await one.board.aclose()

    assert asyncio.get_running_loop().time() == PATIENCE
    one.go_on.set()


async def test_a_user_who_interrupts_waits_for_the_store_a_tenth_of_that(clock: FakeClock) -> None:
    one = Process({}, clock)
    one.go_on.clear()
    await one.fail()

    async def interrupted() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            await one.board.aclose()

    task = asyncio.ensure_future(interrupted())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])

    assert (asyncio.get_running_loop().time(), task.cancelled()) == (1 + PATIENCE, True)
    one.go_on.set()


@pytest.mark.parametrize("error", [None, DOWN])
async def test_a_check_changes_the_record_as_a_request_would(error: APIError | None, clock: FakeClock) -> None:
    one = Process({}, clock)
    await one.fail()

    one.board.note_check("a", error)

    assert one.board.read("a").state is (State.CLOSED if error is None else State.OPEN)
    assert [change.reason for change in one.changes] == ["server_error", *(["probe"] if error is None else [])]
    await one.board.aclose()


async def test_over_sqlite_a_dead_provider_is_passed_over_by_the_next_process(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "health.db"

    def process() -> tuple[HealthBoard, Callable[[], object]]:
        store = SharedHealthStore(
            lambda: SqliteBackend(path, LABELS, clock=SetClock()), path.exists, LABELS, warn=pytest.fail
        )
        board = HealthBoard(store, clock=clock, random=lambda: 0.5, on_change=lambda _: None)
        return board, board.aclose

    first, close_first = process()
    permit = await first.admit("a", lease=20)
    assert permit is not None
    first.fail("a", permit, DOWN, alone=False)
    await close_first()  # type: ignore[misc]

    second, close_second = process()
    await second.refresh()
    assert await second.admit("a", lease=20) is None
    clock.advance(16)
    assert await second.admit("a", lease=20) is not None
    await close_second()  # type: ignore[misc]


async def test_what_is_usual_is_shared_where_there_is_a_file_and_no_reason_to_make_one(clock: FakeClock) -> None:
    one, two = Process({}, clock), Process({"b": Health()}, clock)
    for each in (one, two):
        each.board.note_sample("a", 0, 1.5)
        await each.store._written()
        assert each.board.samples("a", 0) == deque([1.5])

    assert (one.backend.taken, two.backend.taken) == ([], [("a", 0, 1.5)])
    two.backend.taken = [("a", 0, float(number)) for number in range(60)]
    await two.board.refresh()
    assert list(two.board.samples("a", 0)) == [float(number) for number in range(10, 60)]
