"""`ask` while nobody reads what it writes: signals end it, the conversation is stored, and a slow reader loses nothing."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import signal
import subprocess
import termios
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.canned import canned, frame, spoken
from tests.cli.program import Ran, entry, read
from tests.processes import waits_in
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.cli.program import Program
    from tests.cli.saved import Saved

WITHOUT_END = itertools.repeat(frame({"content": "some words\n\n"}) * 20)
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
PAGE = 4096
"""Bytes; a pipe of this size is full soon."""
UNREAD = [[], ["--jsonl"], ["--render", "always"], ["-v"]]


def over(program: Program, url: str) -> Program:
    program.config["providers"] = [entry("one", url)]
    return program


def is_stuck(process: subprocess.Popen[bytes]) -> bool:
    """Whether a write to a pipe waits for its reader."""
    return waits_in(process, "pipe_write", "anon_pipe_write")


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> Ran:
    """Send a signal, wait for the end, and only then read."""
    process.send_signal(number)
    try:
        process.wait(PATIENCE)
    finally:
        process.kill()
    out, err = process.communicate()
    return Ran(process.returncode, out.decode(errors="replace"), (err or b"").decode())


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("flags", UNREAD, ids=" ".join)
def test_a_signal_ends_it_while_its_pipe_is_full(
    program: Program, flags: list[str], number: signal.Signals, code: int
) -> None:
    with canned(WITHOUT_END, pause=0) as url:
        process = over(program, url).start("ask", *flags, "hi", pipesize=PAGE)
        wait_until(lambda: is_stuck(process))
        ran = end(process, number)

    assert ran.code == code
    assert "Traceback" not in ran.err


def test_a_signal_ends_it_while_both_streams_lead_into_one_full_pipe(program: Program) -> None:
    with canned(WITHOUT_END, pause=0) as url:
        process = over(program, url).start("ask", "-v", "hi", stderr=subprocess.STDOUT)
        wait_until(lambda: is_stuck(process))
        ran = end(process, signal.SIGINT)

    assert (ran.code, "request 1 goes to one" in ran.out) == (130, True)


def test_a_second_signal_changes_nothing(program: Program) -> None:
    with canned(WITHOUT_END, pause=0) as url:
        process = over(program, url).start("ask", "hi")
        wait_until(lambda: is_stuck(process))
        process.send_signal(signal.SIGINT)
        ran = end(process, signal.SIGINT)

    assert (ran.code, ran.err) == (130, "")


@pytest.mark.parametrize("flags", [["--json"], ["--no-stream"]], ids=" ".join)
def test_a_signal_ends_it_while_a_whole_answer_waits_for_its_reader(program: Program, flags: list[str]) -> None:
    with canned(spoken(*["some words\n\n" * 1000] * 20), pause=0) as url:
        process = over(program, url).start("ask", *flags, "hi")
        wait_until(lambda: is_stuck(process))
        ran = end(process, signal.SIGINT)

    assert (ran.code, ran.err) == (130, "")


def test_a_signal_ends_a_command_that_only_prints_while_its_pipe_is_full(program: Program) -> None:
    program.config["providers"] = [entry(f"provider-{number}", "http://127.0.0.1:9") for number in range(99)]
    program.config["providers"][0]["tags"] = ["a tag"] * 10_000
    process = program.start("config", "show")
    wait_until(lambda: is_stuck(process))

    assert end(process, signal.SIGTERM).code == 143


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_it_on_a_terminal_that_nobody_reads(program: Program, number: signal.Signals, code: int) -> None:
    master, slave = pty.openpty()
    streams: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave}
    with canned(WITHOUT_END, pause=0) as url:
        process = over(program, url).start("ask", "hi", **streams)
        os.close(slave)
        os.set_blocking(master, False)
        wait_until(lambda: int.from_bytes(fcntl.ioctl(master, termios.FIONREAD, b"\0" * 4), "little") > 4000)
        process.send_signal(number)
        process.wait(PATIENCE)
        left = b"".join(iter(lambda: read(master), b""))
    os.close(master)

    assert (process.returncode, b"Traceback" in left) == (code, False)


def test_a_slow_reader_gets_everything_once(program: Program) -> None:
    pieces = [f"[{number:06d}]" for number in range(40_000)]
    with canned(
        [*(frame({"content": "".join(pieces[at : at + 100])}) for at in range(0, 40_000, 100)), *spoken("")], pause=0
    ) as url:
        process = over(program, url).start("ask", "--timeout-idle", "1s", "hi")
        assert process.stdout is not None
        wait_until(lambda: is_stuck(process))
        found = b"".join(iter(lambda: os.read(process.stdout.fileno(), 999), b""))  # type: ignore[union-attr]
        process.communicate()

    assert (process.returncode, found) == (0, "".join(pieces).encode() + b"\n")


@pytest.mark.parametrize("flags", [[], ["--jsonl"], ["--json"]], ids=" ".join)
def test_the_conversation_is_stored_although_nobody_reads(program: Program, saved: Saved, flags: list[str]) -> None:
    text = "some words\n\n" * 20_000
    session = saved.add("old?", "Old.")
    pieces = [frame({"content": text[at : at + 1000]}) for at in range(0, len(text), 1000)]
    over_now = threading.Event()
    with canned(then_silence(pieces, over_now), pause=0) as url:
        process = over(program, url).start("ask", "-c", *flags, "hi", env=saved.env)
        wait_until(lambda: len(saved.told(session)) == 2 and len(saved.told(session)[1][1]) == len(text))
        process.kill()
        process.communicate()
        over_now.set()


def then_silence(pieces: Iterable[bytes], over_now: threading.Event) -> Iterator[bytes]:
    """Keep the answer open behind its pieces."""
    yield from pieces
    over_now.wait(PATIENCE)


@pytest.mark.parametrize("reads", [True, False])
def test_an_answer_for_a_pipe_with_a_name_waits_for_its_reader_and_hears_ctrl_c(
    program: Program, tmp_path: Path, reads: bool
) -> None:
    path = tmp_path / "named"
    os.mkfifo(path)
    process = program.start("ask", "-o", str(path), "hi")
    wait_until(lambda: program.asked == [1])
    if reads:
        assert path.read_bytes() == b"These are the words of one.\n"
        process.communicate()
        assert process.returncode == 0
    else:
        wait_until(lambda: waits_in(process, "wait_for_partner", "fifo_open"))
        assert end(process, signal.SIGINT) == Ran(130, "", "")
