"""Ctrl-C and the other signals, in every state that a run can be in: at once, with the right exit code, without a traceback."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fallback_chat.providers.simulator import Manner, black_hole
from tests import sampling
from tests.cli.canned import canned
from tests.cli.program import NEVER, ROOT, Ran, entry, read, sleeps_in_read, stop
from tests.processes import is_running
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.saved import Saved
    from tests.sampling import Sample

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
    process = program.play(fault).start("ask", "hi")
    wait_until(lambda: program.asked == [1])

    ran = stop(process)

    assert ran == Ran(130, "", "")


@pytest.mark.parametrize(("number", "code"), CODES.items())
def test_a_signal_while_the_answer_comes_keeps_what_was_shown(
    program: Program, number: signal.Signals, code: int
) -> None:
    process = program.play("token-silence").start("ask", "hi")
    assert process.stdout is not None
    shown = os.read(process.stdout.fileno(), 100)

    ran = stop(process, number)

    assert (shown, ran) == (b"These", Ran(code, "\n", ""))
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


def attempts_to_connect(port: int) -> int:
    """Count the sockets that have asked for a connection to `port` and got no answer (SYN_SENT is 02)."""
    rows = [row.split()[2:4] for row in Path("/proc/net/tcp").read_text("ascii").splitlines()]
    return rows.count([f"0100007F:{port:04X}", "02"])


def test_ctrl_c_while_connecting_to_a_black_hole(program: Program) -> None:
    with black_hole() as port:
        program.config["providers"] = [entry("one", f"http://127.0.0.1:{port}", connect_timeout=NEVER)]
        others = attempts_to_connect(port)
        process = program.start("ask", "hi")
        wait_until(lambda: attempts_to_connect(port) > others)
        ran = stop(process)

    assert ran == Ran(130, "", "")


def test_ctrl_c_while_waiting_for_a_rate_limit(program: Program) -> None:
    with canned([b"{}"], status=429, headers={"retry-after": "100", "content-type": "application/json"}) as url:
        program.config["providers"] = [entry("one", url)]
        process = program.start("ask", "--wait", "1h", "hi")
        assert process.stderr is not None
        told = process.stderr.readline()
        ran = stop(process)

    assert told.endswith(b"asking it again in 100 s\n")
    assert ran == Ran(130, "", "")


def test_ctrl_c_while_a_key_command_runs(program: Program) -> None:
    pid = program.directory / "pid"
    key = {"api_key_cmd": ["sh", "-c", f"sh -c 'echo $$ > {pid}; exec sleep 600'; :"]}
    bare = {name: value for name, value in entry("one", program.servers[0].url).items() if name != "api_key_env"}
    program.config["providers"] = [bare | key]
    process = program.start("ask", "hi")
    wait_until(lambda: pid.exists() and pid.read_text().strip())

    ran = stop(process)

    assert ran == Ran(130, "", "")
    wait_until(lambda: not is_running(pid.read_text().strip()))


def test_ctrl_c_while_another_process_holds_the_lock_of_the_history(program: Program, saved: Saved) -> None:
    process = program.play("token-silence").start("ask", "--record", "hi", env=saved.env)
    assert process.stdout is not None
    shown = os.read(process.stdout.fileno(), 100)
    with closing(sqlite3.connect(saved.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = stop(process)
        other.execute("ROLLBACK")
        kept = other.execute("SELECT question FROM turns").fetchall()

    told = f"fallback-chat: the conversation is not saved: {saved.path}: database is locked\n"
    assert (shown, ran, kept) == (b"These", Ran(130, "\n", told), [("hi",)])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_standard_input_is_read(program: Program, number: signal.Signals, code: int) -> None:
    process = program.start("ask", "hi", stdin=subprocess.PIPE)
    wait_until(lambda: sleeps_in_read(process.pid))

    assert stop(process, number) == Ran(code, "", "")


AT_IMPORTS: Final = """
import os, signal, sys

def note(event, args):
    if event == "import":
        os.write(2, args[0].encode() + b" ")

def interrupt(event, args):
    if event == "import" and args[0] == {module!r}:
        signal.raise_signal(signal.SIGINT)

sys.addaudithook(interrupt if {module!r} else note)
"""


def importing(program: Program, module: str) -> Ran:
    """Run `ask`, with Ctrl-C at the moment in which `module` is imported; without one, every import is told on stderr."""
    (hooks := program.directory / "hooks").mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(AT_IMPORTS.format(module=module))
    return program("ask", "hi", env={"PYTHONPATH": f"{hooks}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the processes of a run that tries everything share the hundreds of starts."""
    if "part" in metafunc.fixturenames:
        parts = 16 if sampling.everything else 1
        metafunc.parametrize("part", [slice(start, None, parts) for start in range(parts)], ids=range(parts))


def test_ctrl_c_while_the_program_starts_leaves_no_traceback(program: Program, sample: Sample, part: slice) -> None:
    modules = list(dict.fromkeys(importing(program, "").err.split()))
    # Before Python has reached this program's first line, the signal belongs to Python.
    ours = modules[modules.index("fallback_chat.cli.process.streams") :]
    assert len(ours) > 100

    ends = {module: importing(program, module) for module in sample(ours, 8)[part]}

    assert ends == dict.fromkeys(ends, Ran(130, "", ""))


def test_ctrl_c_ends_a_probe(program: Program) -> None:
    process = program.play("silence", "head-silent").start("probe")
    wait_until(lambda: program.asked == [1, 1])

    ran = stop(process)

    assert ran == Ran(130, "", "")


def test_a_hang_up_is_ignored_under_nohup(program: Program) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = program.play("slow").start("ask", "hi", preexec_fn=ignore)
    wait_until(lambda: program.asked == [1])
    process.send_signal(signal.SIGHUP)

    out, err = process.communicate(timeout=PATIENCE)

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
    assert process.wait(PATIENCE) == 130
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
