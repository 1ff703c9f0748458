"""Health in a real Redis: the same protocol as the file's, across processes, with the server's loss and return."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.shared_health import RETRY, SharedHealthStore
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import State
from fallback_chat.providers.redis.health import PREFIX, RedisBackend
from fallback_chat.providers.redis.resp import Address, Redis
from tests.core.conversations.fakes import SetClock
from tests.core.engine.processes_with_health import KEY, LABELS, Processes, inline
from tests.providers.redis.server import MISSING, PASSWORD, Server, program
from tests.sampling import examples
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fallback_chat.core.engine.shared_health import Label

OPEN = Health(State.OPEN, "timeout", since=1_700_000_000.0, until=1_700_000_015.0, opens=1, failures=2, generation=4)
COUNTER = """
import sys
from dataclasses import replace
from fallback_chat.providers.redis.health import RedisBackend

backend = RedisBackend(sys.argv[1], {}, timeout=60)
for _ in range(int(sys.argv[2])):
    print(backend.update("a", lambda health: replace(health, failures=health.failures + 1)).failures, flush=True)
"""


def put(health: Health) -> Callable[[Health], Health]:
    return lambda _: health


def backend(server: Server, clock: Callable[[], float] | None = None) -> RedisBackend:
    return RedisBackend(server.url, LABELS, timeout=PATIENCE, **({"clock": clock} if clock else {}))


def test_a_record_is_the_same_in_another_process(server: Server) -> None:
    one, other = backend(server), backend(server)

    assert one.update(KEY, put(OPEN)) == OPEN
    (found,) = other.load([KEY]).values()

    assert (found.state, found.reason, found.opens, found.generation) == (State.OPEN, "timeout", 1, 4)
    assert found.until == pytest.approx(OPEN.until, abs=1)
    one.close()
    other.close()


def test_the_times_are_the_servers_whatever_the_clocks_of_the_machines_say(server: Server) -> None:
    fast = SetClock(2_000_000_000.0)
    slow = SetClock(1_000_000_000.0)
    one, other = backend(server, fast), backend(server, slow)

    one.update(KEY, put(replace(OPEN, since=fast(), until=fast() + 15)))
    (found,) = other.load([KEY]).values()

    assert found.until == pytest.approx(slow() + 15, abs=2)
    assert not found.is_due(slow() + 1)
    one.close()
    other.close()


def test_the_last_fifty_samples_of_each_size_are_kept(server: Server) -> None:
    one = backend(server)
    one.add_samples([(KEY, 0, float(number)) for number in range(60)])
    one.add_samples([(KEY, 2, 7.5)])

    assert one.samples([KEY]) == [(KEY, 0, float(number)) for number in range(10, 60)] + [(KEY, 2, 7.5)]
    one.close()


@pytest.mark.parametrize(
    "record",
    ["", "nonsense", "null", "[]", '["open"]', '["ajar", null, 0, 0, 0, 0, 0, 0, ""]', "[" * 5000, '{"state": "open"}',
     '["open", "timeout", 1, null, 0, 0, 0, 0, ""]', '["closed", null, 0, null, -1, 0, 0, 0, ""]',
     '["disabled", null, 0, null, 0, 0, 0, 0, ""]', '["open", "timeout", 1, 1e300, 0, 0, 0, 0, ""]'],
)  # fmt: skip
def test_a_record_that_makes_no_sense_counts_as_missing_and_is_replaced(server: Server, record: str) -> None:
    redis = Redis(Address.of(server.url), timeout=5)
    redis.call("HSET", PREFIX + KEY, "record", record, "version", "7")
    redis.call("LPUSH", f"{PREFIX}{KEY}:samples:0", "soon", "-1", "inf", "nan", "2.5")
    one = backend(server)

    assert (one.load([KEY]), one.samples([KEY])) == ({}, [(KEY, 0, 2.5)])
    assert one.update(KEY, put(OPEN)) == OPEN
    assert one.load([KEY])[KEY].state is State.OPEN
    one.close()
    redis.close()


def test_no_prompt_no_answer_and_no_key_is_in_it(server: Server) -> None:
    one = backend(server)
    one.update(KEY, put(OPEN))
    redis = Redis(Address.of(server.url), timeout=5)

    record = redis.call("HGETALL", PREFIX + KEY)
    found = dict(zip(record[::2], record[1::2], strict=True))
    assert (set(found), found["name"], found["version"]) == (
        {"record", "version", "position", "name", "kind", "model"},
        "primary",
        "1",
    )
    assert len(json.loads(found["record"])) == 9
    assert int(redis.call("TTL", PREFIX + KEY)) > 0
    one.close()
    redis.close()


def test_no_update_of_several_processes_is_lost_when_some_are_killed(server: Server) -> None:
    command = [sys.executable, "-c", COUNTER, server.url]
    counters = [subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    victim = subprocess.Popen([*command, "100000"], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    seen = [int(victim.stdout.readline()) for _ in range(5)]
    victim.kill()
    with victim:  # communicate() would lose what readline() has read ahead
        seen += [int(line) for line in victim.stdout.read().split()]
    for one in counters:
        seen += [int(line) for line in one.communicate(timeout=PATIENCE)[0].split()]

    watcher = backend(server)
    total = watcher.load(["a"])["a"].failures
    watcher.close()
    assert len(seen) == len(set(seen)), "two updates came to the same number"
    assert total - len(seen) in (0, 1)  # the last one of the victim may not have been told
    assert max(seen) <= total


async def test_a_server_that_is_lost_is_told_once_and_so_is_its_return_with_what_was_found_meanwhile(
    server: Server,
) -> None:
    told: list[str] = []
    monotonic = SetClock(0.0)
    store = SharedHealthStore(
        lambda: backend(server), lambda: True, LABELS, warn=told.append, run=inline, clock=monotonic
    )
    wall = SetClock(1_700_000_000.0)
    board = HealthBoard(store, clock=wall, random=lambda: 0.5, on_change=lambda _: None)
    await board.refresh()
    server.stop()

    for _ in range(3):
        await board.refresh()
    permit = await board.admit(KEY, lease=20)
    assert permit is not None
    board.fail(KEY, permit, APIError("down"), alone=False)
    assert board.read(KEY).state is State.OPEN
    assert len(told) == 1
    assert told[0].startswith(f"providers' health is not shared with other processes: Redis at {server.directory}")

    monotonic.now += RETRY
    await board.refresh()  # still away, and tried again
    assert len(told) == 1
    server.start()
    monotonic.now += RETRY
    await board.refresh()
    await store._written()

    assert told[1:] == ["providers' health is shared with other processes again"]
    watcher = backend(server, wall)
    assert watcher.load([KEY])[KEY].state is State.OPEN
    watcher.close()
    await board.aclose()


def test_a_server_with_a_password_and_another_database(tmp_path: Path) -> None:
    if program() is None:
        pytest.skip(MISSING)
    server = Server(tmp_path, password=PASSWORD)
    server.start()
    try:
        one = RedisBackend(server.tcp_url, LABELS, timeout=PATIENCE)
        assert one.update(KEY, put(OPEN)).state is State.OPEN
        one.close()
        with pytest.raises(OSError, match="invalid username-password pair") as caught:
            RedisBackend(server.tcp_url.replace(PASSWORD, "wrong"), LABELS, timeout=PATIENCE).load([KEY])
        assert caught.value.filename == f"Redis at 127.0.0.1:{server.port}"
        assert "wrong" not in str(caught.value)
    finally:
        server.stop()


async def test_a_dead_provider_is_passed_over_by_a_chain_on_another_machine(server: Server) -> None:
    wall = SetClock(1_700_000_000.0)
    boards = [
        HealthBoard(
            SharedHealthStore(lambda: backend(server, wall), lambda: True, LABELS, warn=pytest.fail),
            clock=wall,
            random=lambda: 0.5,
            on_change=lambda _: None,
        )
        for _ in range(2)
    ]
    permit = await boards[0].admit(KEY, lease=20)
    assert permit is not None
    boards[0].fail(KEY, permit, APIError("down"), alone=False)
    await boards[0].aclose()

    await boards[1].refresh()
    refused = await boards[1].admit(KEY, lease=20)
    wall.now += 16
    trials = await asyncio.gather(*(boards[1].admit(KEY, lease=20) for _ in range(3)))
    await boards[1].aclose()

    assert refused is None
    assert sorted(one is not None for one in trials) == [False, False, True]


@pytest.fixture
def shared(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(OverRedis, "url", server.url)
    return server


class OnATestsClock(RedisBackend):
    """A backend to which the server tells another time than it has: a busy machine would change the order of events."""

    def __init__(self, url: str, labels: Mapping[str, Label], ahead: float) -> None:
        super().__init__(url, labels, timeout=PATIENCE)
        self._behind = -ahead

    def _connected(self) -> Redis:
        redis = super()._connected()
        self._ahead = self._behind
        return redis


class OverRedis(Processes):
    """The clocks of three machines differ; the server's clock is that of the test, and not its own."""

    AHEAD = (0.0, 1000 / 3, -86_400 / 7)
    url = ""

    def backend(self, ahead: float = 0.0) -> RedisBackend:
        return OnATestsClock(self.url, LABELS, ahead)

    def teardown(self) -> None:
        super().teardown()
        redis = Redis(Address.of(self.url), timeout=5)
        redis.call("FLUSHALL")
        redis.close()


def test_any_order_of_events_in_several_processes(shared: Server) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    assert shared.url
    run_state_machine_as_test(OverRedis, settings=examples(10, 200))
