"""One answer over HTTP: sent on the first read, read as it arrives, closed in any case."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from fallback_chat.core.errors import APIError, APIStreamError, ErrorKind
from fallback_chat.core.llm import LLMStream
from fallback_chat.providers.failures.connection import FOREIGN, connection_error
from fallback_chat.providers.http.body import BodyReader
from fallback_chat.providers.http.encoding import body_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fallback_chat.core.llm import ChatChunk
    from fallback_chat.providers.failures.errors import ErrorReader
    from fallback_chat.providers.http.engine import HttpEngine
    from fallback_chat.providers.wire.dialect import Reader

_BURST: Final = 8
"""Chunks after which other tasks get a turn: a buffered answer never waits for the network."""
_CLOSE_TIMEOUT: Final = 1.0
_DRAIN_TIMEOUT: Final = 0.02
"""Seconds for the end of the body after the terminator.

They nearly always arrive together, and then the connection can be kept.
"""
_DRAIN_LIMIT: Final = 64


class HttpStream(LLMStream):
    """Reads the answer that `send` opens.

    `send` receives the stream, to set its `connect` and `notices`.
    """

    def __init__(
        self,
        send: Callable[[HttpStream], Awaitable[tuple[httpx.Response, Reader]]],
        *,
        http: HttpEngine,
        errors: ErrorReader,
        ndjson: bool,
        kind: str,
    ) -> None:
        self._send = send
        self._http = http
        self._errors = errors
        self._ndjson = ndjson
        self._kind = kind
        self._response: httpx.Response | None = None
        self._bytes: AsyncIterator[bytes] | None = None
        self._body: BodyReader | None = None
        self._popped = 0
        self._closed = False
        self.connect: float | None = None
        """Seconds it took to connect; None before, and on a kept connection."""

    async def __anext__(self) -> ChatChunk:  # noqa: C901 - another coroutine per chunk costs 4 %
        while True:
            body = self._body
            if body is None:
                body = await self._open()
            if body.ready:
                self._popped += 1
                if self._popped % _BURST == 0:
                    await asyncio.sleep(0)
                return body.ready.popleft()
            if body.ended:
                await self._finish(body)
            if self._closed:
                raise StopAsyncIteration
            assert self._bytes is not None
            try:
                data = await self._bytes.__anext__()
            except StopAsyncIteration:
                body.end()
            except FOREIGN as error:
                body.fail(self._broken_off(error, body))
            except BaseException:
                await self.aclose()
                raise
            else:
                body.feed(data)

    async def aclose(self) -> None:
        """Close the connection at once; unread chunks are lost."""
        self._closed = True
        if self._body is not None:
            self._body.ready.clear()
        response, self._response = self._response, None
        if response is not None:
            await self._close(response)

    async def _finish(self, body: BodyReader) -> None:
        """End the answer and raise its failure, if any.

        The connection is kept if the body ends right here.
        """
        if self._response is not None and body.error is None:
            await self._drain()
        await self.aclose()
        if body.unshown:
            self.notices += (f"sent {' and '.join(sorted(body.unshown))}, which cannot be shown",)
            body.unshown.clear()
        if body.error is not None:
            error, body.error = body.error, None
            raise error

    async def _open(self) -> BodyReader:
        """Send the request, once. Raises `APIError` if there is no answer to read."""
        if self._closed:
            raise StopAsyncIteration
        try:
            self._response, reader = await self._send(self)
        except BaseException:
            self._closed = True
            raise
        self._bytes = body_of(self._response)
        self._body = BodyReader(
            reader, ndjson=self._ndjson, kind=self._kind, classify=self._classify, redact=self._errors.redact
        )
        return self._body

    def _classify(self, event: object) -> APIError:
        headers = self._response.headers if self._response is not None else httpx.Headers()
        return self._errors.from_event(event, headers, now=self._http.wall_clock())

    def _broken_off(self, error: Exception, body: BodyReader) -> APIError:
        assert self._response is not None
        cause = connection_error(error, str(self._response.url))
        if body.output_started:
            mapped: APIError = APIStreamError(cause.message, kind=ErrorKind.STREAM_ERROR, hint=cause.hint)
        elif isinstance(error, httpx.DecodingError):
            mapped = APIStreamError(cause.message, kind=ErrorKind.SERVER_ERROR)
        else:
            mapped = cause
        mapped.__cause__ = error
        return mapped

    async def _drain(self) -> None:
        """Read to the end of the body, if it has arrived, so that the connection can be reused."""
        assert self._bytes is not None
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                for _ in range(_DRAIN_LIMIT):
                    if await anext(self._bytes, None) is None:
                        return
        except (TimeoutError, *FOREIGN):
            pass  # the answer is whole; the connection is not kept

    async def _close(self, response: httpx.Response) -> None:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await response.aclose()
        except (TimeoutError, RuntimeError, *FOREIGN):
            pass  # a connection that fails to close is gone anyway
