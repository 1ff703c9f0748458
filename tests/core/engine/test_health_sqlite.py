"""Health shared by processes: what one learns the others know; no failure of the file ever reaches a chat."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.breaker import Health, State
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.health_sqlite import (
    DAY,
    FORGET_AFTER,
    MIGRATIONS,
    KnownProvider,
    Label,
    SqliteHealthStore,
    health_key,
    known_providers,
)
from fallback_chat.core.errors import APIStatusError, ErrorKind
from fallback_chat.core.storage.sqlite import StorageError, connect
from tests.core.conversations.fakes import SetClock, failing_at

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent.parent
LABELS = {"a": Label(0, "primary", "openai", "big"), "b": Label(1, "backup", "ollama", "small")}
OPEN = Health(State.OPEN, "timeout", since=1.0, until=16.0, opens=1, failures=2, empties=1, generation=5)


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "health.db"


def store(path: Path, time: SetClock, warn: Callable[[str], object] = pytest.fail, **more: object) -> SqliteHealthStore:
    return SqliteHealthStore(path, LABELS, clock=time, warn=warn, **more)  # type: ignore[arg-type]


def board(of: SqliteHealthStore, time: SetClock) -> HealthBoard:
    return HealthBoard(of, clock=time, random=lambda: 0.5, on_change=lambda _: None)


def test_the_file_is_private_versioned_and_in_wal_mode(path: Path, time: SetClock) -> None:
    store(path, time).close()

    connection = connect(path, 1)
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "user_version")]
    connection.close()
    assert pragmas == ["wal", len(MIGRATIONS)]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path)] == [0o700, 0o600]


healths = st.builds(
    Health,
    st.sampled_from(State),
    st.none() | st.sampled_from([kind.value for kind in ErrorKind]),
    st.floats(0, 4e9),
    st.none() | st.floats(0, 4e9),
    *[st.integers(0, 10_000)] * 4,
)


@settings(max_examples=60)
@given(health=healths)
def test_every_record_is_the_same_in_another_process(path: Path, health: Health) -> None:
    one, other = store(path, SetClock()), store(path, SetClock())
    before = one.read("a")

    assert one.update("a", lambda _: health) == (before, health)
    assert (other.read("a"), other.read("b")) == (health, Health())
    one.close()
    other.close()


def test_a_change_is_applied_to_what_others_stored_meanwhile(path: Path, time: SetClock) -> None:
    one, other = store(path, time), store(path, time)
    one.update("a", lambda _: OPEN)

    before, after = other.update("a", lambda health: Health(failures=health.failures + 1))

    assert (before, after) == (OPEN, Health(failures=3))
    assert one.read("a") == after
    one.close()
    other.close()


def test_a_record_that_stays_as_it_is_costs_no_write(path: Path, time: SetClock) -> None:
    store(path, time).close()
    quiet = store(path, time, connect=failing_at(*range(1, 9)))

    assert quiet.update("a", lambda health: health) == (Health(), Health())
    quiet.close()


def test_a_dead_provider_is_passed_over_by_the_next_process_until_its_time_is_over(path: Path, time: SetClock) -> None:
    first = store(path, time)
    permit = board(first, time).admit("a", lease=20)
    assert permit is not None
    board(first, time).fail("a", permit, APIStatusError("no", kind=ErrorKind.SERVER_ERROR), alone=False)
    first.close()

    second = store(path, time)
    assert board(second, time).admit("a", lease=20) is None
    assert second.read("a").reason == "server_error"
    time.now += 15
    trial = board(second, time).admit("a", lease=20)
    third = store(path, time)
    assert trial is not None
    assert board(third, time).admit("a", lease=20) is None, "one holder at a time, across processes"

    board(second, time).succeed("a", trial)

    assert third.read("a").available
    second.close()
    third.close()


def test_a_clock_that_was_set_back_does_not_lock_a_provider_out(path: Path, time: SetClock) -> None:
    first = store(path, time)
    first.update("a", lambda _: Health(State.OPEN, since=time.now, until=time.now + 15, generation=1))
    time.now -= 3600

    assert board(first, time).admit("a", lease=20) is not None
    first.close()


def test_the_key_tells_providers_apart_and_holds_no_secret() -> None:
    def key(api_key: str | None = "sk-1", **changes: str) -> str:
        return health_key(ProviderSettings(**({"name": "n", "kind": "openai", "model": "m"} | changes)), api_key)  # type: ignore[arg-type]

    keys = [key(), key("sk-2"), key(None), key(kind="gemini"), key(model="m2"), key(base_url="https://x/v1")]

    assert len(set(keys)) == len(keys)
    assert key(name="other name") == key()
    assert len(key()) == 32
    assert "sk-1" not in key()


def test_another_key_stays_in_this_process(path: Path, time: SetClock) -> None:
    one, other = store(path, time), store(path, time)

    assert one.update("stranger", lambda _: OPEN) == (Health(), OPEN)
    assert (one.read("stranger"), other.read("stranger")) == (OPEN, Health())
    one.close()
    other.close()


def test_all_known_providers_are_listed_in_the_order_of_the_chain(path: Path, time: SetClock) -> None:
    assert known_providers(path) == ()
    one = store(path, time)
    one.update("b", lambda _: OPEN)

    assert known_providers(path) == (
        KnownProvider("primary", "openai", "big", Health()),
        KnownProvider("backup", "ollama", "small", OPEN),
    )
    one.close()
    assert known_providers(path)[1].health == OPEN


def test_a_new_name_or_place_in_the_chain_is_taken_over_and_the_record_kept(path: Path, time: SetClock) -> None:
    one = store(path, time)
    one.update("a", lambda _: OPEN)
    one.close()

    SqliteHealthStore(path, {"a": Label(2, "renamed", "openai", "big")}, clock=time, warn=pytest.fail).close()

    assert [(known.name, known.health) for known in known_providers(path)] == [("backup", Health()), ("renamed", OPEN)]


def test_a_provider_that_nobody_uses_any_more_is_dropped_after_a_month(path: Path, time: SetClock) -> None:
    store(path, time).close()
    only_a = {"a": LABELS["a"]}
    for _ in range(2):
        time.now += FORGET_AFTER - DAY
        SqliteHealthStore(path, only_a, clock=time, warn=pytest.fail).close()

    assert [known.name for known in known_providers(path)] == ["primary"]


def test_a_broken_file_is_set_aside_and_shared_health_goes_on(path: Path, time: SetClock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    said: list[str] = []
    one = store(path, time, said.append)
    one.update("a", lambda _: OPEN)
    one.close()

    assert [known.health for known in known_providers(path)] == [OPEN, Health()]
    assert len(said) == 1
    assert "is kept as health.db.broken-" in said[0]


def test_without_a_place_for_the_file_each_process_keeps_its_own_records(path: Path, time: SetClock) -> None:
    path.parent.write_text("in the way")
    said: list[str] = []
    one = store(path, time, said.append)

    assert one.update("a", lambda _: OPEN) == (Health(), OPEN)
    assert one.read("a") == OPEN
    assert one.update("a", lambda health: Health(failures=health.failures)) == (OPEN, Health(failures=2))
    assert len(said) == 1
    assert said[0].startswith(f"providers' health is not shared with other processes: {path}: ")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_after_the_nth_write_failed_what_was_known_still_counts(path: Path, time: SetClock, n: int) -> None:
    store(path, time).close()
    said: list[str] = []
    one = store(path, time, said.append, connect=failing_at(n))

    for count in range(1, 5):
        before, after = one.update("a", lambda health: Health(failures=health.failures + 1))
        assert (before, after) == (Health(failures=count - 1), Health(failures=count))

    assert one.read("a") == Health(failures=4)
    assert known_providers(path)[0].health == Health(failures=n - 1)
    assert len(said) == 1
    one.close()


def test_a_read_that_fails_gives_what_was_known(path: Path, time: SetClock) -> None:
    said: list[str] = []
    one = store(path, time, said.append)
    one.update("a", lambda _: OPEN)
    other = connect(path, 1)
    other.execute("DROP TABLE health")
    other.close()

    assert [one.read("a"), one.read("b")] == [OPEN, Health()]
    assert len(said) == 1


def statements(of: SqliteHealthStore) -> list[str]:
    """Return a list to which the first two words of every statement will be added that `of` runs."""
    seen: list[str] = []
    assert of._database is not None
    of._database._connection.set_trace_callback(lambda sql: seen.append(" ".join(sql.split()[:2])))
    return seen


def test_a_lock_that_is_never_released_costs_a_moment_once(path: Path, time: SetClock) -> None:
    said: list[str] = []
    one = store(path, time, said.append)
    ran = statements(one)
    other = connect(path, 1)
    other.execute("BEGIN IMMEDIATE")

    assert one.update("a", lambda _: OPEN) == (Health(), OPEN)
    assert one.update("a", lambda _: Health()) == (OPEN, Health())
    assert ran.count("BEGIN IMMEDIATE") == 1
    assert len(said) == 1
    assert "locked" in said[0]
    other.close()


def test_an_unreadable_store_is_an_error_for_who_only_reads(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    before = path.read_bytes()

    with pytest.raises(StorageError):
        known_providers(path)

    assert path.read_bytes() == before


COUNTER = """
import sys, time
from pathlib import Path
from dataclasses import replace
from fallback_chat.core.engine.health_sqlite import Label, SqliteHealthStore
from fallback_chat.core.storage.sqlite import connect

