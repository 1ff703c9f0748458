"""Warm starts: they leave what cold ones leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.program import ROOT, stop
from tests.cli.warm import SAID_TO_PYTHON, Warm
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can start them")
COLD: Final[dict[str, str | None]] = {"PYTHONSAFEPATH": "1"}
"""A variable for Python itself."""
LOOKS: Final = """
import os
looks = set()
get = os._Environ.__getitem__
os._Environ.__getitem__ = lambda self, name: (looks.add(name), get(self, name))[1]
from tests.cli.warm import import_everything
import_everything()
print(*sorted(looks))
"""


@pytest.mark.parametrize(
    "args", [["ask", "hi"], ["ask", "--json", "--seed", "x"], ["config", "path"], ["--version"], ["unknown"], []]
)
def test_a_warm_run_leaves_what_a_cold_one_leaves(program: Program, args: list[str]) -> None:
    program.play("503")
    home: dict[str, str | None] = {"HOME": str(program.directory)}

    warm, cold = (program(*args, stdin=b"words", env=home | more) for more in ({}, COLD))

    assert [type(process) is Warm for process in program.started] == [True, False]
    assert warm == cold


def test_it_is_a_child_with_its_own_group_directory_and_streams(program: Program) -> None:
    process = program.play("slow").start("ask", "hi", process_group=0)
    wait_until(lambda: program.asked == [1])

    assert isinstance(process, Warm)
    assert os.getpgid(process.pid) == process.pid
    assert Path(f"/proc/{process.pid}/cwd").readlink() == program.directory / "cwd"
    assert stop(process).code == 130
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, 0)  # it was this process's, which has its status


def test_the_signal_that_kills_it_is_its_status(program: Program) -> None:
    process = program.play("silence").start("ask", "hi")
    process.kill()

    assert process.wait(PATIENCE) == -9


def test_importing_the_program_looks_at_no_variable_that_a_test_could_set() -> None:
    command = [sys.executable, "-c", LOOKS]
    looks = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    of_warm_runs = {name for name in looks.split() if not SAID_TO_PYTHON.match(name)}
    assert of_warm_runs <= {"TYPER_USE_RICH", "WCWIDTH_PYTHON"}
