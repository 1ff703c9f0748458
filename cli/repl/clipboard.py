"""Copying to the clipboard: a program of the desktop, or the terminal itself by OSC 52 (also over SSH and in tmux)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from fallback_chat.core.config.keys import without_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

PROGRAMS: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("", ("pbcopy",)),
    ("", ("clip.exe",)),
    # tmux tells its terminal, and keeps a copy; what is written for it to pass on, it drops unless it is allowed to.
    ("TMUX", ("tmux", "load-buffer", "-w", "-")),
)
"""A variable that must be set, and the command that reads the text."""
TIMEOUT: Final = 2.0


def copy(text: str, out: TextIO, env: Mapping[str, str]) -> str:
    """Copy `text`; gives by what means."""
    if not env.get("SSH_TTY"):
        for variable, command in PROGRAMS:
            if (not variable or env.get(variable)) and shutil.which(command[0]) and _piped(text, command):
                return command[0]
    out.write(osc52(text, in_tmux=bool(env.get("TMUX"))))
    out.flush()
    return "the terminal"


def _piped(text: str, command: tuple[str, ...]) -> bool:
    try:
        subprocess.run(  # noqa: S603 - one of the fixed commands above
            command,
            input=text.encode(),
            env=without_keys(os.environ, ()),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def osc52(text: str, *, in_tmux: bool) -> str:
    """Give the sequence that asks a terminal to copy; tmux passes on what is wrapped for it (`allow-passthrough`)."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if in_tmux else sequence
