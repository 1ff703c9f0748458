"""The state of a path: its kind, its mode, and its problem. Nothing is opened."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.storage.files import is_a_strangers

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class Look(NamedTuple):
    """The finding about a path."""

    path: str
    kind: str
    """`file`, `folder`, `link`, `pipe`, `socket`, `device`, `missing` or `unreadable`."""
    mode: str | None = None
    """Four octal digits."""
    size: int | None = None
    problem: str | None = None
    """The problem, and what to do about it."""


def look_at(path: Path, *, folder: bool = False) -> Look:
    """Look at one of the program's own files, or at a folder of them."""
    name = str(path)
    try:
        found = path.lstat()
        target = path.stat() if stat.S_ISLNK(found.st_mode) else found
    except FileNotFoundError:
        return Look(name, "missing")
    except OSError as error:
        return Look(name, "unreadable", problem=f"{error.strerror}: correct the permissions of its folder")
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "unknown")
    size = None if folder else target.st_size
    return Look(name, kind, f"{stat.S_IMODE(target.st_mode):04o}", size, _problem(path, target, folder=folder))


def _problem(path: Path, target: os.stat_result, *, folder: bool) -> str | None:
    wanted = "folder" if folder else "file"
    if (kind := _KINDS.get(stat.S_IFMT(target.st_mode), "unknown")) != wanted:
        return f"it is a {kind} instead of a {wanted}: move it away"
    if is_a_strangers(path, target):
        follows = ", who can replace what is in it" if folder else ": it is not used"
        return f"it belongs to user {target.st_uid}{follows}"
    # In a folder with the sticky bit, nobody can replace another user's files.
    risky = 0 if folder and target.st_mode & stat.S_ISVTX else 0o022 if folder else 0o077
    if os.name == "posix" and target.st_mode & risky:
        return f"others have access: chmod {'go-w' if folder else '600'} {path}"
    return None
