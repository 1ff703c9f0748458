"""An `ask` answer on a terminal: rendered as it arrives, preceded by a row with the provider."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.job_control import on_continue, on_stop, stop
from fallback_chat.cli.render.live import Below, make_view
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.theme import choose
from fallback_chat.cli.sinks.base import TextSink
from fallback_chat.core.events import AttemptStarted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from fallback_chat.cli.sinks.base import Ending
    from fallback_chat.core.events import Event

PATIENCE: Final = 0.1
"""Seconds of silence before the row appears: most answers are quicker and need none."""
TICK: Final = 0.25


class LiveSink(TextSink):
    """Streams the answer into a live view.

    Notices appear among its rows, unless standard error goes elsewhere.
    """

    def __init__(self, out: TextIO, err: TextIO, *, color: str, clock: Callable[[], float] = time.monotonic) -> None:
        theme = choose("auto", os.environ)
        self._live = make_view(out, color=color, below=self._below, clock=clock, theme=theme)
        super().__init__(out, err, self._live)
        self._clock = clock
        self._asked: tuple[str, float] | None = None
        """The current provider and since when it is asked; None once text has arrived."""
        self._timer: asyncio.TimerHandle | None = None

    def event(self, event: Event) -> None:
        super().event(event)
        if isinstance(event, AttemptStarted):
            self._asked = (event.llm.label, self._clock())
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._tick)

    def finish(self, ending: Ending) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._asked = None
        try:
            super().finish(ending)
        except BaseException:
            self._live.suspend()  # or the cursor would stay hidden
            raise

    def _start(self) -> None:
        if not self._started:
            on_stop(self._stop)
            on_continue(self.out, self._go_on)
        super()._start()

    def _stop(self) -> None:
        self._live.suspend()
        stop()

    def _go_on(self) -> None:
        if self._started:
            self._live.start()

    def notice(self, line: str) -> None:
        if self._started and self.err.isatty():
            self._view.note(f"fallback-chat: {self.redactor.redact(line)}")
        else:
            super().notice(line)

    def _show(self, text: str) -> None:
        if text:
            self._asked = None
        super()._show(text)

    def _tick(self) -> None:
        if self._asked is not None:
            self._start()
            self._view.tick()
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _below(self) -> Below:
        if self._asked is None:
            return Below()
        label, since = self._asked
        return Below([((f"asking {sanitise(label)} · {self._clock() - since:.0f} s", "dim"),)])
