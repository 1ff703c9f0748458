"""Copying to the clipboard: by a desktop program, tmux, or the terminal itself (OSC 52).

It works over SSH, too. A program reports success. A terminal does not, so its text is called sent,
never copied.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.repl.escapes import wrapped
from fallback_chat.core.config.keys import without_keys
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO


class Program(NamedTuple):
    """A program that reads a text and puts it on the clipboard."""

    needs: str
    """A variable that must be set; empty for none."""
    command: tuple[str, ...]
    encoding: str = "utf-8"


PROGRAMS: Final = (
    Program("WAYLAND_DISPLAY", ("wl-copy",)),
    Program("DISPLAY", ("xclip", "-selection", "clipboard")),
    Program("DISPLAY", ("xsel", "--clipboard", "--input")),
    Program("", ("pbcopy",)),
    Program("", ("clip.exe",), "utf-16-le"),
    Program("TERMUX_VERSION", ("termux-clipboard-set",)),
)
TIMEOUT: Final = 2.0
"""Seconds for each program."""
MUTE: Final = frozenset({"", "dumb", "linux", "vt100", "vt220", "cons25"})
"""Values of TERM for terminals without a clipboard."""
NOWHERE: Final = (
    "this terminal has no clipboard, and neither wl-copy, xclip, xsel nor pbcopy works here; /export writes a file"
)
LARGE: Final = 74_000
"""Bytes above which many terminals drop the text."""


class Copied(NamedTuple):
    """The outcome of copying a text."""

    verb: str
    """`copied`, or `sent` if nobody confirms the arrival."""
    where: str


class Clipboard:
    """Copies for one terminal, described by `env`.

    The variables in `keys` are kept from the programs it runs.
    """

    def __init__(self, out: TextIO, env: Mapping[str, str], keys: Iterable[str] = ()) -> None:
        self._out = out
        self._env = env
        self._child_env = without_keys(env, keys)
        self._is_remote = bool(env.get("SSH_TTY") or env.get("SSH_CONNECTION"))

    def copy(self, text: str) -> Copied:
        """Copy a text. Raises `InputError` if it cannot arrive anywhere."""
        in_tmux = self._into_tmux(text)
        if in_tmux and self._tmux_passes_on():
            return Copied("copied", "into tmux, and sent to its terminal")
        if (program := self._by_program(text)) is not None:
            return Copied("copied", f"to the clipboard ({program})")
        if in_tmux:
            return Copied("copied", "into tmux alone (prefix ] pastes it): its terminal takes no clipboard")
        return self._by_terminal(text)

    def _into_tmux(self, text: str) -> bool:
        """Pass the text to tmux, which is in charge inside it, even over SSH."""
        return bool(self._env.get("TMUX")) and self._run(("tmux", "load-buffer", "-w", "-"), text.encode()) is not None

    def _tmux_passes_on(self) -> bool:
        """Whether a terminal that shows tmux has a sequence (`Ms`) for its clipboard."""
        return b" Ms: (string)" in (self._run(("tmux", "show-messages", "-T")) or b"")

    def _by_program(self, text: str) -> str | None:
        """Return the program that took the text; over SSH it would be on the wrong machine."""
        for needs, command, encoding in () if self._is_remote else PROGRAMS:
            if (not needs or self._env.get(needs)) and self._run(command, text.encode(encoding)) is not None:
                return command[0]
        return None

    def _by_terminal(self, text: str) -> Copied:
        term = self._env.get("TERM", "")
        if term in MUTE or self._env.get("TERM_PROGRAM") == "Apple_Terminal" or not self._out.isatty():
            raise InputError(NOWHERE)
        sequence = osc52(text)
        self._out.write(wrapped(sequence, self._env))
        self._out.flush()
        size = f", if it takes as much as {len(sequence) // 1000} kB" if len(sequence) > LARGE else ""
        return Copied("sent", f"to the terminal's clipboard{size}; not every terminal allows that")

    def _run(self, command: tuple[str, ...], given: bytes = b"") -> bytes | None:
        """Run a program, and return its output; None if it is missing or fails."""
        if shutil.which(command[0], path=self._env.get("PATH")) is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603 - one of the fixed commands above
                command,
                input=given,
                env=self._child_env,
                stdout=subprocess.PIPE if not given else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout or b""


def osc52(text: str) -> str:
    """Return the sequence that asks a terminal to copy."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
