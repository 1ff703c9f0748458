"""A plugin of pytest that notes which test is running, by which one that hangs is known after its end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE: Final = ".pytest_cache/running"
_PLACE: Final = Path(FILE).absolute()


def pytest_runtest_logstart(nodeid: str) -> None:
    """Note a test that begins."""
    _PLACE.parent.mkdir(exist_ok=True)
    _PLACE.write_text(nodeid, "utf-8")


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Strike out a test that has ended, however it ended."""
    del nodeid
    _PLACE.unlink(missing_ok=True)
