"""Programs that start warm: a short run of the program spends most of its time on importing itself.

A server, one for each process that runs tests, has imported everything, and forks. What comes out is
a child of the tests' process like any other, with its own pid, group, streams, directory and
environment. A run whose environment says something to Python itself starts cold, as users' runs do.
"""

from __future__ import annotations

import ctypes
import gc
import inspect
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import fallback_chat
from fallback_chat import __main__ as program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
SAID_TO_PYTHON: Final = re.compile(r"PYTHON|LANG|LC_|LD_|TZ|COVERAGE")
"""How the variables begin that Python, or what is below it, reads when it starts."""
COVERAGE: Final = "COVERAGE_PROCESS_CONFIG"
ENVIRONMENT: Final = {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"} | (
    {COVERAGE: os.environ[COVERAGE]} if COVERAGE in os.environ else {}
)
"""What the server was told."""
COMMAND: Final = (sys.executable, "-m", "fallback_chat")
HANDED_OVER: Final = frozenset({"stdin", "stdout", "stderr", "pipesize", "cwd", "process_group"})
"""The options of a start that a fork can have."""
PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
SET_CHILD_SUBREAPER: Final = 36
"""Of prctl(2), on Linux: a descendant becomes this process's child once its parent has ended."""
SIZE: Final = 4
"""Bytes of a length, and of a pid."""


class Starter:
    """Starts programs as `subprocess.Popen` does, warm where that makes no difference."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._lock = Lock()

    def __call__(self, command: list[str], *, env: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
        said = {name: value for name, value in env.items() if SAID_TO_PYTHON.match(name)}
        if said == ENVIRONMENT and tuple(command[: len(COMMAND)]) == COMMAND and options.keys() <= HANDED_OVER:
            return Warm(self, command, env=env, **options)
        return subprocess.Popen(command, env=env, **options)

    def fork(self, wanted: dict[str, Any], streams: list[int]) -> int:
        """Have the server fork; return the pid of what is this process's child by then."""
        data = json.dumps(wanted).encode()
        with self._lock:
            socket.send_fds(self._server, [len(data).to_bytes(SIZE, "big")], streams)
            self._server.sendall(data)
            return int.from_bytes(self._server.recv(SIZE, socket.MSG_WAITALL), "big")


class Warm(subprocess.Popen[bytes]):
    """A run of the program that the server forks."""

    def __init__(self, starter: Starter, command: list[str], **options: Any) -> None:
        self._starter = starter
        super().__init__(command, **options)

    def _execute_child(self, *args: Any) -> None:
        given = inspect.signature(super()._execute_child).bind(*args).arguments  # type: ignore[misc]
        wanted = {name: given[name] for name in ("args", "env", "process_group")} | {"cwd": str(given["cwd"])}
        streams = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        try:
            # A stream that is not redirected is that of the tests.
            self.pid = self._starter.fork(wanted, [at if fd == -1 else fd for at, fd in enumerate(streams)])
            self._child_created = True
        finally:
            self._close_pipe_fds(*(given[name] for name in PIPES))  # type: ignore[attr-defined]


@contextmanager
def warm_starts() -> Iterator[Starter]:
    """Run a server. Only Linux has what makes its forks the children of this process."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-m", "tests.cli.warm", str(theirs.fileno())]
            environment = {"PATH": os.environ["PATH"]} | ENVIRONMENT
            server = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        yield Starter(ours)
    server.wait()


def import_everything() -> None:
    """Import every module of the program."""
    for module in walk_packages(fallback_chat.__path__, "fallback_chat."):
        import_module(module.name)


def serve(requests: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request; return in the fork, with what is wanted and its streams."""
    while True:
        length, streams, _, _ = socket.recv_fds(requests, SIZE, 3)
        if not length:
            os._exit(0)
        wanted = json.loads(requests.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL))
        heard, told = os.pipe()
        if not (between := os.fork()):  # ends at once, or what it forks would be the server's child
            if not (pid := os.fork()):
                for fd in (requests.detach(), heard, told):
                    os.close(fd)
                return wanted, streams
            if wanted["process_group"] != -1:
                os.setpgid(pid, wanted["process_group"])
            os.write(told, pid.to_bytes(SIZE, "big"))
            os._exit(0)
        os.waitpid(between, 0)
        requests.sendall(os.read(heard, SIZE))
        for fd in (heard, told, *streams):
            os.close(fd)


def become(wanted: dict[str, Any], streams: list[int]) -> None:
    """Take over the streams, the directory, the environment and the arguments of a new process."""
    for at, (name, fd) in enumerate(zip(("stdin", "stdout", "stderr"), streams, strict=True)):
        os.dup2(fd, at)
        os.close(fd)
        before = getattr(sys, name)
        stream = open(at, before.mode, encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.path[0] = wanted["cwd"]
    sys.argv = [program.__file__, *wanted["args"][len(COMMAND) :]]


if __name__ == "__main__":
    import_everything()
    gc.freeze()
    become(*serve(socket.socket(fileno=int(sys.argv[1]))))
    program.main()
