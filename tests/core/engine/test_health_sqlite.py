"""The file of shared health records: what one process stores the others read, and what makes no sense is no record."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.health_sqlite import (
    FORGET_AFTER,
    MIGRATIONS,
    SqliteBackend,
    known_providers,
)
from fallback_chat.core.engine.policy import DAY
from fallback_chat.core.engine.shared_health import KnownProvider, Label
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import State
from fallback_chat.core.storage.connection import StorageError, connect, reason
from tests import sampling
from tests.core.conversations.fakes import SetClock
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 50 if sampling.everything else 8
"""Processes at the same time."""
ROOT = Path(__file__).parent.parent.parent.parent
LABELS = {"a": Label(0, "primary", "openai", "big"), "b": Label(1, "backup", "ollama", "small")}
OPEN = Health(State.OPEN, "timeout", since=1.0, until=16.0, opens=1, failures=2, empties=1, generation=5)


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "health.db"


def store(path: Path, time: SetClock, **more: object) -> SqliteBackend:
    return SqliteBackend(path, LABELS, clock=time, **more)  # type: ignore[arg-type]


def put(health: Health) -> Callable[[Health], Health]:
    return lambda _: health


def failed(health: Health) -> Health:
    return replace(health, failures=health.failures + 1)


def record(of: SqliteBackend, key: str = "a") -> Health:
    return of.load([key]).get(key, Health())


def test_the_file_is_made_with_the_first_use_private_versioned_and_in_wal_mode(path: Path, time: SetClock) -> None:
    one = store(path, time)
    assert not path.exists()
    one.load(["a"])
    one.close()

    connection = connect(path, 1)
    pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "user_version")]
    connection.close()
    assert pragmas == ["wal", len(MIGRATIONS)]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path)] == [0o700, 0o600]


kinds = st.none() | st.sampled_from([kind.value for kind in ErrorKind])
times = st.floats(0, 4e9)
counts = [st.integers(0, 10_000)] * 4
healths = st.builds(Health, st.just(State.CLOSED), kinds, times, st.none() | times, *counts) | st.builds(
    Health, st.sampled_from([State.OPEN, State.HALF_OPEN, State.BLOCKED]), kinds, times, times, *counts
)


@examples(20, 200)
@given(health=healths)
def test_every_record_is_the_same_in_another_process(path: Path, health: Health) -> None:
    one, other = store(path, SetClock()), store(path, SetClock())

    assert one.update("a", put(health)) == health
    assert record(other) == health
    one.close()
    other.close()


def test_a_change_is_applied_to_what_others_stored_meanwhile(path: Path, time: SetClock) -> None:
    one, other = store(path, time), store(path, time)
    one.update("a", put(OPEN))

    assert other.update("a", failed) == replace(OPEN, failures=3) == record(one)
    one.close()
    other.close()


NONSENSE = [
    ("state", "'ajar'"), ("since", "'yesterday'"), ("until", "x'00'"), ("reason", "x'ff'"), ("opens", "-1"),
    ("generation", "1.5"), ("failures", "'many'"), ("holder", "7"), ("generation", "9223372036854775807"),
    ("until", "1e300"), ("until", "-1"), ("since", "9e999"), ("state", "'disabled'"), ("until", "NULL"),
    ("state", "x'636c6f736564'"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), NONSENSE)
def test_a_record_that_makes_no_sense_counts_as_missing(path: Path, time: SetClock, column: str, value: str) -> None:
    one = store(path, time)
    one.update("a", put(OPEN))
    other = connect(path, 1)
    other.execute(f"UPDATE health SET {column} = {value} WHERE key = 'a'")
    other.close()

    assert one.load(["a"]) == ({} if column != "holder" else {"a": replace(OPEN, holder="7")})
    assert one.update("a", failed).failures in (1, 3)
    one.close()


def test_all_known_providers_are_listed_in_the_order_of_the_chain(path: Path, time: SetClock) -> None:
    assert known_providers(path) == ()
    one = store(path, time)
    for key, health in (("b", OPEN), ("a", replace(OPEN, opens=7))):
        one.update(key, put(health))

    assert known_providers(path) == (
        KnownProvider("a", "primary", "openai", "big", replace(OPEN, opens=7)),
        KnownProvider("b", "backup", "ollama", "small", OPEN),
    )
    one.close()
    assert known_providers(path)[1].health == OPEN


def test_a_new_name_or_place_in_the_chain_is_taken_over_and_the_record_kept(path: Path, time: SetClock) -> None:
    one = store(path, time)
    one.update("a", put(OPEN))
    one.close()

    other = SqliteBackend(path, {"a": Label(2, "renamed", "openai", "big")}, clock=time)
    other.add_samples([("a", 0, 1.0)])
    other.close()

    assert [(known.name, known.health) for known in known_providers(path)] == [("renamed", OPEN)]


def test_a_provider_that_nobody_uses_any_more_is_dropped_after_a_month(path: Path, time: SetClock) -> None:
    with closing(store(path, time)) as one:
        one.add_samples([("a", 0, 1.0), ("b", 0, 1.0)])
    for names in (["primary", "backup"], ["primary"]):
        time.now += FORGET_AFTER - DAY
        with closing(store(path, time)) as one:
            one.add_samples([("a", 0, 1.0)])
            assert [known.name for known in known_providers(path)] == names


def test_a_provider_is_in_the_file_once_something_is_known_of_it(path: Path, time: SetClock) -> None:
    with closing(store(path, time)) as one:
        assert (one.load(["a", "b"]), one.samples(["a", "b"])) == ({}, [])
        assert known_providers(path) == ()
        one.add_samples([("a", 0, 1.0)])

    assert known_providers(path) == (KnownProvider("a", "primary", "openai", "big", Health()),)


def test_a_broken_file_is_set_aside_and_shared_health_goes_on(path: Path, time: SetClock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    one = store(path, time)
    one.update("a", put(OPEN))
    one.close()

    assert [known.health for known in known_providers(path)] == [OPEN]
    assert len(one.notes) == 1
    assert "is kept as health.db.broken-" in one.notes[0]


def test_a_place_that_cannot_be_used_and_a_lock_that_is_never_released_are_errors(path: Path, time: SetClock) -> None:
    one = store(path, time)
    one.load(["a"])
    other = connect(path, 1)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        one.update("a", put(OPEN))
    other.close()
    one.close()

    with pytest.raises(StorageError):
        store(path / "below a file", time).load(["a"])


def test_a_full_disk_costs_what_was_to_be_stored_and_neither_the_file_nor_its_records(
    path: Path, time: SetClock
) -> None:
    def full(path: Path, patience: float) -> sqlite3.Connection:
        connection = connect(path, patience)
        connection.execute("PRAGMA max_page_count = 1")  # or as many as there are
        return connection

    with closing(store(path, time, connect=full)) as one, pytest.raises(StorageError, match="disk is full"):
        one.load(["a"])
    with closing(store(path, time)) as two:
        two.update("a", put(OPEN))
    with closing(store(path, time, connect=full)) as three:
        with pytest.raises(StorageError, match="disk is full"):
            three.add_samples([("a", 0, 1.0)] * 10_000)
        assert three.update("a", failed) == replace(OPEN, failures=3) == record(three)
        assert (three.samples(["a"]), three.notes) == ([], [])


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage " * 1000)


def bookmarks(path: Path, *, version: int = 1) -> None:
    """Write another program's database."""
    connection = connect(path, 1)
    connection.execute("CREATE TABLE bookmarks (title TEXT)")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (garbage, "file is not a database (move it away)"),
        (bookmarks, "no such table: health (move it away)"),
        (Path.mkdir, "it is a directory (move it away)"),
    ],
)
def test_an_unreadable_store_is_an_error_for_who_only_reads(
    path: Path, make: Callable[[Path], object], what: str
) -> None:
    path.parent.mkdir()
    make(path)
    before = path.stat()

    with pytest.raises(StorageError) as caught:
        known_providers(path)

    assert (caught.value.filename, caught.value.strerror) == (str(path), what)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (sqlite3.SQLITE_IOERR | 19 << 8, " (is the disk full, or failing?)"),  # no room for the shared memory
        (sqlite3.SQLITE_READONLY_RECOVERY, " (check the permissions of the file and its folder)"),
        (sqlite3.SQLITE_INTERNAL, ""),
    ],
)
def test_what_is_wrong_with_the_file_comes_with_the_next_step(code: int, step: str) -> None:
    error = sqlite3.OperationalError("it fails")
    error.sqlite_errorcode = code

    assert reason(error) == f"it fails{step}"


