"""Reading one answer of the chain into a sink: the only reader, for `ask`, chat and demo."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.core.answer import AnswerBuilder, parts
from fallback_chat.core.errors import APIError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import ChatChunk


class Turn:
    """One answer on its way to `take`, which is called with each chunk; `tell` gets the events.

    `chat` opens its stream, with the parameter `on_event`; `before` is done before it is read.
    """

    def __init__(
        self,
        chat: Callable[..., FallbackLLMStream],
        take: Callable[[ChatChunk], object],
        tell: Callable[[Event], object],
        *,
        before: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.stream = chat(on_event=self._event)
        self._take = take
        self._tell = tell
        self._before = before
        self._builder = AnswerBuilder()
        self._reading: asyncio.Task[None] | None = None
        self._lost: OSError | None = None
        """The failure to write what is told about the answer."""
        self.stopped = False
        """Whether the user stopped it; the answer so far is kept."""

    @property
    def text(self) -> str:
        """The text so far."""
        return self._builder.text

    def answer(self) -> Answer:
        """Return the answer so far."""
        return self._builder.build(self.stream)

    async def run(self) -> APIError | None:
        """Read until the end, `stop()` or a failure, which is returned; close the stream.

        Raises OSError if the output is lost.
        """
        self._reading = asyncio.ensure_future(self._read())
        if self.stopped:
            self._reading.cancel()
        try:
            await self._reading
        except APIError as error:
            if self._lost is None:
                return error
        except asyncio.CancelledError:
            if is_ending() or not (self.stopped or self._lost):
                raise
        finally:
            self._reading.cancel()
            await self.stream.aclose()
        if self._lost is not None:
            raise self._lost
        return None

    def stop(self) -> None:
        """End the answer here, or before it begins."""
        if self._reading is None:
            self.stopped = True
        elif not self._reading.done():
            self.stopped = True
            self._reading.cancel()

    def _event(self, event: Event) -> None:
        try:
            self._tell(event)
        except OSError as error:  # the engine would only log it
            self._lost = error
            if self._reading is not None:
                self._reading.cancel()

    async def _read(self) -> None:
        if self._before is not None:
            await self._before()
        async for chunk in self.stream:
            for part in parts(chunk):
                self._builder.add(part)
                self._take(part)
                if part is not chunk:
                    await asyncio.sleep(0)  # a long answer that arrived at once: keys and signals get their turn
                if BEHIND.full:
                    await BEHIND.room()


def is_ending() -> bool:
    """Whether the whole program is ending, not just the answer."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
