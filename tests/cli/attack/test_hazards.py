"""Whatever a server sends: memory is bounded, the next provider answers or the text is marked, and nothing breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.cli.attack.rude import rude
from tests.cli.canned import canned, spoken
from tests.cli.program import entry
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.program import Program

MOST: Final = 250
"""Megabytes."""
LONG: Final = 8 * PATIENCE
"""Seconds for what ends after a million events only, on a machine with other things to do."""
BACKUP: Final = "BACKUP"


def attacked(program: Program, name: str, place: Path) -> tuple[int, str, str, dict[str, float]]:
    """Ask a chain whose first server is a hazard; return exit code, output and what it took."""
    from tests.cli.attack.hazards import HAZARDS

    took = place / "took"
    with rude(HAZARDS[name]) as url, canned(spoken(BACKUP), pause=0) as backup:
        program.config["chain"] = {"attempt_timeout": 5.0, "idle_timeout": 5.0, "max_retry_per_llm": 0}
        program.config["providers"] = [entry("rude", url), entry("backup", backup)]
        command = [sys.executable, "-m", "fallback_chat", "ask", "--no-shared-health", "hi"]
        done = subprocess.run(
            [sys.executable, "-SE", str(Path(__file__).with_name("peak.py")), str(took), *command],
            env=program.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONG,
            check=False,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode(), json.loads(took.read_text("ascii"))


def test_a_hazard_takes_little_memory_and_is_told(
    hazard: str, program: Program, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    code, out, err, took = attacked(program, hazard, tmp_path)
    record_property("hazard", [hazard, took["peak_mb"], took["cpu_s"]])

    assert took["peak_mb"] < MOST
    assert code in {0, 3, 4}, err
    assert ("bug in" in err, "Traceback" in err) == (False, False), err
    if code == 0:
        assert out.strip()
    if BACKUP in out:  # nothing else is glued to the answer of the next provider, which is told
        assert (out, "asking backup" in err) == (f"{BACKUP}\n", True), err
