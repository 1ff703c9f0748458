"""The shared health records in an SQLite file of the user's.

It holds nothing of a conversation and no key: a provider is named by a hash. It is a cache: a file
that is unreadable or of another version is set aside and a fresh one created. Every query of a turn
uses an index, so that the time it takes does not depend on what others have put there.
"""

from __future__ import annotations

import time
from dataclasses import astuple
from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.breaker import COLUMNS, NOTHING_KNOWN, Health, record_of
from fallback_chat.core.engine.budget import SIZE_CLASSES
from fallback_chat.core.engine.health import MOST_SAMPLES
from fallback_chat.core.engine.policy import DAY
from fallback_chat.core.engine.shared_health import KnownProvider, Label
from fallback_chat.core.storage.connection import connect
from fallback_chat.core.storage.sqlite import open_database, read_only

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from fallback_chat.core.engine.health import HealthChange
    from fallback_chat.core.storage.schema import Migration
    from fallback_chat.core.storage.sqlite import Database

FORGET_AFTER: Final = 30 * DAY
"""Seconds after which an unused provider is dropped."""
BUSY: Final = 0.8
"""Seconds for which a thread waits for the locks of other processes; no user waits as long."""
MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """
        CREATE TABLE health (
            key TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            model TEXT NOT NULL,
            seen REAL NOT NULL,
            state TEXT NOT NULL DEFAULT 'closed',
            reason TEXT,
            since REAL NOT NULL DEFAULT 0,
            until REAL,
            opens INTEGER NOT NULL DEFAULT 0,
            failures INTEGER NOT NULL DEFAULT 0,
            empties INTEGER NOT NULL DEFAULT 0,
            generation INTEGER NOT NULL DEFAULT 0,
            holder TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            size INTEGER NOT NULL,
            seconds REAL NOT NULL
        )
        """,
        "CREATE INDEX samples_of ON samples (key, size)",
    ),
)
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM health WHERE key = ?"  # noqa: S608 - only constants
_SELECT_SOME: Final = f"SELECT key, {', '.join(COLUMNS)} FROM health WHERE key IN ({{}})"  # noqa: S608
_UPDATE: Final = f"UPDATE health SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE key = ?"  # noqa: S608
_INTRODUCE: Final = """
    INSERT INTO health (key, position, name, kind, model, seen) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET (position, name, kind, model, seen)
        = (excluded.position, excluded.name, excluded.kind, excluded.model, excluded.seen)
    WHERE (position, name, kind, model) <> (excluded.position, excluded.name, excluded.kind, excluded.model)
        OR typeof(seen) <> 'real' OR seen <= excluded.seen - ?
"""
_DROP_OLD_SAMPLES: Final = """
    DELETE FROM samples WHERE key = ? AND size = ? AND id NOT IN (
        SELECT id FROM samples WHERE key = ? AND size = ? ORDER BY id DESC LIMIT ?
    )
"""
_LAST_SAMPLES: Final = """
    SELECT key, size, seconds FROM samples WHERE key IN ({}) ORDER BY key DESC, size DESC, id DESC LIMIT ?
"""
_SELECT_ALL: Final = f"SELECT key, name, kind, model, {', '.join(COLUMNS)} FROM health ORDER BY position, name"  # noqa: S608


class SqliteBackend:
    """Keeps the records of the providers in `labels`, which are given by key, in the file `path`.

    The file is opened, or created, on first use. Raises `StorageError`.
    """

    def __init__(
        self,
        path: Path,
        labels: Mapping[str, Label],
        *,
        clock: Callable[[], float] = time.time,
        connect: Callable[[Path, float], sqlite3.Connection] = connect,
    ) -> None:
        self._path = path
        self._labels = labels
        self._clock = clock
        self._connect = connect
        self._database: Database | None = None
        self.notes: list[str] = []

    def load(self, keys: Iterable[str]) -> dict[str, Health]:
        """Return the existing records of `keys`; malformed ones count as missing."""
        keys = tuple(keys)
        rows = self._open().query(_SELECT_SOME.format(_marks(keys)), *keys)
        found = {key: record_of(record) for key, *record in rows}
        return {key: health for key, health in found.items() if health is not None}

    def samples(self, keys: Iterable[str]) -> list[tuple[str, int, float]]:
        """Return the first-content times of `keys`, the oldest first."""
        keys = tuple(keys)
        most = len(keys) * (len(SIZE_CLASSES) + 1) * MOST_SAMPLES
        rows = self._open().query(_LAST_SAMPLES.format(_marks(keys)), *keys, most)
        return [
            (key, size, seconds)
            for key, size, seconds in reversed(rows)
            if isinstance(size, int) and isinstance(seconds, float) and seconds >= 0
        ]

    def add_samples(self, samples: Iterable[tuple[str, int, float]]) -> None:
        """Add first-content times in one transaction, and drop those no longer needed."""
        samples = tuple(samples)
        with self._open().transaction() as connection:
            connection.executemany("INSERT INTO samples (key, size, seconds) VALUES (?, ?, ?)", samples)
            for key, size in {(key, size) for key, size, _ in samples}:
                self._introduce(connection, key)
                connection.execute(_DROP_OLD_SAMPLES, (key, size, key, size, MOST_SAMPLES))

    def update(self, key: str, change: HealthChange) -> Health:
        """Replace a record by `change(record)` in one transaction; return the result."""
        with self._open().transaction() as connection:
            rows = connection.execute(_SELECT, (key,)).fetchall()
            before = (record_of(rows[0]) if rows else None) or NOTHING_KNOWN
            after = change(before)
            if after != before:
                self._introduce(connection, key)
                connection.execute(_UPDATE, (*astuple(after), key))
        return after

    def close(self) -> None:
        """Release the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> Database:
        if self._database is None:
            self._database = open_database(
                self._path,
                MIGRATIONS,
                patience=BUSY,
                clock=self._clock,
                warn=self.notes.append,
                connect=self._connect,
                is_cache=True,
            )
        return self._database

    def _introduce(self, connection: sqlite3.Connection, key: str) -> None:
        """Make sure that there is a row for `key`; once a day, forget the providers nobody uses.

        Reading adds nothing: a provider is in the file because something is known of it.
        """
        now = self._clock()
        if connection.execute(_INTRODUCE, (key, *self._labels[key], now, DAY)).rowcount:
            connection.execute("DELETE FROM health WHERE seen < ?", (now - FORGET_AFTER,))
            connection.execute("DELETE FROM samples WHERE key NOT IN (SELECT key FROM health)")


def known_providers(path: Path) -> tuple[KnownProvider, ...]:
    """Return every provider in the store, or none if there is no file. Raises `StorageError`."""
    with read_only(path) as connection:
        rows = [] if connection is None else connection.execute(_SELECT_ALL).fetchall()
    known = ((key, name, kind, model, record_of(record)) for key, name, kind, model, *record in rows)
    return tuple(
        KnownProvider(key, name, kind, model, health)
        for key, name, kind, model, health in known
        if health is not None and all(isinstance(text, str) for text in (key, name, kind, model))
    )


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
