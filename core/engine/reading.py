"""Streams made of async generators: one reader at a time, closing from any task."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from fallback_chat.core.answer import Answer, AnswerBuilder
from fallback_chat.core.checks import check_type
from fallback_chat.core.llm import LLMStream

if TYPE_CHECKING:
    from fallback_chat.core.attempts import AttemptRecord, Segment
    from fallback_chat.core.llm import LLM, ChatChunk


class GeneratedStream(LLMStream):
    """An `LLMStream` whose chunks come from `_run()`.

    `aclose()` may be called by any task at any time, by several at once too. A task that is
    reading, or starts to, then finds the stream at its end; everything the generator holds open is
    closed by the time `aclose()` returns.
    """

    def __init__(self) -> None:
        self._chunks = self._run()
        self.ended = False
        """Whether nothing more will come."""
        self._reader: asyncio.Task[object] | None = None
        """The task inside `__anext__`."""
        self._interrupted: asyncio.Future[None] | None = None
        """Set while another task closes the stream and waits for the reader to leave."""
        self._stopping = asyncio.Lock()
        """Held while the generator is being closed, which only one task may do."""

    @abstractmethod
    def _run(self) -> AsyncGenerator[ChatChunk]:
        """Yield the chunks."""

    async def __anext__(self) -> ChatChunk:
        if self._reader is not None:
            raise RuntimeError("another task is reading this answer: one stream has one reader")
        if self.ended:
            await self._stop()
            raise StopAsyncIteration
        self._reader = asyncio.current_task()
        try:
            return await self._chunks.__anext__()
        except BaseException as error:
            self.ended = True
            if not (isinstance(error, asyncio.CancelledError) and self._is_only_interrupted()):
                raise
        finally:
            reader, self._reader = self._reader, None
            if self._interrupted is not None and not self._interrupted.done():
                await self._let_go(reader, self._interrupted)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop and close the connection; an unfinished attempt counts as cancelled.

        Cancelling blames no provider.
        """
        if self._reader is None:
            await self._stop()
            return
        if self._interrupted is None:
            self._interrupted = asyncio.get_running_loop().create_future()
            self._reader.cancel()
        await asyncio.shield(self._interrupted)

    def _is_only_interrupted(self) -> bool:
        """Whether `aclose()` alone cancelled the reader, whose task must not notice."""
        return self._interrupted is not None and self._reader is not None and self._reader.cancelling() == 1

    async def _let_go(self, reader: asyncio.Task[object] | None, interrupted: asyncio.Future[None]) -> None:
        """Revoke the cancellation, even if the provider swallowed it, and release `aclose()`."""
        assert reader is not None
        reader.uncancel()
        await self._stop()
        interrupted.set_result(None)

    async def _stop(self) -> None:
        self.ended = True
        async with self._stopping:
            await self._chunks.aclose()


class GeneratorStream(GeneratedStream):
    """An `LLMStream` of the chunks that an async generator yields: the easiest way to write one.

    Closing it closes the generator, whose `finally` blocks run then.
    """

    def __init__(self, chunks: AsyncGenerator[ChatChunk]) -> None:
        check_type("chunks", chunks, AsyncGenerator)
        self._given = chunks
        super().__init__()

    def _run(self) -> AsyncGenerator[ChatChunk]:
        return self._given


class AnswerStream(GeneratedStream):
    """A stream that reports which provider answered, and how the answer came about."""

    @property
    @abstractmethod
    def llm(self) -> LLM | None:
        """The provider of the text so far; None before the first content."""

    @property
    @abstractmethod
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every request so far, in order."""

    @property
    @abstractmethod
    def segments(self) -> tuple[Segment, ...]:
        """The parts of the text by provider, if several gave it; else empty."""

    async def collect(self) -> Answer:
        """Read to the end, close, and return the answer.

        Raises what reading raises: `AllProvidersFailed`, or the `APIError` that broke the answer
        off; and RuntimeError if the beginning has been read already, or the stream is closed.
        """
        if self.ended or self.llm is not None:
            raise RuntimeError("collect() needs the whole answer, and this one has been read or closed")
        builder = AnswerBuilder()
        async with self:
            async for chunk in self:
                builder.add(chunk)
        return builder.build(self)
