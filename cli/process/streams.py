"""The standard streams of this process, and its exit."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.cli.process.outlet import Outlet
from fallback_chat.cli.process.signals import Interrupted, received
from fallback_chat.cli.process.similar import similar

if TYPE_CHECKING:
    from typing import Literal, NoReturn, TextIO


_replaced: Final[list[Any]] = []
"""Python's own streams, which would close their descriptors once unreferenced."""


class Forgiving(io.TextIOWrapper):
    """Standard error, where output that cannot be written is lost: nobody is left to be told."""

    def write(self, text: str, /) -> int:
        """Write if possible."""
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush if possible."""
        try:
            super().flush()
        except OSError:
            return


def prepare_streams() -> None:
    """Make the standard streams usable: none missing, UTF-8 in any locale, no blocking readers.

    Python has None for a stream that the caller closed, and the next file opened gets its number.
    Writing to a closed standard output still fails, with an OSError.
    """
    sys.stdin = sys.stdin or _opened(os.O_RDONLY, "r")
    # Open for reading only, so that writing fails.
    sys.stdout = sys.stdout or _opened(os.O_RDONLY, "w")
    sys.stderr = sys.stderr or _opened(os.O_WRONLY, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal knows what it can show.
        terminal = sys.stdout.isatty()
        encoding = sys.stdout.encoding if terminal else "utf-8"
        sys.stdout = io.TextIOWrapper(_outlet(sys.stdout), encoding, similar("replace"), line_buffering=terminal)
        sys.__stdout__ = sys.stdout  # type: ignore[misc] # where `shutil` looks for the size of the terminal
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        errors = similar("backslashreplace")
        sys.stderr = Forgiving(_outlet(sys.stderr, forgiven=True), encoding, errors, line_buffering=True)


def _opened(flags: int, mode: Literal["r", "w"]) -> TextIO:
    return open(os.open(os.devnull, flags), mode, encoding="utf-8")  # noqa: PTH123 - stays open to the end


def _outlet(stream: io.TextIOWrapper, *, forgiven: bool = False) -> io.BufferedWriter:
    """Return the buffer of an outlet that replaces a stream's own; the descriptor stays open."""
    buffer = stream.detach()
    _replaced.append(buffer)
    return io.BufferedWriter(Outlet(buffer.fileno(), forgiven=forgiven))


def leave(code: int) -> NoReturn:
    """Write everything buffered or pending, and end the process without interpreter shutdown.

    That saves about 25 ms per run, and a thread that still resolves a name or waits for a reader
    cannot delay the prompt. A signal ends the wait for a reader.
    """
    try:
        code = _last_words(code)
    except Interrupted as interrupted:
        code = interrupted.code
    os._exit(code)


def _last_words(code: int) -> int:
    # The exception of a signal may have been lost on its way here.
    signalled = received()
    code, hasty = signalled or code, signalled is not None
    try:
        _write_out(hasty=hasty)
    except OSError as error:
        from fallback_chat.cli.process.border import report

        code = report(error)
        with suppress(OSError):
            _write_out(hasty=hasty)
    return code


def _write_out(*, hasty: bool) -> None:
    """Write what is buffered, and wait for pending output. Raises OSError."""
    if hasty:
        from fallback_chat.cli.process.behind import BEHIND

        BEHIND.begin()
    try:
        sys.stdout.flush()
    finally:
        sys.stderr.flush()
    if (module := sys.modules.get("fallback_chat.cli.process.behind")) is not None:
        module.BEHIND.wait(hasty=hasty)
        module.BEHIND.check()
