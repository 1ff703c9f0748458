"""The program as its users run it: a process with a home of its own, over servers on loopback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import tomli_w

from fallback_chat.providers.simulator import Manner, Simulator
from fallback_chat.providers.simulator.schedule import always
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.providers.simulator import Script

ROOT: Final = Path(__file__).parents[2]
KEY: Final = "sk-test-0123456789abcdef"
NAMES: Final = ("one", "two", "three")
TEXTS: Final = {name: f"These are the words of {name}." for name in NAMES}
ANSWERS: Final = {name: f"{text}\n" for name, text in TEXTS.items()}
NEVER: Final = 600.0
"""Seconds for what must not decide a test: a run that waited for it would not end before the test gives up."""
ENDED_BY: Final = {
    **dict.fromkeys(("accept-silent", "head-silent", "head-half", "silence"), "attempt_timeout"),
    **dict.fromkeys(("role-silence", "comments-forever", "pings-forever", "thinking-forever"), "attempt_timeout"),
    **dict.fromkeys(("token-silence", "token-comments"), "idle_timeout"),
}
"""Faults that nothing but a time-out ends, and which one. What else a server does comes when the machine has time for it."""


@dataclass(frozen=True)
class Ran:
    """What a run left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@dataclass
class Program:
    """Runs `fallback-chat` over the servers one, two and three, which answer as `play` says."""

    directory: Path
    servers: tuple[Simulator, ...]
    config: dict[str, Any] = field(default_factory=dict)
    """The content of fallback.toml; `play` writes it."""
    runs: int = 0
    mode: int = 0o600
    """The permissions of fallback.toml."""
    begin: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
    """What starts a process."""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def play(self, *scripts: Script | str, manner: Manner | None = None, **chain: Any) -> Self:
        """Let the first servers answer by `scripts` and be the chain; `chain` is laid over quick settings.

        Its time-outs are for those servers that only a time-out ends.
        """
        manner = manner or Manner()
        limits = {name: chain.pop(name, NEVER) for name in ("attempt_timeout", "idle_timeout")}
        for name, server, script in zip(NAMES, self.servers, scripts, strict=False):
            server.script = always(script) if isinstance(script, str) else script
            server.manner = Manner(TEXTS[name], manner.delay, manner.tick, manner.redirect_to)
            server.requests.clear()
        providers = []
        for name, server, script in zip(NAMES, self.servers, scripts, strict=False):
            limit = ENDED_BY.get(script) if isinstance(script, str) else None
            providers.append(entry(name, server.url, **({limit: limits[limit]} if limit else {})))
        self.config = {"chain": dict.fromkeys(limits, NEVER) | {"retry_interval": 0.1} | chain, "providers": providers}
        return self

    def play_with_a_key_that_all_can_read(self) -> Self:
        """Let the first server answer, with a configuration that earns a warning."""
        self.play("ok")
        del self.config["providers"][0]["api_key_env"]
        self.config["providers"][0]["api_key"] = KEY
        self.mode = 0o644
        return self

    @property
    def asked(self) -> list[int]:
        """How many requests each server of the chain got."""
        return [len(server.requests) for server in self.servers[: len(self.config["providers"])]]

    def environment(self, **more: str | None) -> dict[str, str]:
        """Give the environment of one run, with a new home in which the configuration lies; None takes a variable out."""
        self.runs += 1
        home = self.directory / f"home-{self.runs}"
        file = home / ".config/fallback-chat/fallback.toml"
        file.parent.mkdir(parents=True, mode=0o700)
        if self.config:
            file.write_text(tomli_w.dumps(self.config), "utf-8")
            file.chmod(self.mode)
        basic = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "SIM_KEY": KEY,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "COVERAGE_PROCESS_CONFIG": os.environ.get("COVERAGE_PROCESS_CONFIG"),
        }
        return {name: value for name, value in (basic | more).items() if value is not None}

    def start(
        self, *args: str, env: dict[str, str | None] | None = None, before: Sequence[str] = (), **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a run whose standard streams are pipes unless `options` say otherwise; standard input is empty.

        `before` is a command that runs the rest of its arguments as a program.
        """
        (cwd := self.directory / "cwd").mkdir(exist_ok=True)
        pipe = subprocess.PIPE
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, "cwd": cwd} | options
        command = [*before, sys.executable, "-m", "fallback_chat", *args]
        process = self.begin(command, env=self.environment(**(env or {})), **streams)
        self.started.append(process)
        return process

    def end(self) -> None:
        """Leave nothing behind, also of a test that has failed: an open pipe would be reported by one of the next."""
        for process in self.started:
            with process:
                process.kill()

    def __call__(
        self, *args: str, stdin: bytes | None = None, env: dict[str, str | None] | None = None, **options: Any
    ) -> Ran:
        """Run to the end, with `stdin` through a pipe."""
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*args, env=env, **options) as process:
            try:
                out, err = process.communicate(stdin, timeout=PATIENCE)
            finally:
                process.kill()
        return Ran(process.returncode, (out or b"").decode(), (err or b"").decode())

    def shell(self, script: str, *, env: dict[str, str | None] | None = None) -> Ran:
        """Run a line of shell in which `$fc` is the program; its exit code is the script's."""
        environment = self.environment(**(env or {})) | {"fc": f"{sys.executable} -m fallback_chat"}
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def on_terminal(self, *args: str, env: dict[str, str | None] | None = None, **options: Any) -> tuple[int, bytes]:
        """Run on a pseudo-terminal; give the exit code and every byte that was written to it."""
        master, slave = pty.openpty()
        streams = {"stdin": slave, "stdout": slave, "stderr": slave} | options
        size: dict[str, str | None] = {"COLUMNS": "80", "LINES": "24"}
        with self.start(*args, env=size | (env or {}), **streams) as process:
            os.close(slave)
            data = b"".join(iter(lambda: read(master), b""))
        os.close(master)
        return process.returncode, data


def entry(name: str, url: str, **more: Any) -> dict[str, Any]:
    """Give a [[providers]] entry for the server at `url`."""
    return {
        "name": name,
        "kind": "openai",
        "model": "sim-model",
        "base_url": f"{url}/v1",
        "api_key_env": "SIM_KEY",
    } | more


def read(master: int) -> bytes:
    """Give what comes next from a pseudo-terminal; b"" at its end."""
    try:
        return os.read(master, 65536)
    except OSError:  # Linux says EIO when the last program on the terminal has left
        return b""


def sleeps_in_read(pid: int) -> bool:
    """Whether a thread of this process waits for a pipe."""
    return any("pipe_read" in file.read_text("ascii") for file in Path(f"/proc/{pid}/task").glob("*/wchan"))


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> Ran:
    """Send a signal to a run and return what came of it."""
    process.send_signal(number)
    with process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return Ran(process.returncode, (out or b"").decode(), (err or b"").decode())
