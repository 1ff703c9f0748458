"""Looking at processes that a test has started."""

from __future__ import annotations

from pathlib import Path


def is_running(pid: int | str) -> bool:
    """Whether a process runs; one that has ended, and whose parent has not asked how, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
