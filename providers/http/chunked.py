"""Bodies in HTTP chunks, read past the HTTP library: bytes in, content out, many chunks at a time.

A provider sends a chunk for every token, and h11 takes longer to unwrap one than the program takes
to decode, check and print what is in it. So whole chunks of the usual form are unwrapped here;
whatever else a body may hold, such as its end, extensions and trailers, is left to h11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READ: Final = 4096
"""Bytes of one read: some twenty tokens, after which other tasks get a turn."""
_USUAL: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
"""The line before a chunk."""
_LONGEST: Final = len(b"ffffffff\r\n")


class Source(Protocol):
    """A connection that is read from the first byte of the body."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return the next bytes; empty at the end."""

    def give_back(self, data: bytes) -> None:
        """Let the next read begin with `data`."""


class Unwrapper:
    """Takes the content out of chunks (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self.rest = b""
        """The bytes that are not unwrapped yet, or never will be."""
        self.stopped = False
        """Whether `rest` begins with something other than a usual chunk."""
        self.broken = False
        """Whether a chunk is longer or shorter than it says."""
        self._missing = 0
        """Bytes to the end of the current chunk, with the line break behind it."""

    def feed(self, data: bytes) -> bytes:
        """Return the content that `data` adds."""
        data, at, found = self.rest + data, 0, []
        while not self.stopped:
            if not self._missing:
                line = _USUAL.match(data, at)
                size = int(line[1], 16) if line else 0
                if line is None or not size:
                    self.stopped = line is not None or data.find(b"\n", at) >= 0 or len(data) - at >= _LONGEST
                    break
                at, self._missing = line.end(), size + 2
            end = at + self._missing
            if end > len(data):
                content = data[at : end - 2]
                found.append(content)
                at, self._missing = at + len(content), self._missing - len(content)
                break
            found.append(data[at : end - 2])
            self.broken = self.stopped = data[end - 2 : end] != b"\r\n"
            at, self._missing = end, 0
        self.rest = data[at:]
        return b"".join(found)


class ChunkedBody(httpx.AsyncByteStream):
    """Reads the chunks of `whole` from `source`, and the end from `whole` itself."""

    def __init__(self, whole: httpx.AsyncByteStream, source: Source) -> None:
        self._whole: httpx.AsyncByteStream = whole
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unwrapper = Unwrapper()
        while not unwrapper.stopped:
            try:
                data = await self._source.read(READ)
            except httpcore.ReadError as error:
                raise httpx.ReadError(str(error)) from error
            if content := unwrapper.feed(data):
                yield content
            if not data:
                break
        if unwrapper.broken:
            raise httpx.RemoteProtocolError("a chunk is longer or shorter than it says")
        self._source.give_back(unwrapper.rest)
        async for content in self._whole:
            yield content

    async def aclose(self) -> None:
        """End the response; its connection is kept if the body was read to the end."""
        await self._whole.aclose()
