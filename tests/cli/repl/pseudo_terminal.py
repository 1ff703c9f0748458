"""The program on a real pseudo-terminal, with an emulator that shows what a user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from codecs import getincrementaldecoder
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from tests.cli.repl.terminals import Emulator
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.program import Program

CURSOR_VISIBLE = 25 << 5
AUTOWRAP = 7 << 5
BRACKETED_PASTE = 2004 << 5


class OnTerminal:
    """One run of the program on a terminal of its own."""

    def __init__(
        self, process: subprocess.Popen[bytes], master: int, slave: int, size: tuple[int, int], modes: list[Any]
    ) -> None:
        self.process = process
        self.master = master
        self.slave = slave
        self.before = modes
        """The modes of the terminal before anything was started on it."""
        self.bytes = b""
        self._emulator = Emulator(*size)
        self.screen = self._emulator.screen
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder = getincrementaldecoder("utf-8")()
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self._emulator.feed(decoder.decode(data))
            self.bytes += data

    @property
    def written(self) -> str:
        """What the screen shows, and showed, with its escape sequences."""
        return self._emulator.written

    @property
    def rows(self) -> list[str]:
        """All rows with text, those that scrolled away first."""
        return self._emulator.rows

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def is_as_before(self) -> bool:
        """The terminal's modes are those that the program found."""
        modes = {CURSOR_VISIBLE, AUTOWRAP} <= self.screen.mode and BRACKETED_PASTE not in self.screen.mode
        return modes and termios.tcgetattr(self.slave) == self.before

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def sees(self, text: str) -> None:
        self.until(lambda: text in self.text)

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for something to happen. Raises AssertionError with the screen when it does not."""
        wait_until(happened, shown=lambda: self.text)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    @property
    def state(self) -> str:
        """The process's state as the kernel calls it: T is stopped."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - not a file of ours
            return file.read().rpartition(")")[2].split()[0]

    def leave(self) -> int:
        """Press Ctrl-D as soon as the chat waits for input, for it ignores that while it answers; wait for the end."""
        self.until(lambda: "? help" in self.rows[-1])
        self.type("\x04")
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for the end."""
        code = self.process.wait(PATIENCE)
        self.until(lambda: not _pending(self.master))
        return code


def _pending(fd: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4), "little")


def _belong_to(terminal: int) -> None:
    """Have the terminal be that of the process, which opens it as /dev/tty."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@contextmanager
def on_terminal(
    program: Program,
    *args: str,
    size: tuple[int, int] = (80, 24),
    env: dict[str, str | None] | None = None,
    piped: int | None = None,
    shell: bool = False,
) -> Iterator[OnTerminal]:
    """Start the program on a pseudo-terminal of `size` columns and rows; its standard input is that, or what is `piped`.

    With `shell` a shell is started instead, in which `$fc` is the program.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    modes = termios.tcgetattr(slave)
    streams: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave}
    if piped is None and not shell:
        streams["process_group"] = 0  # of its own, or Ctrl-Z would stop the tests
    else:
        streams |= {"stdin": slave if piped is None else piped, "preexec_fn": lambda: _belong_to(slave)}
    if shell:
        environment = program.environment(**(env or {})) | {"fc": f"{sys.executable} -m fallback_chat", "PS1": "$ "}
        process = subprocess.Popen(["bash", "--norc", "--noediting", "-i"], env=environment, **streams)
    else:
        process = program.start(*args, env=env, **streams)
    run = OnTerminal(process, master, slave, size, modes)
    try:
        yield run
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        run._reader.join(PATIENCE)
        os.close(master)
