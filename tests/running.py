"""Which tests are running: told when the run is cut off from outside, as `.ci/run` does when its time is over."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from types import FrameType


class Running:
    """Ends the run in order on SIGTERM: what failed so far is reported, and what was cut off is named.

    With tests in processes of their own (`-n`), this is the one that hands them out, so that no test is disturbed.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        signal.signal(signal.SIGTERM, self._cut_off)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._since[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._since.pop(nodeid, None)

    def _cut_off(self, _number: int, _frame: FrameType | None) -> NoReturn:
        now = time.monotonic()
        tests = [f"\n  {nodeid} (for {now - since:.0f} s)" for nodeid, since in self._since.items()]
        pytest.exit(
            f"cut off by SIGTERM in the middle of{''.join(tests) or ' no test'}", returncode=pytest.ExitCode.INTERRUPTED
        )
