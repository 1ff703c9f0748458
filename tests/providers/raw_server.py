"""A server on loopback that plays bytes: what it says on each connection is a script."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

SSE = (("Content-Type", "text/event-stream"),)


@dataclass
class Peer:
    """One connection, from the server's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    """1 for the first connection of the server."""
    gone: asyncio.Event
    requests: list[bytes] = field(default_factory=list)

    async def request(self) -> bytes:
        """Read one request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        self.requests.append(head + body)
        return head + body

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = SSE) -> None:
        """Send a whole response with a length."""
        await self.send(head(status, (*headers, ("Content-Length", str(len(body))))) + body)

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.gone.set()

    def reset(self) -> None:
        """Close with a reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Play = "Callable[[Peer], Awaitable[object]]"


@dataclass
class RawServer:
    """Where the server is, and who came."""

    port: int
    scheme: str = "http"
    peers: list[Peer] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@asynccontextmanager
async def raw_server(
    play: Callable[[Peer], Awaitable[Any]], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Serve every connection with `play`; what that raises when the client goes is nobody's business."""
    running: set[asyncio.Task[None]] = set()
    server = RawServer(0, "https" if tls else "http")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        peer = Peer(reader, writer, len(server.peers) + 1, asyncio.Event())
        server.peers.append(peer)
        try:
            await play(peer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            peer.gone.set()
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def head(status: int = 200, headers: tuple[tuple[str, str], ...] = SSE) -> bytes:
    """Give the head of a response."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    """Give `data` in chunked framing; nothing gives the end."""
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNKED = (*SSE, ("Transfer-Encoding", "chunked"))
