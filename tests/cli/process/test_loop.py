"""One coroutine as the program: signals end it, and cleaning up after them has an end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

BUSY_TO_ITS_END = """
import os, signal
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.process.signals import Interrupted

async def main():
    os.kill(os.getpid(), signal.SIGINT)
    return 0

try:
    raise SystemExit(run_until_signal(main))
except Interrupted as interrupted:
    raise SystemExit(interrupted.code)
"""


def test_ctrl_c_while_the_last_step_runs_decides_the_exit_code() -> None:
    ran = subprocess.run([sys.executable, "-c", BUSY_TO_ITS_END], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


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
