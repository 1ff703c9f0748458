"""A 60-second outage, as the dead provider's log and its users see it: three chats, a shell loop, one primary.

    python -m benchmarks.outage [SECONDS]

Every chat is a process of its own that asks a question now and then and checks in the background, as the chat does;
the loop runs `fallback-chat ask` over and over. The primary accepts and says nothing, and so does its list of models.
Printed is every request that reached the primary while it was dead, and what each user was told, on one clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.providers.simulator import Manner, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.providers.simulator import Moment, Simulator

OUTAGE: Final = 60.0
BEFORE: Final = 10.0
"""Seconds from the start to the outage, in which the processes have started."""
AFTER: Final = 80.0
"""Seconds after it: the last rest that begins during the outage may take a minute, and a fifth more."""
CHATS: Final = 3
TIME_OUT: Final = 3.0
CONFIG: Final = """
[chain]
attempt_timeout = {timeout}

[[providers]]
name = "primary"
kind = "openai"
model = "simulated"
base_url = "{primary}/v1"

[[providers]]
name = "backup"
kind = "openai"
model = "simulated"
base_url = "{backup}/v1"
"""
CHAT: Final = """
import asyncio, sys, time
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.overrides import Overrides
from fallback_chat.configuring import configure
from fallback_chat.wiring import open_chain

name, end, pause = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])

def say(text):
    print(f"{time.time():.3f} {name} {text}", flush=True)

async def chat():
    async with open_chain(configure(None, Overrides())).adapter as chain:
        chain.on("llm_availability_changed", lambda event: say(
            f"is told: {event.llm.label} {'is back' if event.available else 'is down'} ({event.reason})"))
        chain.start_recovery()
        while time.time() < end:
            began = time.monotonic()
            stream = chain.chat(chat_ctx=ChatContext.from_text("How are you?"))
            answer = await stream.collect()
            say(f"asks: {answer.provider} answers after {time.monotonic() - began:.1f} s")
            await asyncio.sleep(pause)

asyncio.run(chat())
"""


def main(seconds: float = OUTAGE) -> int:
    """Play the outage and print its timeline; the exit code is 1 if the dead primary was asked too often."""
    start = time.time()
    dead_from, dead_to = BEFORE, BEFORE + seconds

    def script(moment: Moment) -> str:
        return "head-silent" if dead_from <= moment.elapsed < dead_to else "ok"

    with running(script, manner=Manner("I am well."), lifetime=600) as primary, running(lifetime=600) as backup:
        lines = _played(primary, backup, start, start + dead_to + AFTER)
        requests = [
            (request.at, f"primary  is sent {request.method} {'chat' if request.method == 'POST' else 'list'}")
            for request in primary.requests
            if dead_from <= request.at < dead_to
        ]
    told = [(at, f"{who:<8} {text}") for at, who, text in lines]
    marks = [(dead_from, "-------- the outage begins"), (dead_to, "-------- the outage is over")]
    for at, text in sorted([*requests, *told, *marks]):
        sys.stdout.write(f"{at - dead_from:7.1f} s  {text}\n")
    return _summary(lines, len(requests), dead_from, dead_to)


def _played(primary: Simulator, backup: Simulator, start: float, end: float) -> list[tuple[float, str, str]]:
    with tempfile.TemporaryDirectory(prefix="fallback-chat-outage-") as directory:
        config = Path(directory) / "fallback.toml"
        config.write_text(CONFIG.format(timeout=TIME_OUT, primary=primary.url, backup=backup.url), encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": directory, "FALLBACK_CHAT_CONFIG": str(config)}
        lines: list[tuple[float, str, str]] = []

        def note(when: float, who: str, text: str) -> None:
            lines.append((when - start, who, text))

        workers = [threading.Thread(target=_chat, args=(number, env, end, note)) for number in range(1, CHATS + 1)]
        workers.append(threading.Thread(target=_loop, args=(env, end, note)))
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    return lines


def _chat(number: int, env: dict[str, str], end: float, note: Callable[[float, str, str], None]) -> None:
    command = [sys.executable, "-c", CHAT, f"chat-{number}", str(end), str(5 + 2 * number)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            when, who, text = line.rstrip().split(" ", 2)
            note(float(when), who, text)


def _loop(env: dict[str, str], end: float, note: Callable[[float, str, str], None]) -> None:
    while time.time() < end:
        began = time.time()
        ran = subprocess.run(
            [sys.executable, "-m", "fallback_chat", "ask", "How are you?"],
            env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        told = [line.removeprefix("fallback-chat: ") for line in ran.stderr.splitlines()]
        note(
            time.time(),
            "loop",
            f"exit {ran.returncode} after {time.time() - began:.1f} s: {'; '.join(told) or 'primary answers'}",
        )
        time.sleep(1)


def _summary(lines: list[tuple[float, str, str]], requests: int, dead_from: float, dead_to: float) -> int:
    during = [(who, text) for at, who, text in lines if dead_from <= at < dead_to]
    answers = sum("answers" in text or "exit 0" in text for _, text in during)
    events = {
        who: sum(other == who and "is told" in text for other, text in during) for who, _ in during if who != "loop"
    }
    back = [at - dead_to for at, _, text in lines if "is back" in text]
    failed = sum(text.startswith("exit") and not text.startswith("exit 0") for _, text in during)
    sys.stdout.write(
        f"\nrequests to the dead primary: {requests}, for {answers} answers in {dead_to - dead_from:g} s"
        f"\nevents in each chat: {', '.join(f'{who} {count}' for who, count in sorted(events.items()))}"
        f"\nknown to be back: {min(back, default=float('nan')):.1f} to {max(back, default=float('nan')):.1f} s after the end"
        f"\nquestions without an answer: {failed}\n"
    )
    return int(requests > answers / 2 or failed > 0)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2])))
