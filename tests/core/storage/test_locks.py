"""Waiting for locks of other processes, and giving up."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.storage import locks
from fallback_chat.core.storage.connection import StorageError, connect
from fallback_chat.core.storage.locks import directory_lock
from fallback_chat.core.storage.sqlite import Database
from tests.core.conversations.fakes import SetClock
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

NEVER = 100 * PATIENCE


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what a signal sets, without an effect on other tests."""
    event = threading.Event()
    monkeypatch.setattr(locks, "_hurried", event)
    return event


def test_the_wait_ends_once_the_lock_is_free_or_patience_is_over() -> None:
    answers = iter([False, False, True])

    assert locks.wait_until(lambda: next(answers), NEVER)
    assert not locks.wait_until(lambda: False, 0.0)
    with locks.briefly():
        assert not locks.wait_until(lambda: False, NEVER)


def test_whoever_hurries_still_tries_once(hurried: threading.Event) -> None:
    locks.hurry()

    assert hurried.is_set()
    assert locks.wait_until(lambda: True, NEVER)
    assert not locks.wait_until(lambda: False, NEVER)


def test_the_wait_for_a_database_ends_in_a_hurry(tmp_path: Path, hurried: threading.Event) -> None:
    path = tmp_path / "a.db"
    with closing(connect(path, 0)) as other, Database(connect(path, NEVER), path, None, SetClock()) as database:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0, hurried.set).start()

        with pytest.raises(StorageError, match="locked"):
            database.write("CREATE TABLE one (a)")

        other.execute("ROLLBACK")
        database.write("CREATE TABLE one (a)")


def test_the_wait_for_a_folder_ends_in_a_hurry(tmp_path: Path, hurried: threading.Event) -> None:
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        threading.Timer(0, hurried.set).start()

        with pytest.raises(OSError, match="another process keeps it locked"), directory_lock(tmp_path):
            pytest.fail("it is locked")
    finally:
        os.close(holder)
    with directory_lock(tmp_path), directory_lock(tmp_path.parent, shared=True):
        pass