def patient(path, _):
    return connect(path, 60)

store = SqliteHealthStore(
    Path(sys.argv[1]), {"a": Label(0, "n", "k", "m")}, clock=time.time, warn=print, connect=patient
)
for number in range(int(sys.argv[2])):
    _, after = store.update("a", lambda health: replace(health, failures=health.failures + 1, opens=health.opens + 1))
    print(after.failures, flush=True)
"""


def counter(path: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNTER, str(path), str(times)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_no_update_of_two_processes_is_lost(path: Path) -> None:
    processes = [counter(path, 150) for _ in range(2)]
    seen = [line for process in processes for line in process.communicate()[0].split()]

    assert sorted(map(int, seen)) == list(range(1, 301))
    assert known_providers(path)[0].health == Health(failures=300, opens=300)


def test_killing_a_process_leaves_a_whole_record(path: Path) -> None:
    count = 0
    for attempt in range(8):
        with counter(path, 100_000) as process:
            assert process.stdout is not None
            for _ in range(1 + attempt * 5):
                count = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)

        health = known_providers(path)[0].health
        assert health.failures == health.opens >= count

    connection = connect(path, 1)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_an_update_is_one_short_transaction_that_waits_for_no_disk(path: Path, time: SetClock) -> None:
    one = store(path, time)
    assert one._database is not None
    assert one._database.query("PRAGMA synchronous") == [(1,)]  # NORMAL: in WAL mode only a checkpoint syncs
    ran = statements(one)

    one.update("a", lambda _: OPEN)

    assert ran == ["SELECT state,", "BEGIN IMMEDIATE", "SELECT state,", "UPDATE health", "COMMIT"]
    one.close()


def test_no_name_but_that_of_the_provider_is_in_the_file(path: Path, time: SetClock) -> None:
    store(path, time).close()

    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info (health)")]
    connection.close()
    assert columns == [
        *("key", "position", "name", "kind", "model", "seen"),
        *("state", "reason", "since", "until", "opens", "failures", "empties", "generation"),
    ]
