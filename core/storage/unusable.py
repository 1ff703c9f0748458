"""Why a database is unusable: what SQLite or the system says, with the file and the next step."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fallback_chat.core.storage.connection import is_busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
