"""Rehearsing an outage: run a command on simulated providers of which only the last one answers.

    python -m fallback_chat.providers.simulator fallback-chat ask "hello"

The command finds the chain through `$FALLBACK_CHAT_CONFIG`. Everything happens on this machine; no
key is used.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fallback_chat.providers.simulator import Manner, Simulator, closed_port, running

FAULTY: Final = {"broken": "500", "silent": "comments-forever"}
"""Faults by provider; a third one, `refused`, is a port on which nothing listens."""
WHAT_THEY_DO: Final = """\
refused   nothing listens on its port
broken    answers every request with HTTP 500
silent    accepts, then sends keep-alive comments and no content
good      answers
"""
ATTEMPT_TIMEOUT: Final = 1.5
ANSWER: Final = "Three of four providers failed before me, each in its own way, and you still got **one whole answer**."

_PROVIDER: Final = """
[[providers]]
name = "{name}"
kind = "openai"
model = "simulated"
base_url = "{url}/v1"
attempt_timeout = {timeout}
"""


def main(command: list[str]) -> int:
    """Run `command` on the simulated chain, report what each provider saw, return the exit code."""
    with ExitStack() as stack:
        servers: dict[str, Simulator] = {name: stack.enter_context(running(fault)) for name, fault in FAULTY.items()}
        servers["good"] = stack.enter_context(running(manner=Manner(text=ANSWER)))
        urls = {"refused": f"http://127.0.0.1:{closed_port()}"} | {name: each.url for name, each in servers.items()}
        config = Path(stack.enter_context(TemporaryDirectory())) / "fallback.toml"
        config.write_text(
            "".join(_PROVIDER.format(name=name, url=url, timeout=ATTEMPT_TIMEOUT) for name, url in urls.items()),
            encoding="utf-8",
        )
        _tell(f"A chain of four simulated providers:\n{WHAT_THEY_DO}$ {shlex.join(command)}")
        code = subprocess.run(command, env={**os.environ, "FALLBACK_CHAT_CONFIG": str(config)}, check=False).returncode  # noqa: S603 - the user's own command
        seen = ", ".join(f"{name} {len(each.chats)}" for name, each in servers.items())
        _tell(f"exit code {code}; requests received: {seen}")
    return code


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(__doc__)
        sys.exit()
    sys.exit(main(sys.argv[1:] or [sys.executable, "-m", "fallback_chat", "ask", "hello"]))
