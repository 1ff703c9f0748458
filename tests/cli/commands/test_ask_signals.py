"""Ctrl-C and the other signals, in every state that a run can be in: at once, with the right exit code, without a traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.simulator import Manner, black_hole
from tests.cli.canned import canned
from tests.cli.program import Ran, entry, read, stop, wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program

AT_ONCE = 0.1
SLACK = 0.1
"""For a machine that is busy with other tests."""

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
WAITING = [
    "accept-silent",
    "head-silent",
    "head-half",
    "silence",
    "comments-forever",
    "thinking-forever",
    "503-hanging",
]


@pytest.mark.parametrize("fault", WAITING)
def test_ctrl_c_ends_the_wait_for_an_answer(program: Program, fault: str) -> None:
    process = program.play(fault, attempt_timeout=9).start("ask", "hi")
    wait_until(lambda: program.asked == [1])

    ran = stop(process)

    assert ran == Ran(130, "", "")
    assert ran.seconds < AT_ONCE + SLACK


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_a_signal_while_the_answer_comes_keeps_what_was_shown(
    program: Program, number: signal.Signals, code: int
) -> None:
    process = program.play("token-silence").start("ask", "hi")
    assert process.stdout is not None
    shown = os.read(process.stdout.fileno(), 100)

    ran = stop(process, number)

    assert (shown, ran) == (b"These", Ran(code, "\n", ""))
    assert ran.seconds < AT_ONCE + SLACK
    (request,) = program.servers[0].requests
    wait_until(lambda: request.client_left_at is not None)


def test_ctrl_c_while_an_answer_that_came_in_one_piece_is_laid_out(program: Program) -> None:
    program.play("json-for-stream")
    program.servers[0].manner = Manner("a\n\n" * 20_000 + "the end")
    master, slave = pty.openpty()
    with program.start("ask", "hi", stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        data = read(master)
        process.send_signal(signal.SIGINT)
        data += b"".join(iter(lambda: read(master), b""))
    os.close(master)

    assert process.returncode == 130
    assert b"the end" not in data


def test_ctrl_c_while_connecting_to_a_black_hole(program: Program) -> None:
    with black_hole() as port:
        program.config["providers"] = [entry("one", f"http://127.0.0.1:{port}", connect_timeout=9)]
        process = program.start("ask", "-v", "hi")
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(0.05)  # from the notice to the connection attempt
        ran = stop(process)

    assert ran == Ran(130, "", "")
    assert ran.seconds < AT_ONCE + SLACK


def test_ctrl_c_while_waiting_for_a_rate_limit(program: Program) -> None:
    with canned([b"{}"], status=429, headers={"retry-after": "20", "content-type": "application/json"}) as url:
        program.config["providers"] = [entry("one", url)]
        process = program.start("ask", "--wait", "1m", "hi")
        assert process.stderr is not None
        told = process.stderr.readline()
        ran = stop(process)

    assert told.endswith(b"asking it again in 20 s\n")
    assert ran == Ran(130, "", "")
    assert ran.seconds < AT_ONCE + SLACK


def test_ctrl_c_while_a_key_command_runs(program: Program) -> None:
    pid = program.directory / "pid"
    key = {"api_key_cmd": ["sh", "-c", f"echo $$ > {pid}; exec sleep 20"]}
    bare = {name: value for name, value in entry("one", program.servers[0].url).items() if name != "api_key_env"}
    program.config["providers"] = [bare | key]
    process = program.start("ask", "hi")
    wait_until(lambda: pid.exists() and pid.read_text().strip())

    ran = stop(process)

    assert ran == Ran(130, "", "")
    assert ran.seconds < AT_ONCE + SLACK
    wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_standard_input_is_read(program: Program, number: signal.Signals, code: int) -> None:
    process = program.start("ask", "hi", stdin=subprocess.PIPE)
    wait_until(lambda: "pipe_read" in Path(f"/proc/{process.pid}/wchan").read_text("ascii"))

    assert stop(process, number) == Ran(code, "", "")


@pytest.mark.parametrize("delay", [0.03, 0.06, 0.1, 0.15, 0.2])
def test_ctrl_c_while_the_program_starts_leaves_no_traceback(program: Program, delay: float) -> None:
    process = program.play("silence", attempt_timeout=9).start("ask", "hi")
    wait_until(lambda: b"fallback_chat" in Path(f"/proc/{process.pid}/cmdline").read_bytes())
    time.sleep(delay)

    ran = stop(process)

    # Before Python has reached this program's first line, the signal belongs to Python.
    assert ran == Ran(130, "", "") or "in main" not in ran.err


def test_ctrl_c_ends_a_probe(program: Program) -> None:
    process = program.play("silence", "head-silent", attempt_timeout=9).start("probe")
    wait_until(lambda: program.asked == [1, 1])

    ran = stop(process)

    assert ran == Ran(130, "", "")
    assert ran.seconds < AT_ONCE + SLACK


def test_a_hang_up_is_ignored_under_nohup(program: Program) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = program.play("slow").start("ask", "hi", preexec_fn=ignore)
    wait_until(lambda: program.asked == [1])
    process.send_signal(signal.SIGHUP)

    out, err = process.communicate(timeout=5)

    assert (process.returncode, out, err) == (0, b"These are the words of one.\n", b"")


def test_ctrl_c_on_a_terminal_keeps_the_text_and_restores_the_terminal(program: Program) -> None:
    import pty

    import pyte

    master, slave = pty.openpty()
    process = program.play("token-silence").start("ask", "hi", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while b"These" not in seen:
        seen += os.read(master, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == 130
    try:
        while more := os.read(master, 4096):
            seen += more
    except OSError:
        pass
    os.close(master)

    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(seen)
    assert screen.display[0].startswith("These")
    assert not screen.cursor.hidden
    assert screen.cursor.x == 0
    assert b"Traceback" not in seen
