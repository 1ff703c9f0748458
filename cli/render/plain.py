"""Answers without a live view: raw text for a pipe, finished blocks for a simple terminal."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.pace import Pace
from fallback_chat.cli.render.sanitise import Cleaner, neutralise, sanitise

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from fallback_chat.cli.render.pace import CallLater

PAUSE: Final = 0.02
"""Seconds between two writes to a pipe, so that a fast model does not cost a system call per token.
"""
BATCH: Final = 4096
"""Characters that are written without waiting for the pause."""


def void(successor: str) -> str:
    """Return the mark behind discarded text, which names the provider that starts over."""
    return f"── discarded; {sanitise(successor) or 'the answer'} starts over ──"


def call_later(delay: float, callback: Callable[[], None]) -> object:
    """Call `callback` on the running event loop in `delay` seconds."""
    return asyncio.get_running_loop().call_later(delay, callback)


class PlainText:
    """Writes the model's text as it is, with visible control characters and one final newline.

    The stream is the answer and nothing else, so notes and footers belong elsewhere. `clean` can be
    the identity for users who want the raw bytes. Raises BrokenPipeError when the reader has gone.
    """

    def __init__(
        self,
        out: TextIO,
        *,
        clean: Callable[[str], str] = neutralise,
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = call_later,
    ) -> None:
        self._out = out
        self._cleaner = Cleaner(clean)
        self._pending: list[str] = []
        self._size = 0
        self._held = 0
        """Trailing newlines, written once text follows."""
        self._written = False
        self._pace = Pace(self._flush, clock, call_later, pause=PAUSE)

    def start(self) -> None:
        """Show nothing before there is text."""

    def feed(self, text: str) -> None:
        """Add the next piece of the answer."""
        self._pending.append(text)
        self._size += len(text)
        if self._size >= BATCH:
            self._pace.now()
        else:
            self._pace.ask()

    def tick(self) -> None:
        """Write what is due."""
        if self._pending:
            self._pace.ask()

    def note(self, line: str) -> None:
        """Ignore the note: it belongs on standard error."""

    def discard(self, successor: str = "") -> None:
        """Mark the text so far as void: a pipe cannot take it back, but text must not be joined."""
        self._end(f"\n\n{void(successor)}\n\n")

    def finish(self) -> None:
        """Write what is left, and the final newline."""
        self._end("\n")

    def _end(self, mark: str) -> None:
        """End a text, followed by a mark if there was one."""
        self._pace.now()
        self._put(self._cleaner.flush())
        if self._written:
            self._write(mark)
        self._held = 0
        self._written = False

    def _flush(self) -> None:
        text = self._cleaner.feed("".join(self._pending))
        self._pending.clear()
        self._size = 0
        self._put(text)

    def _put(self, text: str) -> None:
        body = text.rstrip("\n")
        before, self._held = self._held, len(text) - len(body)
        if body:
            self._written = True
            self._write("\n" * before + body)
        else:
            self._held += before

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
