"""Standard input of `ask`, read beside the event loop.

So a signal or a deadline can end the wait.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

PATIENCE: Final = 2.0
"""Seconds after which the user is told about the wait."""
WAITING: Final = "waiting for standard input to end: close it, or use --no-stdin"


def is_piped(fd: int = 0) -> bool:
    """Whether standard input should be read to its end.

    That is a pipe, a file or a socket, but not a terminal or a device.
    """
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


async def read_to_end(
    most: int, tell: Callable[[str], object], *, stream: BinaryIO | None = None, patience: float = PATIENCE
) -> bytes:
    """Read standard input to its end, or up to `most` bytes. Raises OSError.

    `tell` receives a message if nothing arrives for `patience` seconds.
    """
    source = stream or sys.stdin.buffer
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, error: OSError | None) -> None:
        if reading.done():
            return
        if error is None:
            reading.set_result(data)
        else:
            reading.set_exception(error)

    def read() -> None:
        data, failure = b"", None
        try:
            data = source.read(most)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(settle, data, failure)

    # A thread, because a non-blocking pipe would be so for every process that shares it.
    Thread(target=read, name="standard input", daemon=True).start()
    told = False
    while not (await asyncio.wait([reading], timeout=None if told else patience))[0]:
        # Input that is already there only waits for this machine.
        if told := not select.select([source], [], [], 0)[0]:
            tell(WAITING)
    return reading.result()
