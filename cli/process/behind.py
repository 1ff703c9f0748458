"""Writing behind the event loop's back: for each reader a thread waits, and what waits for all of them is bounded.

There is one `Behind` in a process. Whoever produces without end asks it for `room`, and the process is not left before it is empty.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.outlet import outlet_of
from fallback_chat.core.storage.files import naming

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fallback_chat.cli.process.outlet import Outlet

MOST: Final = 16 << 20
"""Bytes that may wait for one reader before no more is produced; what is recorded does not wait with them."""
MOST_ON_SCREEN: Final = 1 << 20
"""Bytes that may wait for a terminal: all of them come before the answer to a key."""
ENOUGH: Final = 1 / 4
"""Share of them that still waits when more is produced again."""
SLICE: Final = 1 << 14
"""Bytes of one write: one that waits tells nothing of what its reader has taken before it is done."""
NO_READER: Final = 0.1
"""Seconds without progress after which a program that a signal ends takes its reader for absent."""
_NOT_KNOWN: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ESPIPE)
"""What the system says that cannot do so: terminals and older kernels."""
LAST_WORD: Final = 1.0
"""Seconds that it waits for a slow reader, all in all."""


class Behind:
    """What waits for readers. `changed` guards it and all its queues, and is notified of every change."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.size = 0
        """Bytes."""
        self.full = False
        """One of the queues has as much as it may have."""
        self.begun = False
        """The standard streams are written this way."""
        self._queues: list[Queue] = []
        self._producers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def begin(self) -> None:
        """Have standard output and error written this way, from now to the end of the process."""
        if self.begun:
            return
        self.begun = True
        places: dict[object, Queue] = {}
        for outlet in filter(None, map(outlet_of, (sys.stdout, sys.stderr))):
            place = _place(outlet.fileno())
            if place is None:
                continue  # a file, which makes nobody wait
            # Where both lead to one terminal, what is said first must come first.
            if place not in places:
                places[place] = self._new_queue(outlet)
            outlet.queue = places[place]

    def deliver(self, path: Path, data: bytes) -> None:
        """Write to a pipe or a device that the user named, as soon as it has a reader."""
        queue = Queue(self, partial(_opened, path), most=inf, once=True)
        self._queues.append(queue)
        queue.put(data)

    async def room(self) -> None:
        """Wait until there is room for more."""
        from asyncio import get_running_loop

        with self.changed:
            if not self.full:
                return
            loop = get_running_loop()
            producer = loop.create_future()
            self._producers.append((loop, producer))
        await producer

    def wait(self, *, hasty: bool = False) -> None:
        """Wait until everything is written: as long as it takes, or, if `hasty`, a moment, while readers take something."""
        end = time.monotonic() + LAST_WORD
        with self.changed:
            while self.size and not (hasty and time.monotonic() > end):
                if not self.changed.wait(NO_READER if hasty else None):
                    break

    def check(self) -> None:
        """Raise the OSError that a queue met with."""
        for queue in self._queues:
            if not queue.forgiven:
                queue.check()

    def grow(self, count: int) -> None:
        """Count bytes that wait, or, if negative, no longer do. `changed` is held."""
        self.size += count
        if self.full and not any(queue.full for queue in self._queues):
            self.full = False
            producers, self._producers = self._producers, []
            for loop, producer in producers:
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(_resume, producer)
        self.changed.notify_all()

    def _new_queue(self, outlet: Outlet) -> Queue:
        fd = outlet.fileno()
        queue = Queue(self, partial(_kept_open, fd), most=MOST_ON_SCREEN if outlet.isatty() else MOST)
        queue.forgiven = outlet.forgiven
        queue.eager = fd if hasattr(os, "RWF_NOWAIT") else None
        self._queues.append(queue)
        return queue


class Queue:
    """What waits for one reader, in order; `opened` gives its descriptor, in the thread. One that is there for `once` ends then."""

    def __init__(
        self, behind: Behind, opened: Callable[[], AbstractContextManager[int]], *, most: float, once: bool = False
    ) -> None:
        self._behind = behind
        self._opened = opened
        self._most = most
        self._once = once
        self.full = False
        self.forgiven = False
        """Its failures are not told."""
        self.eager: int | None = None
        """The descriptor, as long as what can be written without waiting may be written at once."""
        self._pieces: deque[bytes] = deque()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._told = False
        self.size = 0
        """Bytes."""

    def put(self, data: bytes) -> None:
        """Write a piece, or have it written where that could mean to wait; after a failure, drop it. Raises OSError at once."""
        if self.eager is not None and not self.size and self._error is None:
            data = data[self._written_at_once(self.eager, data) :]
            if not data:
                return
        with self._behind.changed:
            if self._error is not None:
                return  # what comes after a failure would be a text with a hole
            self._pieces.append(data)
            self._count(len(data))
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, daemon=True)
                self._thread.start()

    def check(self) -> None:
        """Raise the OSError that a piece met with, once."""
        if self._error is not None and not self._told:
            self._told = True
            raise self._error

    def _written_at_once(self, fd: int, data: bytes) -> int:
        """Write as much as a reader has room for, which is how most is written, and return how much that is."""
        try:
            # Only this call does not wait: O_NONBLOCK would hold for every program that shares the pipe.
            return os.pwritev(fd, [data], -1, os.RWF_NOWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno not in _NOT_KNOWN:
                raise
            self.eager = None
            return 0

    def _write_all(self) -> None:
        while self._error is None:
            with self._behind.changed:
                self._behind.changed.wait_for(lambda: self._pieces)
                data = memoryview(b"".join(self._pieces))
                self._pieces.clear()
            try:
                with self._opened() as fd:
                    self._write(fd, data)
            except OSError as error:
                with self._behind.changed:
                    self._error = error
                    self._pieces.clear()
                    self._count(-self.size)
            if self._once:
                return

    def _write(self, fd: int, data: memoryview) -> None:
        while data:
            written = os.write(fd, data[:SLICE])
            data = data[written:]
            with self._behind.changed:
                self._count(-written)

    def _count(self, count: int) -> None:
        self.size += count
        self.full = self.size > self._most * (ENOUGH if self.full else 1)
        self._behind.full |= self.full
        self._behind.grow(count)


def _place(fd: int) -> tuple[int, int, int] | None:
    """Return what tells where a descriptor leads from where others do; None for a file."""
    found = os.fstat(fd)
    return None if stat.S_ISREG(found.st_mode) else (found.st_dev, found.st_ino, found.st_rdev)


@contextmanager
def _kept_open(fd: int) -> Iterator[int]:
    yield fd


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with naming(path), path.open("wb", buffering=0) as file:
        yield file.fileno()


def _resume(producer: asyncio.Future[None]) -> None:
    if not producer.done():
        producer.set_result(None)


BEHIND: Final = Behind()
