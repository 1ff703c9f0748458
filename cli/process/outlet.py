"""Standard output and error, written so that a reader that does not read cannot block us.

While a command only computes and prints, a write waits for its reader as usual, and a signal ends
the wait. An event loop must not wait: once there is one, a thread does it
(`cli/process/behind.py`).
"""

from __future__ import annotations

import io
import os
import select
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import IO

    from _typeshed import ReadableBuffer


class Writer(Protocol):
    """Writes data at some later time (`cli/process/behind.py`)."""

    size: int
    """The number of bytes that no reader has taken yet."""

    def put(self, data: bytes) -> None: ...

    def check(self) -> None: ...


def write(fd: int, data: bytes | memoryview) -> int:
    """Write as much as a reader takes, and return how much.

    This waits for the reader even if another program has made their common pipe non-blocking.
    """
    while True:
        try:
            return os.write(fd, data)
        except BlockingIOError:
            select.select([], [fd], [])


class Outlet(io.RawIOBase):
    """Writes to a descriptor; the first failure is raised, and later output is dropped."""

    def __init__(self, fd: int, *, forgiven: bool = False) -> None:
        self._fd = fd
        self._failed = False
        self.forgiven = forgiven
        """Losses here do not matter: the failure of a queue is left to the other stream that uses
        it."""
        self.queue: Writer | None = None
        """Where output goes instead of directly to the descriptor."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write now or later. Raises the OSError of this write or of an earlier one."""
        piece = bytes(data)
        if self._failed:
            return len(piece)
        try:
            if self.queue is None:
                return write(self._fd, piece)
            if not self.forgiven:
                self.queue.check()
            self.queue.put(piece)
        except OSError:
            self._failed = True
            raise
        return len(piece)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return os.isatty(self._fd)


def outlet_of(stream: IO[str]) -> Outlet | None:
    """Return the outlet below a text stream, or None."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Outlet) else None


def waiting(stream: IO[str]) -> int:
    """Return the number of bytes in `stream` that no reader has taken yet."""
    outlet = outlet_of(stream)
    return outlet.queue.size if outlet is not None and outlet.queue is not None else 0
