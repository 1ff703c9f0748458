"""H1: how long a check of ten providers takes, five of which hang, beside a question to one of them."""

from __future__ import annotations

import tempfile
from statistics import median

from benchmarks.measure import row, run, upstream, verdict
from benchmarks.startup import PROGRAM, PYTHON, config

T = 1.0
ROUNDS = 5
HUNG = ("hang", "headers", "role", "comments", "hang")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        floor_url = f"{url}/good/1/v1/chat/completions"
        floor = median(run([PYTHON, "benchmarks/floor_ask.py", floor_url]).wall for _ in range(ROUNDS))
        providers = [address for kind in HUNG for address in (f"{url}/good/1", f"{url}/{kind}")]
        env = config(folder, *providers, attempt_timeout=T)
        took = median(run([*PROGRAM, "probe"], env).wall for _ in range(ROUNDS))
        row("H1", "probe of ten, five hung: beyond T / an httpx script's question", (took - T) / floor, 1.25)
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
