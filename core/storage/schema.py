"""Bringing a database to today's schema; `PRAGMA user_version` counts its migrations."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Final

from fallback_chat.core.storage.connection import MEMORY, as_text, connect

if TYPE_CHECKING:
    from collections.abc import Sequence

Migration = tuple[str, ...]
"""The statements that lead from one version of a schema to the next."""
_COLUMNS: Final = """
    SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND tables.sql NOT LIKE 'CREATE VIRTUAL%'
"""


class ForeignError(Exception):
    """The file has another schema: a newer release's, or one that no release ever created."""


def prepare(connection: sqlite3.Connection, migrations: Sequence[Migration], *, is_cache: bool = False) -> bool:
    """Bring the schema up to date; return whether it is a newer one, which is left as it is.

    Of a cache, only exactly this release's schema is accepted, and no write waits for the disk.
    Raises `ForeignError`.
    """
    connection.text_factory = as_text
    version = version_of(connection)
    newer = not 0 <= version <= len(migrations)
    if newer and is_cache:
        raise ForeignError(f"a newer fallback-chat wrote it: version {version}, not {len(migrations)}")
    if not newer:
        _check_schema(connection, migrations, is_cache=is_cache)
    for pragma in ("foreign_keys = ON", "secure_delete = ON", f"synchronous = {'OFF' if is_cache else 'NORMAL'}"):
        connection.execute(f"PRAGMA {pragma}")
    if newer:
        connection.execute("PRAGMA query_only = ON")
    elif version < len(migrations):
        if version == 0:
            connection.execute("PRAGMA auto_vacuum = FULL")
            connection.execute("PRAGMA journal_mode = WAL")
        _migrate(connection, migrations)
    # Reads the schema, so that damage to the file's header shows here and not during a chat.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return newer


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated while this one waited for the lock.
        for migration in migrations[version_of(connection) :]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _check_schema(connection: sqlite3.Connection, migrations: Sequence[Migration], *, is_cache: bool) -> None:
    """Raise `ForeignError` unless the tables match the version; a cache holds nothing else."""
    connection.execute("BEGIN")  # all queries see the same moment, whatever another process does
    try:
        version = version_of(connection)
        statements = tuple(chain.from_iterable(migrations[:version]))
        wanted = set(map(str.strip, statements))
        created = {sql.strip() for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
        if version and (created == wanted if is_cache else created >= wanted):
            return  # word for word: making a model takes as long as the rest of opening
        if version and is_cache:
            raise ForeignError("another program has changed its tables")
        there = set(connection.execute(_COLUMNS))
    finally:
        connection.execute("COMMIT")
    if version == 0:
        if there:
            raise ForeignError("it has tables, and no version")
        return
    with closing(connect(MEMORY, 0)) as model:
        for statement in statements:
            model.execute(statement)
        known = set(model.execute(_COLUMNS))
    if not known <= there:
        raise ForeignError(f"it has no {'.'.join(min(known - there))}")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of migrations that the file has been through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
