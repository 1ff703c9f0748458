"""Looking at processes that a test has started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


def is_running(pid: int | str) -> bool:
    """Whether a process runs; one that has ended, and whose parent has not asked how, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def waits_in(process: subprocess.Popen[bytes], *places: str) -> bool:
    """Whether a thread of the process waits at such a place in the kernel."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/wchan")
    return any(thread.read_text("ascii") in places for thread in threads)