def test_nothing_is_added_to_the_database_of_another_program(path: Path, time: SetClock) -> None:
    path.parent.mkdir()
    bookmarks(path, version=0)
    with closing(store(path, time)) as one:
        one.load(["a"])

    (kept,) = path.parent.glob("health.db.broken-*Z")
    with closing(connect(kept, 1)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    assert one.notes == [
        f"{path} cannot be used (it has tables, and no version): it is kept as {kept.name}, and a new file is begun"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE bookmarks (title TEXT)",
        "CREATE INDEX mine ON health (state)",
        "CREATE VIEW mine AS SELECT name FROM health",
        "CREATE TRIGGER mine AFTER UPDATE ON health BEGIN UPDATE health SET state = 'closed'; END",
        "DROP INDEX samples_of",
        "ALTER TABLE health ADD COLUMN mine",
        "ALTER TABLE samples RENAME COLUMN seconds TO mine",
    ],
)
def test_a_file_whose_tables_another_program_has_changed_is_set_aside(
    path: Path, time: SetClock, statement: str
) -> None:
    with closing(store(path, time)) as one:
        one.load(["a"])
    with closing(connect(path, 1)) as connection:
        connection.execute(statement)

    with closing(store(path, time)) as one:
        assert one.update("a", put(OPEN)) == OPEN

    assert known_providers(path)[0].health == OPEN
    (note,) = one.notes
    assert note.startswith(f"{path} cannot be used (another program has changed its tables): it is kept as health.db.")


