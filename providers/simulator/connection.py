"""One accepted connection: bytes in, bytes out, and the moment at which the client left.

This is a protocol of its own, because `asyncio.StreamReader` only notices that the peer has gone by
taking the bytes of the next request.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 64 * 1024 * 1024


class ClientGoneError(Exception):
    """The client closed the connection; nobody is left to answer."""


class BadRequestError(Exception):
    """The client did not send an HTTP/1.1 request with a length; the text says what it sent."""


class Connection(asyncio.Protocol):
    """A client's connection. `serve` runs as a task from the moment it is accepted."""

    def __init__(self, serve: Callable[[Connection], Coroutine[None, None, None]]) -> None:
        self._serve = serve
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.gone = asyncio.Event()
        self.gone_at: float | None = None
        """Loop time at which the client left; None if it did not, or if this side closed first."""
        self.task: asyncio.Task[None]
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.gone.is_set():
            self.gone_at = asyncio.get_running_loop().time()
        for event in (self.gone, self._news, self._writable):
            event.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def read_until(self, mark: bytes) -> bytes:
        """Return the bytes up to and including `mark`; b"" if the client left before the first."""
        seen = 0
        while (at := self._buffer.find(mark, seen)) < 0:
            if self.gone.is_set():
                return b""
            if self._buffer and not self._buffer[:1].isalpha():
                raise BadRequestError(f"the request begins with {bytes(self._buffer[:4])!r}")
            if len(self._buffer) > MAX_HEAD:
                raise BadRequestError(f"the request's head is longer than {MAX_HEAD} bytes")
            seen = max(0, len(self._buffer) - len(mark))
            await self._more()
        return self._take(at + len(mark))

    async def read_exactly(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises ClientGoneError if the client leaves first."""
        while len(self._buffer) < size:
            if self.gone.is_set():
                raise ClientGoneError
            await self._more()
        return self._take(size)

    async def write(self, data: bytes) -> None:
        """Send `data` as fast as the client reads. Raises ClientGoneError if it has left."""
        if self.gone.is_set() or self.transport.is_closing():
            raise ClientGoneError
        self.transport.write(data)
        await self._writable.wait()

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ClientGoneError as soon as the client leaves."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return
        raise ClientGoneError

    def close(self) -> None:
        """Close in order (FIN), after pending data."""
        self.gone.set()
        self.transport.close()

    def reset(self) -> None:
        """Close with a reset (RST): lingering for 0 s makes the kernel send one."""
        self.gone.set()
        plug = self.transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


async def read_request(connection: Connection) -> tuple[str, str, dict[str, str], bytes] | None:
    """Read one request: method, path with query, headers (lower-case names) and body.

    Return None if there are no more. Raises BadRequestError for anything a strict server would
    refuse.
    """
    head = await connection.read_until(b"\r\n\r\n")
    if not head:
        return None
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    try:
        method, path, version = line.split(" ")
    except ValueError:
        raise BadRequestError(f"the request line is {line!r}") from None
    if version != "HTTP/1.1":
        raise BadRequestError(f"the version is {version!r}")
    headers = _headers(fields)
    return method, path, headers, await connection.read_exactly(_length(method, headers))


def _headers(fields: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or name.strip() != name or not name:
            raise BadRequestError(f"{field!r} is no header")
        if name.lower() in headers:
            raise BadRequestError(f"the header {name} comes twice")
        headers[name.lower()] = value.strip()
    if "host" not in headers:
        raise BadRequestError("there is no Host header")
    return headers


def _length(method: str, headers: dict[str, str]) -> int:
    text = headers.get("content-length", "0" if method in ("GET", "HEAD") else "")
    if not text.isascii() or not text.isdigit() or int(text) > MAX_BODY:
        raise BadRequestError(f"the content-length is {text!r}")
    return int(text)
