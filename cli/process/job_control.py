"""Ctrl-Z: restoring the terminal for the shell, and redrawing when the shell returns it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from fallback_chat.cli.process.behind import BEHIND

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


def stop() -> None:
    """Stop this process until the shell continues it."""
    if hasattr(signal, "SIGTSTP"):
        BEHIND.wait(hasty=True)  # the shell writes to the terminal, too
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)


def on_stop(put_away: Callable[[], None]) -> None:
    """Call `put_away`, which calls `stop`, when the shell stops the running loop's process."""
    # In a shell without job control the signal is ignored, and stays so.
    if hasattr(signal, "SIGTSTP") and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
        with suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, put_away)


def on_continue(out: TextIO, take: Callable[[], None]) -> None:
    """Call `take` when the shell continues the process in the foreground of terminal `out`."""
    if hasattr(signal, "SIGCONT"):
        with suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGCONT, lambda: take() if is_in_foreground(out) else None
            )


def is_in_foreground(out: TextIO) -> bool:
    """Whether the terminal `out` belongs to this process now; true without job control."""
    try:
        return os.tcgetpgrp(out.fileno()) == os.getpgrp()
    except OSError:
        return True
