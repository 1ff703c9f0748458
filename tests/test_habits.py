"""What every test keeps to, or its result would depend on the machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
CLOCK: Final = re.compile(r"\btime\.(?:monotonic|perf_counter|process_time|thread_time|sleep)(?:_ns)?\b")
WHY: Final = {
    "waiting.py": "waits for what happens in real time, a minute at the most",
    "running.py": "says for how long a test that was cut off had been running",
    "cli/canned.py": "pauses between two pieces, so that most arrive by themselves; nothing is wrong when they do not",
    "cli/commands/test_ask.py": "a lower bound: a busy machine only makes it longer",
    "core/config/test_keys.py": "a command that hangs until it is given up",
    "providers/http/test_framing.py": "processor time, of which sixteen times as much is told from 256 times",
}


def test_no_test_measures_seconds_or_lets_them_pass() -> None:
    files = (path for path in TESTS.rglob("*.py") if path != Path(__file__))
    found = {path.relative_to(TESTS).as_posix() for path in files if CLOCK.search(path.read_text("utf-8"))}

    assert found == set(WHY)
