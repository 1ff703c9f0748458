"""Waiting for a lock that another process holds: in steps, so that a signal is heard meanwhile.

SQLite's own wait and that of `flock` hear none, and the latter has no end.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where files are not locked
    fcntl = None  # type: ignore[assignment]

PATIENCE: Final = 10.0
"""Seconds to wait for a file lock, which is held for milliseconds."""
MOMENT: Final = 0.02
"""Seconds."""
STEP: Final = 0.005
"""Seconds between two attempts."""
_most: Final[ContextVar[float]] = ContextVar("most", default=inf)
"""Seconds that this thread waits at most."""
_hurried: Final = threading.Event()


def hurry() -> None:
    """Wait for no lock from now on, because the program is ending: one attempt has to do."""
    _hurried.set()


def is_hurried() -> bool:
    """Whether the program is ending."""
    return _hurried.is_set()


@contextmanager
def briefly() -> Iterator[None]:
    """Wait only a moment for each lock in this block, whose work can be done later."""
    before = _most.set(MOMENT)
    try:
        yield
    finally:
        _most.reset(before)


def wait_until(free: Callable[[], bool], patience: float) -> bool:
    """Call `free` until it returns true, for `patience` seconds; return whether it did."""
    end = time.monotonic() + min(patience, _most.get())
    while not free():
        if time.monotonic() >= end or _hurried.wait(STEP):
            return False
    return True


def lock(descriptor: int, *, shared: bool = False, patience: float = PATIENCE) -> None:
    """Lock an open file, or a directory, until it is closed. Raises OSError.

    With `shared`, several may hold the lock at once.
    """
    if fcntl is None:
        return
    mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB

    def taken() -> bool:
        try:
            fcntl.flock(descriptor, mode)
        except BlockingIOError:
            return False
        return True

    if not wait_until(taken, patience):
        raise OSError(errno.EAGAIN, "another process keeps it locked")


@contextmanager
def directory_lock(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep other processes from creating or renaming files in a directory. Raises OSError.

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
