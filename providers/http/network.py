"""httpx's transport over a network that reports connections and reads.

httpcore does not tell whether a single byte of an answer was received: it raises the same exception
for a connection that died in silence and for one that died in the middle of a head. And if a
request is cancelled while it is connecting, through a proxy or over TLS, httpcore does not close
the socket.

A response's body can be read past httpcore, because the network hands out its head alone first.
"""

from __future__ import annotations

import re
import sys
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpcore
import httpx

from fallback_chat.providers.http.chunked import ChunkedBody

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

if find_spec("sniffio") is None:
    # httpcore asks for this optional module before each of its locks, six times a request, and each
    # time Python would search the whole path. None means that it is missing.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class Listener(Protocol):
    """A request that listens to its network."""

    opened: httpcore.AsyncNetworkStream | None
    """The connection that was opened for the request."""
    heard: bool
    """Whether a byte of an answer was received."""


LISTENER: ContextVar[Listener | None] = ContextVar("LISTENER", default=None)
"""The listener of the current task."""
_BODILESS: Final = (204, 304)
"""Statuses of a response without a body, whatever its head says."""
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
"""The blank line that h11 takes for it."""


class Transport(httpx.AsyncHTTPTransport):
    """httpx's transport with our network, for which its pool, but not itself, has a parameter.

    `extensions["location"]` of a response says where it redirects: httpx parses that header also
    if it does not follow it, and fails if it is no URL.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pool._network_backend = _Network()  # noqa: SLF001

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        response = await super().handle_async_request(request)
        response.extensions["location"] = response.headers.pop("location", "")
        network = response.extensions["network_stream"]
        chunked = response.headers.get("transfer-encoding", "").lower() == "chunked"
        if chunked and response.status_code not in _BODILESS and isinstance(network, _Stream) and network.is_at_body:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = ChunkedBody(response.stream, network)
        return response


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = _Stream(await self._network.connect_tcp(host, port, timeout, local_address, socket_options))
        if (listener := LISTENER.get()) is not None:
            listener.opened = stream
        return stream


class _Stream(httpcore.AsyncNetworkStream):
    """A connection whose first read after a write never goes past the end of a response's head."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]
        self._head: bytes | None = b""
        """The last bytes of an unfinished head; None behind its end."""
        self._kept = b""
        """Bytes that were received, but not handed out yet."""
        self._ended = False
        self.is_at_body = False
        """Whether the next byte is the first of a body."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._head = b""
        await self._stream.write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        self.is_at_body = False
        data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
        if not data and not self._ended:
            data = await self._stream.read(max_bytes, timeout)
            self._ended = not data
            if data and (listener := LISTENER.get()) is not None:
                listener.heard = True
        return data if self._head is None else self._before_body(data, self._head)

    def give_back(self, data: bytes) -> None:
        """Let the next read begin with `data`."""
        self._kept = data + self._kept

    def _before_body(self, data: bytes, head: bytes) -> bytes:
        """Return `data` up to the end of the head, which goes on from `head`, and keep the rest."""
        if not head and not data.startswith(b"HTTP/"):  # a proxy's SOCKS, or no HTTP at all
            self._head = None
            return data
        end = _END_OF_HEAD.search(head + data)
        if end is None:
            self._head = (head + data)[-2:]
            return data
        self._head = None
        self.is_at_body = True
        size = end.end() - len(head)
        self.give_back(data[size:])
        return data[:size]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
