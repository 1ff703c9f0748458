"""Runs programs in turn and compares them: whole processes by the operating system's own accounting, medians of ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parent.parent
ROUNDS = 9
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
"""A program that is used for the second time is compiled already."""
_missed: list[str] = []


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds and kilobytes."""

    cpu: float
    first_byte: float
    wall: float
    rss: int


def run(argv: Sequence[str], env: dict[str, str] | None = None) -> Run:
    """Run one program with its output in a pipe and account for it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env or ENVIRONMENT,
        cwd=ROOT,
    )
    assert process.stdout is not None
    first = process.stdout.read(1)
    first_byte = time.perf_counter() - started
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if not first:
        raise SystemExit(f"{' '.join(argv)} printed nothing (exit {process.returncode})")
    return Run(usage.ru_utime + usage.ru_stime, first_byte, wall, usage.ru_maxrss)


def alternate(programs: dict[str, Callable[[], Run]], rounds: int = ROUNDS) -> dict[str, list[Run]]:
    """Run all programs in turn, so that a slow moment of the machine hits all alike; one round in front warms up."""
    results: dict[str, list[Run]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            result = program()
            if number:
                results[name].append(result)
    return results


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Give the median of the ratios, pair by pair."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def row(number: str, what: str, value: float, must: float, unit: str = "x") -> None:
    """Print one line of the table; `must` is the most that is allowed."""
    told = "ok" if value <= must else "MISSED"
    if value > must:
        _missed.append(number)
    print(f"{number:4} {what:62} {value:8.2f} {unit:4} must <= {must:g} {unit}  {told}", flush=True)


def verdict() -> int:
    """Return the exit status of a benchmark: 1 when a bar was missed."""
    if _missed:
        print(f"     missed: {', '.join(dict.fromkeys(_missed))}", flush=True)
    return 1 if _missed else 0


@contextmanager
def upstream() -> Iterator[str]:
    """Start the provider on loopback and give its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.upstream"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()
        process.wait(timeout=5)
