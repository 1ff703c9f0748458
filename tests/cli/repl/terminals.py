"""Two terminals for one chat, in memory and the kernel's pseudo-terminal; what is written appears on an emulated screen."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import termios
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Protocol

import pyte
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.input.vt100 import Vt100Input

from tests.cli.scrollback import Scrollback
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TextIO

    from prompt_toolkit.input import Input

# What pyte does not know, or reads as something else; real terminals do.
UNKNOWN_TO_PYTE: Final = re.compile(r"\x1b\[>4;[01]m|\x1b\[[0-6] q")


class ATerminal(Protocol):
    """A terminal that a test types on and looks at."""

    input: Input
    out: TextIO

    def send(self, text: str) -> None: ...

    @property
    def fd(self) -> int | None:
        """The descriptor of its device, if it has one."""

    @property
    def written(self) -> str: ...

    @property
    def rows(self) -> list[str]: ...

    @property
    def lines(self) -> list[str]: ...


class Emulator:
    """Shows what was written."""

    def __init__(self, columns: int, rows: int) -> None:
        self.written = ""
        self.screen = Scrollback(columns, rows)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        self.written += text
        self._stream.feed(UNKNOWN_TO_PYTE.sub("", text))

    @property
    def rows(self) -> list[str]:
        """All rows with text, those that scrolled away first."""
        return [row for row in self.lines if row]

    @property
    def lines(self) -> list[str]:
        """All rows, also empty ones among them, those that scrolled away first."""
        return "\n".join(self.screen.every_row()).rstrip("\n").split("\n")


class _Out(io.StringIO):
    encoding = "utf-8"

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._emulator = emulator

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._emulator.feed(text.replace("\n", "\r\n").replace("\r\r\n", "\r\n"))
        return len(text)


class InMemory:
    """Keys go in through a pipe, text comes out into the emulator."""

    def __init__(self, columns: int, rows: int, keys: Input) -> None:
        self.fd: int | None = None
        self._emulator = Emulator(columns, rows)
        self.input = keys
        self.out: TextIO = _Out(self._emulator)

    def send(self, text: str) -> None:
        self.input.send_text(text)  # type: ignore[attr-defined]

    @property
    def written(self) -> str:
        return self._emulator.written

    @property
    def rows(self) -> list[str]:
        return self._emulator.rows

    @property
    def lines(self) -> list[str]:
        return self._emulator.lines


class Pseudo:
    """Both ends of a pseudo-terminal: the chat has the device, the test the other end, in threads, since both can block."""

    def __init__(self, columns: int, rows: int, master: int, device: int) -> None:
        self.fd: int | None = device
        self._device = device
        self._master = master
        self._emulator = Emulator(columns, rows)
        self._data = b""
        self._lock = Lock()
        self._marks = 0
        self._keys: SimpleQueue[bytes] = SimpleQueue()
        self._leave, self._left = os.pipe()
        self.out: TextIO = open(device, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - closed with the device
        self._stdin = open(device, encoding="utf-8", closefd=False)  # noqa: SIM115
        self.input: Input = Vt100Input(self._stdin)
        self._threads = [Thread(target=work, daemon=True) for work in (self._read, self._write)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        while self._leave not in (ready := select.select([self._master, self._leave], [], [])[0]):
            data = os.read(ready[0], 65536)
            with self._lock:
                self._data += data

    def _write(self) -> None:
        while keys := self._keys.get():
            os.write(self._master, keys)

    def send(self, text: str) -> None:
        self._keys.put(text.encode())

    def _catch_up(self) -> None:
        """Show all that the chat has written, which is what comes before a mark that is written now."""
        self._marks += 1
        mark = f"\x1b]7777;{self._marks}\x07".encode()
        os.write(self._device, mark)
        while mark not in self._data:
            select.select([], [], [], 0.0005)
        with self._lock:
            shown, mark, self._data = self._data.partition(mark)
        self._emulator.feed(shown.decode())

    @property
    def written(self) -> str:
        self._catch_up()
        return self._emulator.written

    @property
    def rows(self) -> list[str]:
        self._catch_up()
        return self._emulator.rows

    @property
    def lines(self) -> list[str]:
        self._catch_up()
        return self._emulator.lines

    def close(self) -> None:
        self._keys.put(b"")
        os.write(self._left, b"x")
        for thread in self._threads:
            thread.join(PATIENCE)
        self.out.close()
        self._stdin.close()
        os.close(self._leave)
        os.close(self._left)


@contextmanager
def in_memory(columns: int, rows: int) -> Iterator[ATerminal]:
    """Give a terminal that is none."""
    with create_pipe_input() as keys:
        yield InMemory(columns, rows, keys)


@contextmanager
def pseudo(columns: int, rows: int) -> Iterator[ATerminal]:
    """Give a terminal of the kernel's."""
    with ExitStack() as stack:
        master, device = pty.openpty()
        stack.callback(os.close, master)
        stack.callback(os.close, device)
        fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal = Pseudo(columns, rows, master, device)
        stack.callback(terminal.close)
        yield terminal


TERMINALS: Final[dict[str, Callable[[int, int], AbstractContextManager[ATerminal]]]] = {
    "memory": in_memory,
    "pty": pseudo,
}
