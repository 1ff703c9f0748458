"""Setting a database aside."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count
from typing import TYPE_CHECKING

from fallback_chat.core.storage.connection import COMPANIONS
from fallback_chat.core.storage.files import identity_of
from fallback_chat.core.storage.locks import directory_lock

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.core.storage.files import Identity


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
