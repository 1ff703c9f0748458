"""What this process owes to those around it: its standard streams, the signals, and the way out."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, NoReturn, TextIO


class Forgiving(io.TextIOWrapper):
    """Standard error: what cannot be written there is lost, because nobody is left to be told."""

    def write(self, text: str, /) -> int:
        """Write, or not."""
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        try:
            super().flush()
        except OSError:
            return


def prepare_streams() -> None:
    """Make the standard streams usable: none is missing, and pipes and files get UTF-8 in any locale.

    Python has None for a stream that the caller closed, and the next file to be opened gets its number. What is written to a
    standard output that was closed still fails, as an OSError.
    """
    sys.stdin = sys.stdin or _opened(os.O_RDONLY, "r")
    # Open for reading only, so that writing fails.
    sys.stdout = sys.stdout or _opened(os.O_RDONLY, "w")
    sys.stderr = sys.stderr or _opened(os.O_WRONLY, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal knows what it can show.
        sys.stdout.reconfigure(encoding=sys.stdout.encoding if sys.stdout.isatty() else "utf-8", errors="replace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        sys.stderr = Forgiving(sys.stderr.detach(), encoding, "backslashreplace", line_buffering=True)


def _opened(flags: int, mode: Literal["r", "w"]) -> TextIO:
    return open(os.open(os.devnull, flags), mode, encoding="utf-8")  # noqa: PTH123 - open to the end


def leave(code: int) -> NoReturn:
    """Write out what is buffered and end the process without tearing down the interpreter.

    That saves some 25 ms of every run, and a thread that still resolves a name cannot hold up the prompt.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        from fallback_chat.cli.process.exit_code import ExitCode
        from fallback_chat.cli.words.failures import report

        if code != ExitCode.LOCAL_IO:  # else it has been said already
            code = report(error)
    sys.stderr.flush()
    os._exit(code)
