"""Plants one defect at a time in a copy of the checkout, runs the closest tests, and says which survived.

A defect is caught if a test fails or hangs with it and, at the end, passes without it. Fewer than nine of ten caught in a
package: exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutants import running
from tests.mutants.table import PACKAGES, ROOT, Defect, defects, stages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

ENOUGH: Final = 0.9
"""The share of a package's defects that has to be caught."""
TEST_LIMIT: Final = 90
"""Seconds for one test; one that takes longer hangs, which a person would notice."""
RUN_LIMIT: Final = 3600
"""Seconds for one run of tests, which only a hang outside of all tests reaches."""
PYTEST: Final = (
    *(sys.executable, "-m", "pytest", "-q", "--tb=no", "--seed=1", "-p", running.__name__),
    *("-o", f"faulthandler_timeout={TEST_LIMIT}", "-o", "faulthandler_exit_on_timeout=true"),
)
PASSED: Final = (0, 5)
"""Exit statuses of pytest; 5 where a name finds no test."""
FAILED: Final = ".pytest_cache/v/cache/lastfailed"
"""Where pytest keeps the names of the tests that failed."""


class Catch(NamedTuple):
    """The test that notices a defect; None if pytest cannot start, or hangs outside of all tests."""

    test: str | None
    hangs: bool = False

    def __str__(self) -> str:
        """Return how the defect shows."""
        return f"{self.test} hangs" if self.hangs else self.test or "no test can run"


class Copy:
    """A copy of the checkout, in which one defect at a time is planted."""

    def __init__(self, place: Path) -> None:
        self._place = place
        for name in _files():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)

    async def catch(self, defect: Defect, near: int | None) -> Catch | None:
        """Return what catches `defect`, or None; `near` limits how many stages are tried."""
        passed: list[str] = []
        for stage in stages(defect)[:near]:
            with self._planted(defect):
                if caught := await self.failing("-x", *stage, *(f"--ignore={name}" for name in passed)):
                    return caught[0]
            passed += stage
        return None

    async def failing(self, *arguments: str) -> list[Catch]:
        """Run pytest; return the tests that fail or hang."""
        for name in (FAILED, running.FILE):
            (self._place / name).unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *PYTEST, *arguments, cwd=self._place, env={**os.environ, "PYTHONPATH": str(self._place)}, process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.wait_for(process.wait(), RUN_LIMIT)
        except TimeoutError:
            return [Catch(None)]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        failed, hanging = self._place / FAILED, self._place / running.FILE
        if failed.exists():
            return [Catch(test) for test in json.loads(failed.read_text("utf-8"))]
        if hanging.exists():
            return [Catch(hanging.read_text("utf-8"), hangs=True)]
        return [] if process.returncode in PASSED else [Catch(None)]

    @contextmanager
    def _planted(self, defect: Defect) -> Iterator[None]:
        file = self._place / defect.file
        shutil.copy2(file, kept := file.with_suffix(".kept"))
        try:
            file.write_text(defect.planted(file.read_text("utf-8")), "utf-8")
            yield
        finally:
            kept.replace(file)  # with its time, by which Python knows that what it has compiled is of another text


def _files() -> list[str]:
    """Return the files of the project, links included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and ((ROOT / name).is_symlink() or (ROOT / name).is_file())]


async def run(chosen: Sequence[Defect], jobs: int, near: int | None) -> set[str]:
    """Plant all of `chosen`, in as many copies as there are `jobs`; return the names of those that are caught."""
    left = [defect for defect in chosen if defect.equivalent is None]
    total, done, caught = len(left), count(1), dict[str, str | None]()

    async def work(copy: Copy) -> None:
        while left:
            defect = left.pop(0)
            if catch := await copy.catch(defect, near):
                caught[defect.name] = catch.test
            _say(f"{next(done)}/{total} {defect.name}: {catch or 'SURVIVED'}")

    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copies = [Copy(Path(place, str(job))) for job in range(max(1, min(jobs, total)))]
        async with asyncio.TaskGroup() as group:
            for copy in copies:
                group.create_task(work(copy))
        tests = sorted({test for test in caught.values() if test})
        at_fault = await copies[0].failing(*tests) if tests else []
    for fault in at_fault:
        _say(f"without a defect, too: {fault}")
    wrongly = {fault.test for fault in at_fault}
    return {name for name, test in caught.items() if test is None or test not in wrongly}


def report(chosen: Sequence[Defect], caught: Collection[str]) -> bool:
    """Say for each package how many were caught, and name the others; return whether these are enough."""
    enough = True
    for package in PACKAGES:
        rows = [defect for defect in chosen if defect.package == package]
        missed = [defect for defect in rows if defect.name not in caught]
        if rows:
            _say(f"\n{package}: {len(rows) - len(missed)} of {len(rows)} caught")
            enough = enough and len(rows) - len(missed) >= ENOUGH * len(rows)
        for defect in missed:
            fate = "survived" if defect.equivalent is None else f"not planted ({defect.equivalent})"
            _say(f"  {defect.name} ({defect.file}), {fate}: {defect.what}")
    return enough


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="packages, files or defects; all of them by default")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="how many are planted at a time")
    parser.add_argument(
        "--near", type=int, metavar="N", help="only the first N of: the module's tests, its room's, all"
    )
    parser.add_argument("--list", action="store_true", help="only name them")
    options = parser.parse_args()
    known = defects()
    chosen = [one for one in known if not options.names or {one.name, one.file, one.package} & set(options.names)]
    if unknown := set(options.names) - {name for one in known for name in (one.name, one.file, one.package)}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if options.list:
        for one in chosen:
            _say(f"{one.name} ({one.file}): {one.what}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing behind then, either
    return 0 if report(chosen, asyncio.run(run(chosen, options.jobs, options.near))) else 1


if __name__ == "__main__":
    sys.exit(main())
