"""A history of another release: an older one is brought up to date, a newer one is only read."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.answer import Answer
from fallback_chat.core.attempts import Segment
from fallback_chat.core.chat_context import VendorExtra
from fallback_chat.core.conversations import store
from fallback_chat.core.conversations.export import to_json
from fallback_chat.core.conversations.schema import MIGRATIONS
from fallback_chat.core.conversations.store import History
from fallback_chat.core.storage.connection import StorageError
from tests.core.conversations.fakes import SetClock, answer, question

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent.parent
RELEASES = ROOT / "tests" / "data" / "history"


def of_release(release: str, path: Path) -> Path:
    """Make the file that a release wrote."""
    connection = sqlite3.connect(path)
    connection.executescript((RELEASES / f"{release}.sql").read_text())
    connection.close()
    return path


def open_(path: Path, warn: Callable[[str], object] = pytest.fail) -> History:
    return History.open(path, clock=SetClock(), warn=warn)


def exported(history: History) -> list[dict[str, Any]]:
    return [json.loads(to_json(history.load(each.id))) for each in history.list()]


def lost(before: Any, after: Any, place: str = "") -> list[str]:
    """Name what `after` has not, or has otherwise; what it has besides does not count."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [each for name in before for each in lost(before[name], after.get(name, "nothing"), f"{place}.{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [each for n, both in enumerate(zip(before, after, strict=True)) for each in lost(*both, f"{place}.{n}")]
    return [] if before == after else [f"{place}: {before!r} is {after!r}"]


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return int(found)


def test_nothing_that_0_1_0_exports_is_lost_or_changed(tmp_path: Path) -> None:
    before = json.loads((RELEASES / "0.1.0.json").read_text())

    with open_(of_release("0.1.0", tmp_path / "history.db")) as history:
        after = exported(history)
        found = [hit.snippet for hit in history.search("pine")]

    assert lost(before, after) == []
    assert [turn["unreadable"] for each in after for turn in each["turns"]] == [None] * 9
    assert found == ["A bristlecone pine — 4,853 years."] * 2


def test_a_conversation_of_0_1_0_goes_on(tmp_path: Path) -> None:
    with open_(of_release("0.1.0", tmp_path / "history.db")) as history:
        conversation = history.load(history.list()[1].id)
        history.finish_turn(
            history.begin_turn(conversation.summary.id, question("Then?"), after=conversation.last),
            answer("Next.", extras=(VendorExtra("anthropic", "m", {"a": [1]}, "here"),), served_model="m-2"),
        )
        turns = history.load(conversation.summary.id).turns

    assert [turn.answer.text for turn in turns][-1] == "Next."
    assert [extra.origin for turn in turns for extra in turn.answer.extras] == ["", "here"]
    assert turns[-1].answer.served_model == "m-2"


def test_what_an_answer_will_hold_needs_no_further_migration(tmp_path: Path) -> None:
    reply = Answer(text="ab", segments=(Segment("p", "m", 0, 1), Segment("q", "n", 1, 2)), seam="clean")
    with open_(tmp_path / "history.db") as history:
        turn = history.begin_turn(history.new_session(), question("q"))
        history._database.write('UPDATE turns SET more = \'{"later": {"a": [1]}, "seam": "old"}\'')
        history.finish_turn(turn, reply)
        history.finish_turn(turn, reply)
        ((stored,),) = history._database.query("SELECT more FROM turns")
        loaded = history.load(history.list()[0].id).turns[0]

    segments = [
        {"provider": "p", "model": "m", "from": 0, "to": 1},
        {"provider": "q", "model": "n", "from": 1, "to": 2},
    ]
    assert json.loads(stored) == {"later": {"a": [1]}, "segments": segments, "seam": "clean"}
    assert loaded.answer == reply
    assert loaded.document["later"] == {"a": [1]}


KILLED = """
import os, signal, sqlite3, sys, time
from pathlib import Path
from fallback_chat.core.conversations.store import History

path, number = Path(sys.argv[1]), int(sys.argv[2])

class Killed(sqlite3.Connection):
    count = 0

    def execute(self, sql, parameters=()):
        Killed.count += 1
        cursor = super().execute(sql, parameters)
        if Killed.count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return cursor

def connect(path, patience):
    return sqlite3.connect(path, timeout=patience, isolation_level=None, factory=Killed)

History.open(path, clock=time.time, warn=print, connect=connect).close()
"""


def test_a_migration_that_is_killed_at_any_statement_leaves_one_version_or_the_other(tmp_path: Path) -> None:
    before = json.loads((RELEASES / "0.1.0.json").read_text())
    seen = set()
    for number in range(1, 100):
        path = of_release("0.1.0", tmp_path / f"{number}.db")
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], cwd=ROOT, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        seen.add(version(path))
        with open_(path) as history:
            assert lost(before, exported(history)) == []
            assert history._database.query("PRAGMA integrity_check") == [("ok",)]

    assert seen == {1, len(MIGRATIONS)}


def by_an_older_program(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MIGRATIONS", MIGRATIONS[:1])


def by_a_newer_program(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("""
        ALTER TABLE turns ADD COLUMN branch INTEGER;
        CREATE TABLE branches (id INTEGER PRIMARY KEY, name TEXT);
        PRAGMA user_version = 99;
    """)
    connection.close()


def below_zero(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = -3")
    connection.close()


def content(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


@pytest.mark.parametrize("opened", [by_an_older_program, by_a_newer_program, below_zero])
def test_what_a_newer_release_wrote_is_read_and_never_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    path = of_release("0.1.0", tmp_path / "history.db")
    with open_(path) as history:
        before = exported(history)
    opened(path, monkeypatch)
    there = content(path)
    said: list[str] = []

    with open_(path, said.append) as history:
        session = history.list()[0].id
        assert exported(history) == before
        assert [hit.session for hit in history.search("pine")] != []
        for change in (
            history.new_session,
            lambda: history.begin_turn(session, question("q")),
            lambda: history.rename(session, "Other"),
            lambda: history.remove(session),
            lambda: history.purge(None),
            lambda: history.fork(session),
            lambda: history.undo(session),
        ):
            with pytest.raises(StorageError, match="a newer fallback-chat wrote it, and this one only reads it"):
                change()
        assert not history.is_kept

    assert said == [f"{path} was written by a newer fallback-chat: it is only read, and nothing is saved"]
    assert content(path) == there
    assert [each.name for each in tmp_path.iterdir() if "broken" in each.name] == []
