"""The chat on a terminal that nobody reads, because it is paused or its connection hangs."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import signal
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.canned import canned, frame
from tests.cli.program import entry, read
from tests.processes import waits_in
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.cli.program import Program
    from tests.cli.saved import Saved

PIECE = frame({"content": "some words\n\n"}) * 20
CTRL_C = b"\x03"


def shown(master: int) -> int:
    """Return how many bytes wait for whoever reads the terminal."""
    return int.from_bytes(fcntl.ioctl(master, termios.FIONREAD, b"\0" * 4), "little")


def read_until(master: int, *words: bytes) -> None:
    """Read until all of `words` have come, one behind the other."""
    found = b""
    for each in words:
        while each not in found:
            found += read(master)
        found = found.partition(each)[2]


@contextmanager
def stuck(
    program: Program, env: dict[str, str | None], piece: bytes = PIECE
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Ask something in a chat, whose terminal is read until then, and wait until it takes no more."""
    master, slave = pty.openpty()
    streams: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave}
    with canned(itertools.repeat(piece), pause=0) as url:
        program.config["providers"] = [entry("one", url)]
        process = program.start(env={"COLUMNS": "80", "LINES": "24", **env}, **streams)
        try:
            read_until(master, b"? help")
            os.write(master, b"Go\r")
            read_until(master, b"some words")
            wait_until(lambda: shown(master) > 4000)
            yield process, master
        finally:
            process.kill()
            process.wait()
            os.close(slave)
            os.close(master)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_chat_while_a_write_waits_for_the_terminal(program: Program, number: signal.Signals) -> None:
    with stuck(program, {}, frame({"content": "some words " * 200}) * 20) as (process, _):
        wait_until(lambda: waits_in(process, "wait_woken", "n_tty_write"))
        process.send_signal(number)
        assert process.wait(PATIENCE) == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_ends_the_chat(program: Program, number: signal.Signals, code: int) -> None:
    with stuck(program, {}) as (process, _):
        process.send_signal(number)
        assert process.wait(PATIENCE) == code


def test_ctrl_c_stops_the_answer_and_the_prompt_is_back_when_the_terminal_is_read_again(program: Program) -> None:
    with stuck(program, {}) as (process, master):
        os.write(master, CTRL_C)
        read_until(master, b"stopped", b"? help")
        os.write(master, b"\x04")
        assert process.wait(PATIENCE) == 0


def test_the_conversation_is_stored_all_the_same(program: Program, saved: Saved) -> None:
    with stuck(program, saved.env):
        with saved.open() as history:
            (session,) = [each.id for each in history.list()]
        before = len(saved.told(session)[0][1])
        wait_until(lambda: len(saved.told(session)[0][1]) > before + 100_000)
