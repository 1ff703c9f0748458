"""One coroutine as the program: signals end it, and cleaning up after them has an end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

AT_THE_END = """
import asyncio, os, signal, sys
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.process.signals import Interrupted

place, number = sys.argv[1], int(sys.argv[2])

def reached(this):
    if this == place:
        os.kill(os.getpid(), number)

class Loop(asyncio.SelectorEventLoop):
    def run_until_complete(self, future):
        try:
            return super().run_until_complete(future)
        finally:
            reached("the loop has stopped")

    def close(self):
        reached("the loop is about to be closed")
        super().close()
        reached("the loop is closed")

    def _close_self_pipe(self):
        super()._close_self_pipe()
        reached("the loop is half closed")

asyncio.new_event_loop = Loop

async def words():
    try:
        yield "word"
    finally:
        reached("a generator is closed")

async def main():
    reached("the first step")
    main.open = words()
    await anext(main.open)
    reached("the last step")
    return 0

try:
    raise SystemExit(run_until_signal(main))
except Interrupted as interrupted:
    raise SystemExit(interrupted.code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    "place",
    [
        "the first step",
        "the last step",
        "the loop has stopped",
        "a generator is closed",
        "the loop is about to be closed",
        "the loop is half closed",
        "the loop is closed",
    ],
)
def test_a_signal_is_heard_wherever_the_program_is(place: str, number: signal.Signals, code: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AT_THE_END, place, str(int(number))], capture_output=True, check=False, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, b"", b"")


DEAF = """
import asyncio, os, signal
from fallback_chat.cli.process import loop
from fallback_chat.cli.process.signals import Interrupted, end_on_signals
end_on_signals()
loop.GRACE = 0.05

def busy():
    while True:
        pass

async def main():
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        await asyncio.Event().wait()
    finally:
        {what}

try:
    raise SystemExit(loop.run_until_signal(main))
except Interrupted as interrupted:
    raise SystemExit(interrupted.code)
"""


@pytest.mark.parametrize(
    "what",
    [
        "busy()",
        "asyncio.get_running_loop().call_soon(busy); await asyncio.Event().wait()",
        "await asyncio.Event().wait()",
    ],
    ids=["in its task", "in a callback", "in a wait"],
)
def test_cleaning_up_after_a_signal_has_an_end(what: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DEAF.format(what=what)], capture_output=True, check=False, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (143, b"", b"")


def test_a_signal_ends_the_wait_for_a_lock_at_once() -> None:
    hurried = "from fallback_chat.core.storage.locks import wait_until; wait_until(lambda: False, 600)"
    script = DEAF.replace("GRACE = 0.05", "GRACE = 600").format(what=hurried)

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=PATIENCE)

    assert (ran.returncode, ran.stdout, ran.stderr) == (143, b"", b"")
