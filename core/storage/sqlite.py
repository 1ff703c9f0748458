"""An SQLite file that is private, versioned and shared by processes.

An unreadable file is set aside, never overwritten.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self

from fallback_chat.core.storage.connection import (
    COMPANIONS,
    MEMORY,
    LockedError,
    StorageError,
    as_storage_error,
    as_text,
    connect,
    is_busy,
    is_damage,
    reason,
)
from fallback_chat.core.storage.files import check_own, identity_of, make_private_dir
from fallback_chat.core.storage.locks import directory_lock, wait_until
from fallback_chat.core.storage.schema import ForeignError, prepare, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fallback_chat.core.storage.files import Identity
    from fallback_chat.core.storage.schema import Migration

_READERS: Final = 1.0
"""Seconds to wait for those who read the write-ahead log, so that it can be emptied."""


class _UnusableError(StorageError):
    """This file will never work, however often it is tried: damaged, or of a newer version."""

    def __init__(self, path: Path, reason: str, identity: Identity) -> None:
        super().__init__(path, reason)
        self.identity = identity


def open_in_memory(migrations: Sequence[Migration], *, clock: Callable[[], float]) -> Database:
    """Open a database without a file."""
    connection = connect(MEMORY, 0)
    prepare(connection, migrations)
    return Database(connection, MEMORY, None, clock)


class Database:
    """An open file.

    Every SQLite failure is raised as `StorageError`; a file found damaged is set aside.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        identity: Identity,
        clock: Callable[[], float],
        *,
        read_only: bool = False,
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._clock = clock
        self.path = path
        self.read_only = read_only
        """A newer release wrote it."""

    @property
    def in_memory(self) -> bool:
        """Whether it has no file."""
        return self.path == MEMORY

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of one statement."""
        with self._translated():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock for a block: all of it is stored, or nothing."""
        if self.read_only:
            raise StorageError(self.path, "a newer fallback-chat wrote it, and this one only reads it")
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back when the disk is full.
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def write(self, sql: str, *values: Any) -> None:
        """Run one statement in its own transaction."""
        with self.transaction() as connection:
            connection.execute(sql, values)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, unless others are reading."""

        def emptied() -> bool:
            return not self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

        with suppress(sqlite3.Error):
            wait_until(emptied, _READERS)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_busy(error):
                raise LockedError(self.path, str(error)) from error
            kept = _set_aside(self.path, self._identity, self._clock()) if is_damage(error) else None
            raise StorageError(self.path, f"{error}; it is kept as {kept.name}" if kept else reason(error)) from error


def open_database(  # noqa: PLR0913 - time, warnings and SQLite itself are passed in
    path: Path,
    migrations: Sequence[Migration],
    *,
    patience: float,
    clock: Callable[[], float],
    warn: Callable[[str], object],
    connect: Callable[[Path, float], sqlite3.Connection] = connect,
    is_cache: bool = False,
) -> Database:
    """Open `path`, created with mode 0600 if missing, and bring its schema up to date.

    A damaged file is renamed and a new one created. One of a newer version is only read, unless it
    `is_cache`: that is worth neither keeping nor waiting for the disk, and is replaced unless its
    schema is exactly this release's. `warn` receives a message. Raises `StorageError`.
    """

    def locked() -> Database:
        # SQLite reports "locked" at once, without patience, if two processes switch a new file to
        # WAL mode; and no file may be set aside while another process opens it.
        with directory_lock(path.parent, shared=not is_new(path)):
            return _open(path, migrations, clock, lambda: connect(path, patience), is_cache=is_cache)

    with as_storage_error(path):
        make_private_dir(path.parent)
        try:
            database = locked()
        except _UnusableError as error:
            if kept := _set_aside(path, error.identity, clock()):
                warn(f"{path} cannot be used ({error.strerror}): it is kept as {kept.name}, and a new file is begun")
            database = locked()
    if database.read_only:
        warn(f"{path} was written by a newer fallback-chat: it is only read, and nothing is saved")
    return database


def _open(
    path: Path,
    migrations: Sequence[Migration],
    clock: Callable[[], float],
    connect: Callable[[], sqlite3.Connection],
    *,
    is_cache: bool,
) -> Database:
    _make_private(path)
    # Taken before opening: by the time it fails, another process may have put a good file in its
    # place.
    identity = identity_of(path)
    connection = connect()
    try:
        newer = prepare(connection, migrations, is_cache=is_cache)
    except BaseException as error:
        connection.close()
        if isinstance(error, ForeignError) or (isinstance(error, sqlite3.Error) and is_damage(error)):
            raise _UnusableError(path, str(error), identity) from error
        raise
    return Database(connection, path, identity, clock, read_only=newer)


def _set_aside(path: Path, identity: Identity, now: float) -> Path | None:
    from fallback_chat.core.storage.aside import set_aside  # nearly every file is good

    return set_aside(path, identity, now)


def _make_private(path: Path) -> None:
    """Create the file before SQLite does, which would leave its mode to the umask.

    The log inherits the mode.
    """
    _check(path)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        for suffix in ("", *COMPANIONS):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).chmod(0o600)


def _check(path: Path) -> None:
    """Raise OSError unless SQLite can safely open the file and its companions."""
    for suffix in ("", *COMPANIONS, "-journal"):
        with suppress(FileNotFoundError):
            check_own(path.with_name(path.name + suffix), follow=True)


def is_new(path: Path) -> bool:
    """Whether nothing has been written to the file yet, or there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a database for reading, or return None if nothing has been stored yet.

    Nothing is created or changed. Every failure in the `with` block is raised as `StorageError`.
    """
    with as_storage_error(path):
        if not path.exists():
            yield None
            return
        _check(path)
        how = "mode=ro&immutable=1" if _is_at_rest(path) else "mode=ro"
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=0.1)) as connection:
            connection.text_factory = as_text
            # Whoever created the file may have been killed, or found the disk full.
            yield connection if version_of(connection) else None


def _is_at_rest(path: Path) -> bool:
    """Whether a file cannot change while it is read: it has no log, and nobody here can begin one.

    SQLite would create a log even to read, which fails in a read-only folder.
    """
    return not any(path.with_name(path.name + suffix).exists() for suffix in COMPANIONS) and not os.access(
        path.parent, os.W_OK
    )
