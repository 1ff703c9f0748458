"""H1-H4: shared health: what it adds to `ask`, and fifty processes on one file.

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

from benchmarks.measure import ROOT, alternate, row, run, upstream, verdict
from benchmarks.startup import PROGRAM, config
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


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        env = config(folder, f"{url}/good/1")
        path = Path(folder) / ".local/state/fallback-chat/health.db"
        SqliteBackend(path, LABELS).load(LABELS)
        runs = alternate(
            {
                "shared": lambda: run([*PROGRAM, "ask", "hi"], env),
                "alone": lambda: run([*PROGRAM, "ask", "--no-shared-health", "hi"], env),
            }
        )
        added = [shared.cpu - alone.cpu for shared, alone in zip(runs["shared"], runs["alone"], strict=True)]
        row("H1", "ask with shared health, CPU beyond that without", statistics.median(added) * 1000, 3.0, "ms")
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
