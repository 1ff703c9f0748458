"""The providers' health in SQLite, shared between processes: a dead provider costs one time-out for a whole shell loop.

Nothing of a conversation is in it, and no key: a provider is named by a hash. A store that cannot be used is said once, and each
process keeps its own records from then on.
"""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.config.keys import fingerprint
from fallback_chat.core.engine.breaker import Health, State
from fallback_chat.core.engine.health import MemoryHealthStore
from fallback_chat.core.storage.sqlite import StorageError, connect, open_database, read_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.storage.sqlite import Database, Migration

PATIENCE: Final = 0.25
"""Seconds to wait for another process; the user is waiting, too."""
DAY: Final = 86_400.0
FORGET_AFTER: Final = 30 * DAY
"""Seconds after which a provider that nobody has used is dropped."""
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
            generation INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID
        """,
    ),
)
_COLUMNS: Final = tuple(field.name for field in fields(Health))
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM health WHERE key = ?"  # noqa: S608 - only constants
_UPDATE: Final = f"UPDATE health SET {', '.join(f'{column} = ?' for column in _COLUMNS)} WHERE key = ?"  # noqa: S608
_SELECT_ALL: Final = f"SELECT name, kind, model, {', '.join(_COLUMNS)} FROM health ORDER BY position, name"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Label:
    """How a provider is called in `status`; position is that in the chain."""

    position: int
    name: str
    kind: str
    model: str


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """One provider of the store."""

    name: str
    kind: str
    model: str
    health: Health


def health_key(provider: ProviderSettings, api_key: str | None) -> str:
    """Name the record of a provider: the same wherever kind, base URL, model and key are the same."""
    return fingerprint(provider.kind, provider.base_url, provider.model, api_key)


class SqliteHealthStore:
    """A `HealthStore` in the file `path` for the providers of `labels`, which are given by their keys.

    Other keys stay in this process; so does everything once the file has failed, which is told to `warn`.
    """

    def __init__(
        self,
        path: Path,
        labels: Mapping[str, Label],
        *,
        clock: Callable[[], float],
        warn: Callable[[str], object],
        connect: Callable[[Path, float], sqlite3.Connection] = connect,
    ) -> None:
        self._warn = warn
        self._labels = labels
        self._memory = MemoryHealthStore()
        self._database: Database | None = None
        try:
            self._database = open_database(path, MIGRATIONS, patience=PATIENCE, clock=clock, warn=warn, connect=connect)
            _introduce(self._database, labels, clock())
        except StorageError as error:
            self._degrade(error)

    def read(self, key: str) -> Health:
        """Give the record of `key`."""
        if self._database is not None and key in self._labels:
            try:
                health = _read(self._database.query(_SELECT, key))
            except StorageError as error:
                self._degrade(error)
            else:
                self._memory.update(key, lambda _: health)
        return self._memory.read(key)

    def update(self, key: str, change: Callable[[Health], Health]) -> tuple[Health, Health]:
        """Replace the record of `key` by `change(record)`, which may be called twice; one that stays as it is costs no write."""
        before = self.read(key)
        after = change(before)
        if self._database is not None and key in self._labels and after != before:
            try:
                before, after = _replace(self._database, key, change)
            except StorageError as error:
                self._degrade(error)
        self._memory.update(key, lambda _: after)
        return before, after

    def close(self) -> None:
        """Release the file."""
        if self._database is not None:
            self._database.close()

    def _degrade(self, error: StorageError) -> None:
        self.close()
        self._database = None
        self._warn(f"providers' health is not shared with other processes: {error.filename}: {error.strerror}")


def known_providers(path: Path) -> tuple[KnownProvider, ...]:
    """Give every provider of the store as it stands; none when there is no file. Raises `StorageError`."""
    if not path.exists():
        return ()
    try:
        with read_only(path) as connection:
            rows = connection.execute(_SELECT_ALL).fetchall()
    except (sqlite3.Error, OSError) as error:
        raise StorageError(path, getattr(error, "strerror", None) or str(error)) from error
    return tuple(KnownProvider(name, kind, model, _health(record)) for name, kind, model, *record in rows)


def _replace(database: Database, key: str, change: Callable[[Health], Health]) -> tuple[Health, Health]:
    with database.transaction() as connection:
        before = _read(connection.execute(_SELECT, (key,)).fetchall())
        after = change(before)
        connection.execute(_UPDATE, (*astuple(after), key))
    return before, after


def _introduce(database: Database, labels: Mapping[str, Label], now: float) -> None:
    """Make a record for each provider; at most once a day, so that most runs only read."""
    rows = database.query("SELECT key, position, name, kind, model FROM health WHERE seen > ?", now - DAY)
    fresh = {key: Label(*label) for key, *label in rows}
    missing = {key: label for key, label in labels.items() if fresh.get(key) != label}
    if not missing:
        return
    with database.transaction() as connection:
        connection.executemany(
            """
            INSERT INTO health (key, position, name, kind, model, seen) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET (position, name, kind, model, seen)
                = (excluded.position, excluded.name, excluded.kind, excluded.model, excluded.seen)
            """,
            [(key, *astuple(label), now) for key, label in missing.items()],
        )
        connection.execute("DELETE FROM health WHERE seen < ?", (now - FORGET_AFTER,))


def _read(rows: list[Any]) -> Health:
    return _health(rows[0]) if rows else Health()


def _health(columns: Sequence[Any]) -> Health:
    state, *rest = columns
    return Health(State(state), *rest)
