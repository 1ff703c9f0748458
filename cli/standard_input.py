"""Standard input of `ask`: read to its end beside the event loop, so that a signal or a deadline can end the wait."""

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
"""Seconds after which the user is told what is waited for."""
WAITING: Final = "waiting for standard input to end: close it, or use --no-stdin"


def is_piped(fd: int = 0) -> bool:
    """Whether standard input is something to read to its end: a pipe, a file or a socket; no terminal and no device."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


async def read_to_end(
    most: int, tell: Callable[[str], object], *, stream: BinaryIO | None = None, patience: float = PATIENCE
) -> bytes:
    """Read standard input to its end, or up to `most` bytes; `tell` what is waited for when nobody writes. Raises OSError."""
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
        with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(settle, data, failure)

    # A thread, because a pipe that is set not to block is so for everybody who has it.
    Thread(target=read, name="standard input", daemon=True).start()
    told = False
    while not (await asyncio.wait([reading], timeout=None if told else patience))[0]:
        # What is there to be read is only waiting for this machine.
        if told := not select.select([source], [], [], 0)[0]:
            tell(WAITING)
    return reading.result()