def test_a_turn_takes_no_longer_for_what_others_have_put_into_the_file(path: Path, time: SetClock) -> None:
    steps: list[int] = []

    def counted(path: Path, patience: float) -> sqlite3.Connection:
        connection = connect(path, patience)
        connection.set_progress_handler(lambda: steps.append(1), 1000)
        return connection

    with closing(store(path, time)) as one:
        one.update("a", put(OPEN))
    with closing(connect(path, 1)) as connection, connection:
        for table in ("health (position, name, kind, model, seen, key)", "samples (seconds, size, key)"):
            values = "0, 'x', 'k', 'm', 9e9, n" if table.startswith("health") else "1.0, n % 2, iif(n % 3, n, 'a')"
            connection.execute(
                f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3000)"
                f" INSERT INTO {table} SELECT {values} FROM t"
            )

    with closing(store(path, time, connect=counted)) as one:
        assert (one.load(["a", "b"]), len(one.samples(["a", "b"]))) == ({"a": OPEN}, 2 * 4 * 50)
    assert len(steps) < 10  # thousand instructions of SQLite's


COUNTER = """
import sys, time
from pathlib import Path
from dataclasses import replace
from fallback_chat.core.engine.health_sqlite import SqliteBackend
from fallback_chat.core.engine.shared_health import Label
from fallback_chat.core.storage.connection import connect

def patient(path, _):
    return connect(path, 60)

store = SqliteBackend(Path(sys.argv[1]), {"a": Label(0, "n", "k", "m")}, connect=patient)
for number in range(int(sys.argv[2])):
    after = store.update("a", lambda health: replace(health, failures=health.failures + 1, opens=health.opens + 1))
    print(after.failures, flush=True)
"""


def counter(path: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNTER, str(path), str(times)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_no_update_of_many_processes_is_lost_from_the_first_on_which_makes_the_file(path: Path) -> None:
    each = 20
    processes = [counter(path, each) for _ in range(MANY)]
    seen = [line for process in processes for line in process.communicate()[0].split()]

    assert sorted(map(int, seen)) == list(range(1, MANY * each + 1))
    assert known_providers(path)[0].health == Health(failures=MANY * each, opens=MANY * each)


CLAIMANT = """
import sys, time
from pathlib import Path
from fallback_chat.core.engine import breaker
from fallback_chat.core.engine.health_sqlite import SqliteBackend
from fallback_chat.core.engine.shared_health import Label
from fallback_chat.core.storage.connection import connect

store = SqliteBackend(Path(sys.argv[1]), {"a": Label(0, "n", "k", "m")}, connect=lambda path, _: connect(path, 60))
store.load(["a"])
print("ready", flush=True)
sys.stdin.readline()
now, permit = time.time(), None

def claim(health):
    global permit
    health, permit = breaker.admit(health, now, 3600.0, holder=sys.argv[2])
    return health

store.update("a", claim)
print(permit is not None, flush=True)
"""


def test_one_of_many_processes_gets_the_lease_whoever_looked_at_the_clock_first(path: Path) -> None:
    with closing(SqliteBackend(path, LABELS)) as one:
        one.update("a", put(OPEN))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMANT, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for number in range(MANY)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [process.communicate()[0].strip() for process in processes]

    assert sorted(got) == ["False"] * (MANY - 1) + ["True"]


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
    one.update("a", failed)
    assert one._database is not None
    assert one._database.query("PRAGMA synchronous") == [(0,)]  # a cache is not worth waiting for
    ran: list[str] = []
    one._database._connection.set_trace_callback(lambda sql: ran.append(" ".join(sql.split()[:2])))

    one.update("a", put(OPEN))
    one.update("a", lambda health: health)

    assert [sql.split()[0] for sql in ran] == [
        *("BEGIN", "SELECT", "INSERT", "UPDATE", "COMMIT"),
        *("BEGIN", "SELECT", "COMMIT"),
    ]
    one.close()


def test_no_name_but_that_of_the_provider_is_in_the_file(path: Path, time: SetClock) -> None:
    with closing(store(path, time)) as one:
        one.load(["a"])

    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info (health)")]
    connection.close()
    assert columns == [
        *("key", "position", "name", "kind", "model", "seen"),
        *("state", "reason", "since", "until", "opens", "failures", "empties", "generation", "holder"),
    ]


def test_the_last_fifty_samples_of_each_size_are_kept(path: Path, time: SetClock) -> None:
    one, other = store(path, time), store(path, time)
    one.add_samples([("a", 0, float(number)) for number in range(40)])
    other.add_samples([("a", 1, 9.0), *(("a", 0, float(number)) for number in range(40, 70))])

    kept = one.samples(["a", "b"])

    assert [seconds for _, size, seconds in kept if size == 0] == [float(number) for number in range(20, 70)]
    assert ("a", 1, 9.0) in kept
    one.close()
    other.close()
