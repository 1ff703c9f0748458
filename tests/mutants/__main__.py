"""Plants one defect at a time in a copy of the checkout, runs the closest tests, and says which survived.

A defect is caught if a test fails with it and passes without it. Fewer than nine of ten caught in a package: exit status 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.mutants.table import PACKAGES, ROOT, Defect, defects, stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENOUGH: Final = 0.9
"""The share of a package's defects that has to be caught."""
LIMIT: Final = 600
"""Seconds for one run of tests; one that takes longer hangs, which a person would notice."""
PASSED: Final = (0, 5)
"""Exit statuses of pytest; 5 where no test was left to run."""
Verdict = str | None
"""How a defect was caught; None if it survived."""


class Copy:
    """A copy of the checkout, in which one defect at a time is planted."""

    def __init__(self, place: Path) -> None:
        self._place = place
        for name in _files():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)

    async def verdict(self, defect: Defect, near: int | None) -> Verdict:
        """Run the tests of `defect`, stage by stage, until one of them catches it; `near` limits how many stages."""
        for stage in stages(defect)[:near]:
            with self._planted(defect):
                status, said = await self._test("-x", *stage)
            if status is None:
                return f"hangs in {' '.join(stage)}"
            if status in PASSED:
                continue
            if (await self._test("--last-failed", "--last-failed-no-failures=none", *stage))[0] in PASSED:
                return said
            _say(f"{defect.name}: without it, too: {said}")
        return None

    @contextmanager
    def _planted(self, defect: Defect) -> Iterator[None]:
        file = self._place / defect.file
        shutil.copy2(file, kept := file.with_suffix(".kept"))
        try:
            file.write_text(defect.planted(file.read_text("utf-8")), "utf-8")
            yield
        finally:
            kept.replace(file)  # with its time, by which Python knows that what it has compiled is of another text

    async def _test(self, *arguments: str) -> tuple[int | None, str]:
        """Run pytest; return its exit status, None if it hung, and the first failure in its words."""
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no", "--seed=1", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self._place)}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self._place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
        except TimeoutError:
            return None, ""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        lines = output.decode(errors="replace").splitlines()
        return process.returncode, next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])


def _files() -> list[str]:
    """Return the files of the project, links included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and ((ROOT / name).is_symlink() or (ROOT / name).is_file())]


async def run(chosen: Sequence[Defect], jobs: int, near: int | None) -> dict[str, Verdict]:
    """Plant all of `chosen`, in as many copies as there are `jobs`; say of each what became of it."""
    left = [defect for defect in chosen if defect.equivalent is None]
    total, verdicts = len(left), dict[str, Verdict]()

    async def work(place: Path) -> None:
        copy = Copy(place)
        while left:
            defect = left.pop(0)
            verdict = verdicts[defect.name] = await copy.verdict(defect, near)
            _say(f"{len(verdicts)}/{total} {defect.name}: {verdict or 'SURVIVED'}")

    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        async with asyncio.TaskGroup() as group:
            for job in range(min(jobs, total)):
                group.create_task(work(Path(place, str(job))))
    return verdicts


def report(chosen: Sequence[Defect], verdicts: dict[str, Verdict]) -> bool:
    """Say for each package how many were caught, and name the others; return whether these are enough."""
    enough = True
    for package in PACKAGES:
        rows = [defect for defect in chosen if defect.package == package]
        missed = [defect for defect in rows if verdicts.get(defect.name) is None]
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
