"""`api_key_cmd`: a command of the user's own that prints a key, and that ends with all that it has started."""

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
"""Bytes of output that are kept; the key is in the first line."""
_MOMENT: Final = 0.2
"""Seconds for the end of the output of a command that has ended: what it left in the background may keep it open."""


class KeyCommand:
    """A running command. It has a process group of its own, so that what it has started can be ended with it.

    It cannot ask anything on this terminal: a group in the background is stopped when it reads there. Raises OSError.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        group = {"process_group": 0} if os.name == "posix" else {}
        # The command is the user's own, from a file that only the user can make effective; no shell sees it.
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
        """Wait for the command, not for what it leaves behind, and return its status. Raises TimeoutError, and it is killed."""
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
        """What it has printed, as far as it is kept."""
        return bytes(self._read)

    def kill(self) -> None:
        """End the command and all that it has started, if it still runs."""
        if self._process.poll() is not None:
            return  # what it has left behind is meant to stay: an agent, perhaps
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
