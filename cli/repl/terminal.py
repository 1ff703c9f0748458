"""The terminal's modes around the chat: no echo between phases, suspend, restore at the end."""

from __future__ import annotations

import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.cli.process.job_control import stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import TextIO

KNOWS_MODIFIED_KEYS: Final = ("xterm", "tmux", "screen", "foot", "alacritty", "wezterm", "ghostty", "rxvt")
"""Prefixes of TERM. The Linux console would mistake the request for a colour."""
ASK_FOR_MODIFIED_KEYS: Final = "\x1b[>4;1m"
STOP_MODIFIED_KEYS: Final = "\x1b[>4;0m"
SHOW_CURSOR: Final = "\x1b[?25h"


class Terminal:
    """Keeps the terminal from echoing while entered; `fd` is None without a real one."""

    def __init__(self, fd: int | None, out: TextIO, *, term: str = "") -> None:
        self._fd = fd
        self._out = out
        self._steerable = bool(term)
        self._modified_keys = term.startswith(KNOWS_MODIFIED_KEYS)
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if self._fd is not None:
            self._before = termios.tcgetattr(self._fd)
        self._quiet()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc_type is not None and self._steerable:
            self._write(SHOW_CURSOR)  # an answer that had no time to end may have hidden it
        self._restore()

    def _quiet(self) -> None:
        """Switch off echo: between two phases, typed text must not appear in the answer."""
        if self._fd is not None and self._before is not None:
            quiet = list(self._before)
            quiet[0] &= ~termios.ICRNL  # an Enter must stay one: Ctrl-J makes a new line
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            _set(self._fd, quiet)
        if self._modified_keys:
            self._write(ASK_FOR_MODIFIED_KEYS)

    def _restore(self) -> None:
        """Restore the terminal's modes, even if a signal ends the wait for what is written."""
        try:
            if self._modified_keys:
                self._write(STOP_MODIFIED_KEYS)
            BEHIND.wait(hasty=True)  # the next owner of the terminal writes to it, too
        finally:
            if self._fd is not None and self._before is not None:
                _set(self._fd, self._before)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Lend the terminal, in its original modes, to another program."""
        self._restore()
        try:
            yield
        finally:
            self._quiet()

    def suspend(self) -> None:
        """Stop this process until the shell continues it."""
        with self.given_back():
            stop()


def _set(fd: int, attributes: list[Any]) -> None:
    """Change the terminal's modes, after what is written; at once if nobody reads that.

    While a thread of ours waits in a write, Linux (6.3 and later) spins in the other case.
    """
    try:
        if not BEHIND.size:
            termios.tcdrain(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
