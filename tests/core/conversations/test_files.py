"""The file of the conversations: private, recoverable, safe under kill -9, a full disk and two processes."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.conversations.schema import MIGRATIONS
from fallback_chat.core.conversations.store import History
from fallback_chat.core.storage.connection import StorageError, connect
from fallback_chat.core.storage.sqlite import open_database
from tests.core.conversations.fakes import SetClock, answer, failing_at, question

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sampling import Sample

ROOT = Path(__file__).parent.parent.parent.parent


def open_(path: Path, warn: Callable[[str], object] = pytest.fail) -> History:
    return History.open(path, clock=SetClock(), warn=warn)


def schema(path: Path) -> list[tuple[str, ...]]:
    with open_database(path, MIGRATIONS, patience=1, clock=SetClock(), warn=pytest.fail) as database:
        return database.query("SELECT type, name, sql FROM sqlite_master ORDER BY name")


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]}


def test_all_files_are_the_users_own_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data" / "history.db"

    with open_(path) as history:
        history.new_session()

        assert modes(path.parent) == {"data": 0o700} | {f"history.db{end}": 0o600 for end in ("", "-wal", "-shm")}
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    open_(tmp_path / "history.db").close()
    (tmp_path / "history.db").chmod(0o644)

    open_(tmp_path / "history.db").close()

    assert modes(tmp_path)["history.db"] == 0o600


def test_it_is_in_wal_mode_with_the_version_of_its_schema(tmp_path: Path) -> None:
    open_(tmp_path / "history.db").close()

    with connect(tmp_path / "history.db", 1) as connection:
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "user_version")]
    connection.close()

    assert found == ["wal", len(MIGRATIONS)]


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_every_older_version_becomes_the_newest(tmp_path: Path, version: int) -> None:
    old = tmp_path / "old.db"
    open_database(old, MIGRATIONS[:version], patience=1, clock=SetClock(), warn=pytest.fail).close()

    assert schema(old) == schema(tmp_path / "new.db")


def test_migrations_run_once_each_in_order_and_keep_the_rows(tmp_path: Path) -> None:
    steps = (
        ("CREATE TABLE one (a)", "INSERT INTO one VALUES (1)"),
        ("ALTER TABLE one ADD COLUMN b DEFAULT 2",),
        ("UPDATE one SET a = a + 10",),
    )
    path = tmp_path / "a.db"

    found = []
    for version in (1, 2, 2, 3, 3):
        with open_database(path, steps[:version], patience=1, clock=SetClock(), warn=pytest.fail) as database:
            found.append(database.query("SELECT * FROM one"))

    assert found == [[(1,)], [(1, 2)], [(1, 2)], [(11, 2)], [(11, 2)]]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    good = ("CREATE TABLE one (a)",)
    open_database(path, (good,), patience=1, clock=SetClock(), warn=pytest.fail).close()

    with pytest.raises(StorageError):
        open_database(path, (good, ("DROP TABLE one", "nonsense")), patience=1, clock=SetClock(), warn=pytest.fail)

    with open_database(path, (good,), patience=1, clock=SetClock(), warn=pytest.fail) as database:
        assert database.query("SELECT name FROM sqlite_master") == [("one",)]


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be read as one " * 40)


def truncated(path: Path) -> None:
    with open_(path) as history:
        history.finish_turn(history.begin_turn(history.new_session(), question("q" * 9000)), answer("a" * 9000))
    path.write_bytes(path.read_bytes()[:5000])


def changed(path: Path, sql: str) -> None:
    open_(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()


def no_tables(path: Path) -> None:
    changed(path, "DROP TABLE attachments; DROP TABLE turns; DROP TABLE sessions")


def no_column(path: Path) -> None:
    changed(path, "ALTER TABLE turns DROP COLUMN more")


def no_version(path: Path) -> None:
    changed(path, "PRAGMA user_version = 0")


@pytest.mark.parametrize("spoil", [garbage, truncated, no_tables, no_column, no_version])
def test_a_file_that_cannot_be_used_is_kept_under_another_name_and_said_once(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path, kept = tmp_path / "history.db", tmp_path / "history.db.broken-20231114T221320Z"
    spoil(path)
    before = path.read_bytes()
    said: list[str] = []

    with open_(path, said.append) as history:
        session = history.new_session()
        history.begin_turn(session, question("goes on"))
    with open_(path, said.append) as history:
        assert [each.title for each in history.list()] == ["goes on"]

    assert kept.read_bytes() == before
    assert len(said) == 1
    assert said[0].startswith(f"{path} cannot be used (")
    assert said[0].endswith(f"): it is kept as {kept.name}, and a new file is begun")


def test_a_cache_that_a_newer_release_wrote_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    open_database(path, MIGRATIONS, patience=1, clock=SetClock(), warn=pytest.fail).close()
    said: list[str] = []

    with open_database(path, MIGRATIONS[:1], patience=1, clock=SetClock(), warn=said.append, is_cache=True) as database:
        assert not database.read_only

    reason = f"a newer fallback-chat wrote it: version {len(MIGRATIONS)}, not 1"
    kept = "cache.db.broken-20231114T221320Z"
    assert said == [f"{path} cannot be used ({reason}): it is kept as {kept}, and a new file is begun"]


def test_two_broken_files_of_the_same_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for _ in range(2):
        garbage(path)
        open_(path, lambda _: None).close()

    assert sorted(each.name for each in tmp_path.iterdir() if "broken" in each.name) == [
        "history.db.broken-20231114T221320Z",
        "history.db.broken-20231114T221320Z-2",
    ]


def test_the_log_of_a_damaged_file_is_kept_with_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with open_(path) as history:
        for _ in range(20):
            history.finish_turn(history.begin_turn(history.new_session(), question("q" * 4000)), answer("a" * 4000))
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    path.write_bytes(content)

    with open_(path) as history:
        history.new_session()
        log = path.with_name("history.db-wal").read_bytes()
        with pytest.raises(StorageError):
            history.load(history.list()[10].id)

        assert (tmp_path / "history.db.broken-20231114T221320Z-wal").read_bytes() == log


def test_a_good_file_that_another_process_put_in_its_place_is_left_there(tmp_path: Path) -> None:
    path, good = tmp_path / "history.db", tmp_path / "good.db"
    garbage(path)
    with open_(good) as history:
        history.begin_turn(history.new_session(), question("theirs"))

    def late(where: Path, patience: float) -> sqlite3.Connection:
        connection = connect(where, patience)
        if good.exists():
            good.rename(where)
        return connection

    with History.open(path, clock=SetClock(), warn=pytest.fail, connect=late) as history:
        assert [each.title for each in history.list()] == ["theirs"]
    assert [each.name for each in tmp_path.iterdir() if "broken" in each.name] == []


def test_a_damaged_search_index_is_no_reason_to_set_the_conversations_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with open_(path) as history:
        session = history.new_session()
        history.begin_turn(session, question("needle"))
        history.search("needle")
        history._database.write("DELETE FROM turn_text_data WHERE id > 10")
    with open_(path) as history:
        assert [hit.session for hit in history.search("needle")] == [session]
    with open_(path) as history:
        assert [each.id for each in history.list()] == [session]


def test_deleted_text_is_overwritten_and_its_space_given_back(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with open_(path) as history:
        turn = history.begin_turn(history.new_session(), question("q"))
        history.save_partial(turn, "x" * 500_000)
        history.remove(history.list()[0].id)

        assert path.stat().st_size < 100_000
        assert history._database.query("PRAGMA secure_delete") == [(1,)]


def test_many_that_make_the_file_at_once_all_get_it(tmp_path: Path, sample: Sample) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            for number in sample(range(60), 15):
                start = threading.Barrier(8)

                def open_at_once(path: Path, start: threading.Barrier = start) -> None:
                    start.wait()
                    open_(path).close()

                assert list(pool.map(open_at_once, [tmp_path / f"{number}.db"] * 8)) == [None] * 8
    finally:
        sys.setswitchinterval(interval)


def test_damage_that_shows_later_sets_the_file_aside_for_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with open_(path) as history:
        for _ in range(20):
            history.finish_turn(history.begin_turn(history.new_session(), question("q" * 4000)), answer("a" * 4000))
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    path.write_bytes(content)

    def read_all() -> None:
        for each in history.list():
            history.load(each.id)

    with open_(path) as history, pytest.raises(StorageError, match=r"it is kept as history\.db\.broken-"):
        read_all()

    with open_(path) as history:
        assert history.list() == ()


def test_a_directory_in_its_place_is_a_storage_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()

    with pytest.raises(StorageError) as caught:
        open_(tmp_path / "history.db")

    assert caught.value.filename == str(tmp_path / "history.db")


def test_a_file_where_its_directory_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(StorageError):
        open_(tmp_path / "data" / "history.db")


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_nth_write_that_fails_leaves_everything_before_it(tmp_path: Path, n: int) -> None:
    path = tmp_path / "history.db"
    open_(path).close()
    history = History.open(path, clock=SetClock(), warn=pytest.fail, connect=failing_at(n))

    def write() -> None:
        turn = history.begin_turn(history.new_session(), question("q"))
        history.save_partial(turn, "part")
        history.finish_turn(turn, answer("whole"))

    with history, pytest.raises(StorageError, match="disk is full"):
        write()
    with open_(path) as history:
        stored = [(t.question.text, t.answer.text) for each in history.list() for t in history.load(each.id).turns]
    assert stored == [[], [], [("q", "")], [("q", "part")]][n - 1]


def test_a_really_full_disk_keeps_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with open_(path) as history:
        turn = history.begin_turn(history.new_session(), question("q"))
        history._database.query("PRAGMA max_page_count = 20")

        with pytest.raises(StorageError, match="full"):
            history.save_partial(turn, "x" * 1_000_000)

        history.save_partial(turn, "small")
        assert history.load(history.list()[0].id).turns[0].answer.text == "small"


WRITER = """
import sys, time
from pathlib import Path
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.conversations.store import History
from fallback_chat.core.answer import Answer
history = History.open(Path(sys.argv[1]), clock=time.time, warn=print)
session = history.new_session(sys.argv[2])
for number in range(int(sys.argv[3])):
    turn = history.begin_turn(session, ChatMessage(Role.USER, (Text(f"{sys.argv[2]} {number}"),)))
    print(number, flush=True)
    history.save_partial(turn, "part" * 500)
    history.finish_turn(turn, Answer(text="whole" * 500, complete=True))
