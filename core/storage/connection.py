"""A connection to an SQLite file: it hears a signal while it waits, and says what went wrong.

That is what SQLite or the system says, with the file and the next step.
"""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.storage.locks import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY: Final = Path(":memory:")
COMPANIONS: Final = ("-wal", "-shm")
"""The files that SQLite keeps beside the database in WAL mode."""
_SPACE: Final = "free some space"
_ACCESS: Final = "check the permissions of the file and its folder"
_AWAY: Final = "move it away"
_BY_CODE: Final = {
    sqlite3.SQLITE_FULL: _SPACE,
    sqlite3.SQLITE_IOERR: "is the disk full, or failing?",
    sqlite3.SQLITE_READONLY: _ACCESS,
    sqlite3.SQLITE_CANTOPEN: _ACCESS,
    sqlite3.SQLITE_PERM: _ACCESS,
    sqlite3.SQLITE_CORRUPT: _AWAY,
    sqlite3.SQLITE_NOTADB: _AWAY,
    # No statement of ours fails in tables of ours: another program's file, or somebody's triggers.
    sqlite3.SQLITE_ERROR: _AWAY,
    sqlite3.SQLITE_CONSTRAINT: _AWAY,
}
"""The next step by SQLite's primary result code."""
_BY_ERRNO: Final = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _ACCESS,
    errno.EPERM: _AWAY,
    errno.EINVAL: _AWAY,
    errno.EISDIR: _AWAY,
    errno.ELOOP: _AWAY,
}
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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


class StorageError(OSError):
    """A database is unusable: no permission, no space, locked for too long, damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EIO, reason, str(path))


class LockedError(StorageError):
    """Another process holds the lock, so that the same may work later."""


def reason(error: sqlite3.Error | OSError) -> str:
    """Return what failed, with the next step in brackets if there is one."""
    said = getattr(error, "strerror", None) or str(error)
    step = _BY_ERRNO.get(error.errno or 0) if isinstance(error, OSError) else _BY_CODE.get(_code(error) & 0xFF)
    return f"{said} ({step})" if step else said


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged; a search index is only a copy, and does not count."""
    return _code(error) & 0xFF in _DAMAGE and _code(error) != sqlite3.SQLITE_CORRUPT_VTAB


@contextmanager
def as_storage_error(path: Path) -> Iterator[None]:
    """Raise every failure in the block as `StorageError`, a lock as `LockedError`."""
    try:
        yield
    except StorageError:
        raise
    except BlockingIOError as error:
        raise LockedError(path, reason(error)) from error
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.Error) and is_busy(error):
            raise LockedError(path, str(error)) from error
        raise StorageError(path, reason(error)) from error


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0)
