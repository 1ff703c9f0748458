"""Writing outside the event loop: one thread per reader, with limits on what is pending.

A process has one `Behind`. A producer without end asks it for `room`, and the process does not end
before it is empty.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.outlet import outlet_of, write
from fallback_chat.core.storage.files import naming

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fallback_chat.cli.process.outlet import Outlet

MOST: Final = 16 << 20
"""Bytes pending for one reader before production pauses; recording is not delayed."""
MOST_ON_SCREEN: Final = 1 << 20
"""Bytes pending for a terminal: all of them precede the response to a key."""
ENOUGH: Final = 1 / 4
"""Share of the limit at which production resumes."""
SLICE: Final = 1 << 14
"""Bytes per write: a blocked write only tells what its reader has taken once it is done."""
NO_READER: Final = 0.1
"""Seconds without progress after which a program ended by a signal considers its reader absent."""
_NOT_KNOWN: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ESPIPE)
"""The error codes of terminals and older kernels, which do not support it."""
LAST_WORD: Final = 1.0
"""Total time in seconds to wait for a slow reader."""


class Behind:
    """The pending output of all readers.

    `changed` guards it and its queues, and is notified of every change.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.size = 0
        """Bytes."""
        self.full = False
        """Whether one of the queues is at its limit."""
        self.begun = False
        """Whether the standard streams are written this way."""
        self._queues: list[Queue] = []
        self._producers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def begin(self) -> None:
        """Write standard output and error this way from now on."""
        if self.begun:
            return
        self.begun = True
        places: dict[object, Queue] = {}
        for outlet in filter(None, map(outlet_of, (sys.stdout, sys.stderr))):
            place = _place(outlet.fileno())
            if place is None:
                continue  # a file, which never blocks
            # If both lead to one terminal, the order has to be kept.
            if place not in places:
                places[place] = self._new_queue(outlet)
            outlet.queue = places[place]

    def deliver(self, path: Path, data: bytes) -> None:
        """Write to a pipe or device that the user named, as soon as it has a reader."""
        self.add(Queue(self, partial(_opened, path), most=inf, once=True)).put(data)

    def add(self, queue: Queue) -> Queue:
        """Watch over a queue, and return it."""
        self._queues.append(queue)
        return queue

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
        """Wait until everything is written.

        This takes as long as it takes; if `hasty`, a moment, as long as readers make progress, or
        have room and the threads have not yet been given a processor.
        """
        end = time.monotonic() + LAST_WORD
        with self.changed:
            while self.size and not (hasty and time.monotonic() > end):
                if not self.changed.wait(NO_READER if hasty else None) and not any(
                    queue.has_room for queue in self._queues
                ):
                    break

    def check(self) -> None:
        """Raise the OSError of a queue."""
        for queue in self._queues:
            if not queue.forgiven:
                queue.check()

    def grow(self, count: int) -> None:
        """Add to the pending bytes, or subtract if negative. `changed` must be held."""
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
        queue = Queue(self, partial(_kept_open, fd), most=MOST_ON_SCREEN if outlet.isatty() else MOST, fd=fd)
        queue.forgiven = outlet.forgiven
        queue.eager = fd if hasattr(os, "RWF_NOWAIT") else None
        return self.add(queue)


class Queue:
    """The pending output for one reader, in order.

    `opened` returns its descriptor, called in the thread; `fd` is that, if it is open already. With
    `once` the queue ends when it is empty.
    """

    def __init__(
        self,
        behind: Behind,
        opened: Callable[[], AbstractContextManager[int]],
        *,
        most: float,
        once: bool = False,
        fd: int | None = None,
    ) -> None:
        self._behind = behind
        self._opened = opened
        self._most = most
        self._once = once
        self._fd = fd
        self.full = False
        self.forgiven = False
        """Whether its failures are ignored."""
        self.eager: int | None = None
        """The descriptor, while output that does not block may be written at once."""
        self._pieces: deque[bytes] = deque()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._told = False
        self.size = 0
        """Bytes."""

    def put(self, data: bytes) -> None:
        """Write a piece, at once if that cannot block; after a failure, drop it.

        Raises the OSError of an immediate write.
        """
        if self.eager is not None and not self.size and self._error is None:
            data = data[self._written_at_once(self.eager, data) :]
            if not data:
                return
        with self._behind.changed:
            if self._error is not None:
                return  # anything after a failure would leave a gap
            self._pieces.append(data)
            self._count(len(data))
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, daemon=True)
                self._thread.start()

    @property
    def has_room(self) -> bool:
        """Whether something is pending that the reader has room for."""
        return self.size > 0 and self._fd is not None and bool(select.select([], [self._fd], [], 0)[1])

    def check(self) -> None:
        """Raise the OSError of an earlier piece, once."""
        if self._error is not None and not self._told:
            self._told = True
            raise self._error

    def _written_at_once(self, fd: int, data: bytes) -> int:
        """Write as much as a reader has room for, which is the usual way; return how much."""
        try:
            # Only this call must not block: O_NONBLOCK would affect every program that shares the
            # pipe.
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
            written = write(fd, data[:SLICE])
            data = data[written:]
            with self._behind.changed:
                self._count(-written)

    def _count(self, count: int) -> None:
        self.size += count
        self.full = self.size > self._most * (ENOUGH if self.full else 1)
        self._behind.full |= self.full
        self._behind.grow(count)


def _place(fd: int) -> tuple[int, int, int] | None:
    """Return a key for the place that a descriptor leads to; None for a file."""
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