"""


def writer(path: Path, name: str, turns: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(turns)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_killing_the_program_loses_no_question_that_was_stored_and_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for attempt in range(8):
        with writer(path, f"run {attempt}", 100_000) as process:
            assert process.stdout is not None
            reported = 0
            for _ in range(1 + attempt * 7):
                reported = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)

        with open_(path) as history:
            turns = history.load(history.latest() or pytest.fail("lost")).turns
            assert history._database.query("PRAGMA integrity_check") == [("ok",)]
        assert len(turns) > reported
        assert [turn.question.text for turn in turns] == [f"run {attempt} {n}" for n in range(len(turns))]
        assert {turn.answer.text for turn in turns[:-1]} <= {"whole" * 500}
        assert turns[-1].answer.text in ("", "part" * 500, "whole" * 500)

    with open_(path) as history:
        assert len(history.list()) == 8


def test_processes_that_write_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    processes = [writer(path, name, 40) for name in "abc"]
    for process in processes:
        process.communicate()

    assert [process.returncode for process in processes] == [0, 0, 0]
    with open_(path) as history:
        found = {each.title: [t.question.text for t in history.load(each.id).turns] for each in history.list()}
    assert found == {name: [f"{name} {number}" for number in range(40)] for name in "abc"}


def test_processes_that_find_a_broken_file_at_once_set_it_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    garbage(path)
    processes = [writer(path, name, 3) for name in "abcd"]
    said = "".join(process.communicate()[0] for process in processes)

    assert [process.returncode for process in processes] == [0] * 4
    assert said.count("cannot be used") == 1
    assert len([each for each in tmp_path.iterdir() if "broken" in each.name]) == 1
    with open_(path) as history:
        assert len(history.list()) == 4


def test_a_lock_that_is_never_released_is_an_error_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History.open(path, clock=SetClock(), warn=pytest.fail, connect=lambda where, _: connect(where, 0.01))
    other = connect(path, 1)
    other.execute("BEGIN IMMEDIATE")

    with history, pytest.raises(StorageError, match="locked"):
        history.new_session()

    other.close()


def test_an_interrupted_write_is_taken_back(tmp_path: Path) -> None:
    with open_(tmp_path / "history.db") as history:

        def interrupted() -> None:
            with history._database.transaction() as connection:
                connection.execute("INSERT INTO sessions (id, created) VALUES ('x', 0)")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()

        assert history._database.query("SELECT id FROM sessions") == []
        history.new_session()


def test_the_test_connection_really_fails(tmp_path: Path) -> None:
    connection = failing_at(1)(tmp_path / "a.db", 1)

    with pytest.raises(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
    connection.close()
