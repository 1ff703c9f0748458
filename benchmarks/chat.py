"""S5 and K1: how soon the chat can be typed into, and how soon a key shows while an answer streams; on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import random
import select
import signal
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks.measure import ROOT, ROUNDS, ratio, row, run, verdict
from benchmarks.render import RATE, words
from benchmarks.startup import PROGRAM, PYTHON, config
from fallback_chat.providers.simulator import Manner
from fallback_chat.providers.simulator.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES: Final = "import prompt_toolkit, httpx; print(1)"
PROMPT: Final = b"? help"
"""The end of the status row, which is drawn below the input line."""
KEYS: Final = 100
PAUSE: Final = 0.05
"""Seconds between two keys: 20 a second."""
PATIENCE: Final = 10.0


class Terminal:
    """A chat on a pseudo-terminal of 80 x 24."""

    def __init__(self, master: int) -> None:
        self._master = master

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def sees(self, text: bytes) -> float:
        """Read until `text` was written, and give the time. Raises TimeoutError."""
        data = b""
        end = time.perf_counter() + PATIENCE
        while text not in data:
            if not select.select([self._master], [], [], end - time.perf_counter())[0]:
                raise TimeoutError(f"{text!r} did not come")
            data = data[-len(text) :] + os.read(self._master, 65536)
        return time.perf_counter()

    def drain(self) -> None:
        """Read what is there."""
        while select.select([self._master], [], [], 0)[0]:
            os.read(self._master, 65536)


@contextmanager
def chat(env: dict[str, str]) -> Iterator[Terminal]:
    """Start a chat that keeps no record; it is killed at the end."""
    master, slave = pty.openpty()
    env = env | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PROMPT_TOOLKIT_NO_CPR": "1"}
    with subprocess.Popen(
        [*PROGRAM, "--no-log"], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            yield Terminal(master)
        finally:
            process.send_signal(signal.SIGKILL)
            os.close(master)


def first_prompt(env: dict[str, str]) -> float:
    """Give the seconds from the start of the program until it can be typed into."""
    started = time.perf_counter()
    with chat(env) as terminal:
        return terminal.sees(PROMPT) - started


def echoes(env: dict[str, str]) -> list[float]:
    """Give the seconds from each key to its sight, while an answer streams."""
    found = []
    with chat(env) as terminal:
        terminal.sees(PROMPT)
        terminal.type(b"go\r")
        terminal.sees(b"begin")
        for number in range(KEYS):
            key = b"QXZJKVW"[number % 7 :][:1]  # the text has none of them
            time.sleep(PAUSE)
            terminal.drain()
            pressed = time.perf_counter()
            terminal.type(key)
            found.append(terminal.sees(key) - pressed)
    return found


def main() -> int:
    text = "begin " + words(random.Random(1), RATE * 30)
    with (
        tempfile.TemporaryDirectory() as folder,
        running("slow", manner=Manner(text, tick=1 / RATE), lifetime=60) as server,
    ):
        env = config(folder, server.url)
        floor, ours = [], []
        for number in range(ROUNDS + 1):
            pair = run([PYTHON, "-c", LIBRARIES]).first_byte, first_prompt(env)
            if number:
                floor.append(pair[0])
                ours.append(pair[1])
        row("S5", "chat, prompt drawn / import prompt_toolkit, httpx", ratio(ours, floor), 1.4)
        times = sorted(echoes(env))
        row("K1", f"key to echo while {RATE} tokens/s stream, median", statistics.median(times) * 1000, 20, "ms")
        row("K1", "the same, 95th of 100", times[94] * 1000, 20, "ms")
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
