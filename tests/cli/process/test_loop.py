from __future__ import annotations

import subprocess
import sys

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
