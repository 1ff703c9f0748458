"""`api_key_cmd`: a user's command that prints a key, ended together with all it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Start = Callable[[], "KeyCommand"]
    Launch = Callable[[Start], "KeyCommand"]

_MOST: Final = 64 * 1024
"""Bytes of output to keep; the key is on the first line."""
_MOMENT: Final = 0.2
"""Seconds to wait for the end of output after the command has exited: a background process may keep
the pipe open."""


class KeyCommand:
    """A running command, in a process group of its own so that its children end with it.

    It cannot prompt on this terminal: a background group is stopped when it reads there. Raises
    OSError.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        group = {"process_group": 0} if os.name == "posix" else {}
        # The command is the user's own, from a file that only the user can make effective; no shell
        # is involved.
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **group,  # type: ignore[call-overload]
        )
        self._read = bytearray()
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int:
        """Wait for the command, not for its background children, and return the exit status.

        Raises TimeoutError after killing the command.
        """
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
            raise TimeoutError from None
        self._reader.join(_MOMENT)
        return status

    @property
    def output(self) -> bytes:
        """The output so far, up to the limit."""
        return bytes(self._read)

    def kill(self) -> None:
        """Kill the command and all it has started, if it is still running."""
        if self._process.poll() is not None:
            return  # a background process, such as an agent, is meant to stay
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def _read_all(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as out:
            while piece := os.read(out.fileno(), 4096):
                self._read += piece[: _MOST - len(self._read)]
