"""Setting a database aside, and keeping other processes out meanwhile."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from fallback_chat.core.storage.locks import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Identity = tuple[int, int] | None
COMPANIONS: Final = ("-wal", "-shm")
"""The files that SQLite keeps beside the database in WAL mode."""


def identity_of(path: Path) -> Identity:
    """Return what distinguishes a file from another of the same name."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def directory_lock(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep other processes from creating or renaming the file. Raises OSError.

    With `shared`, several may hold the lock at once.
    """
    if os.name == "nt":  # a directory cannot be opened there
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        lock(descriptor, shared=shared)
        yield
    finally:
        os.close(descriptor)


def set_aside(path: Path, identity: Identity, now: float) -> Path | None:
    """Move a database and its companions out of the way, and return the new name.

    Return None if the file is no longer the one with `identity`.
    """
    with directory_lock(path.parent):
        if identity is None or identity_of(path) != identity:
            return None  # another process was quicker, and may have put a fresh file in its place
        kept = _free_name(path, now)
        # The log goes first: it is part of the file, and SQLite deletes a log beside an empty file.
        for suffix in (*COMPANIONS, ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
        return kept


def _free_name(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.name}.broken-{stamp}{more}" for more in chain(("",), (f"-{number}" for number in count(2))))
    return next(kept for kept in map(path.with_name, names) if not kept.exists())
