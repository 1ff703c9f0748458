"""A connection to an SQLite file, which hears a signal while it waits for a lock."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from fallback_chat.core.storage.locks import wait_until

MEMORY: Final = Path(":memory:")
COMPANIONS: Final = ("-wal", "-shm")
"""The files that SQLite keeps beside the database in WAL mode."""


class _Connection(sqlite3.Connection):
    """Waits for locks by itself."""

    patience = 0.0
    """Seconds."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor = self.cursor()
        busy: list[sqlite3.OperationalError] = []

        def done() -> bool:
            try:
                cursor.execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                busy[:] = [error]
                return False
            return True

        if not wait_until(done, self.patience):
            raise busy[0]
        return cursor


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """Open `path` in autocommit mode, waiting up to `patience` seconds for locks."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, factory=_Connection)
    connection.patience = patience
    return connection


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def as_text(data: bytes) -> str:
    """Return a string of the file, in which invalid UTF-8 becomes lone surrogates.

    One damaged string must not make the rows around it unreadable.
    """
    return data.decode("utf-8", "surrogateescape")
