"""H1-H4: shared health: what it costs a run of `ask`, beside SQLite alone, and fifty processes on one file.

python -m benchmarks.health
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import ENVIRONMENT, ROOT, ROUNDS, ratio, row, verdict
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.health_sqlite import SqliteBackend
from fallback_chat.core.engine.shared_health import Label, SharedHealthStore
from fallback_chat.core.events import State

PROCESSES: Final = 50
UPDATES: Final = 10
DOWN: Final = "down"
"""The provider whose rest is over: everybody wants its one lease."""
BUSY: Final = "busy"
"""The provider whose record everybody changes."""
LABELS: Final = {key: Label(number, key, "openai", "m") for number, key in enumerate((DOWN, BUSY))}

TIMED: Final = """
import asyncio, sys, time
from pathlib import Path
from fallback_chat.cli.process import loop
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.shared_health import Label, SharedHealthStore
from fallback_chat.wiring import open_chain

async def main(path):
    await asyncio.to_thread(int)
    began = time.process_time()
{code}
    print(time.process_time() - began)

asyncio.run(main(Path(sys.argv[1])))
"""
"""What `ask` needs anyway is not counted: its modules, and the thread that looks up names."""
OURS: Final = """
    def backend():
        from fallback_chat.core.engine.health_sqlite import SqliteBackend
        return SqliteBackend(path, labels)
    labels = {key: Label(0, key, "openai", "m") for key in ("down", "busy")}
    store = SharedHealthStore(backend, path.exists, labels, warn=print)
    board = HealthBoard(store, clock=time.time, random=lambda: 0.5, on_change=print)
    await board.refresh()
    permit = await board.admit("busy", lease=20)
    board.note_sample("busy", 0, 1.0)
    board.succeed("busy", permit)
    await board.aclose()
"""
FLOOR: Final = """
    import sqlite3
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("SELECT * FROM health").fetchall()
    connection.execute("INSERT INTO samples (key, size, seconds) VALUES ('x', 0, 1.0)")
    connection.close()
"""


async def work(path: Path) -> dict[str, Any]:
    """Do what a process of the program does with the file, and measure how long its user waits for that."""
    told: list[str] = []
    store = SharedHealthStore(lambda: SqliteBackend(path, LABELS), path.exists, LABELS, warn=told.append)
    board = HealthBoard(store, clock=time.time, random=lambda: 0.5, on_change=lambda _: None)
    await board.refresh()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    waits = []
    began = time.perf_counter()
    lease = await board.admit(DOWN, lease=600)
    waits.append(time.perf_counter() - began)
    for _ in range(UPDATES):
        began = time.perf_counter()
        await board.refresh()
        await board.admit(BUSY, lease=20)
        store.update(BUSY, lambda health: replace(health, failures=health.failures + 1))
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)
    await board.aclose()
    return {"waits": waits, "lease": lease is not None and lease.half_open, "told": told}


def crowd(path: Path) -> list[dict[str, Any]]:
    """Let all processes work at the same time; return what each of them saw."""
    command = [sys.executable, "-m", "benchmarks.health", str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(PROCESSES)
    ]
    for one in processes:
        assert one.stdout is not None
        one.stdout.readline()
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return [json.loads(one.communicate()[0]) for one in processes]


def seconds(code: str, path: Path) -> float:
    """Return the CPU seconds that a fresh process measures for a piece of code."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code), str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    return float(done.stdout)


def main() -> int:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state/health.db"
        SqliteBackend(path, LABELS).load(LABELS)
        for _ in range(2 * ROUNDS):
            ours.append(seconds(OURS, path))
            theirs.append(seconds(FLOOR, path))
    row("H1", f"health in one ask, CPU ({min(ours) * 1000:.1f} ms) / sqlite3 alone", ratio(ours, theirs), 3.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state/health.db"
        backend = SqliteBackend(path, LABELS)
        backend.update(DOWN, lambda _: Health(State.OPEN, "timeout", since=1.0, until=2.0, opens=1, generation=1))
        seen = crowd(path)
        found = backend.load(LABELS)[BUSY].failures
        backend.close()
    waits = [wait for one in seen for wait in one["waits"]]
    row("H2", f"{PROCESSES} processes, updates lost of {PROCESSES * UPDATES}", PROCESSES * UPDATES - found, 0, "")
    row("H3", "holders of one lease, beyond one", sum(one["lease"] for one in seen) - 1, 0, "")
    row("H4", "wait for a permit, median", statistics.median(waits) * 1000, 100, "ms")
    row("H4", "wait for a permit, 99th of 100", statistics.quantiles(waits, n=100)[98] * 1000, 105, "ms")
    row("H4", "warnings", sum(len(one["told"]) for one in seen), 0, "")
    return verdict()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asyncio.run(work(Path(sys.argv[1])))))
    else:
        raise SystemExit(main())
