"""httpx's transport over a network that reports connections and reads.

httpcore does not tell whether a single byte of an answer was received: it raises the same exception
for a connection that died in silence and for one that died in the middle of a head. And if a
request is cancelled while it is connecting, through a proxy or over TLS, httpcore does not close
the socket.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


class Listener(Protocol):
    """A request that listens to its network."""

    opened: httpcore.AsyncNetworkStream | None
    """The connection that was opened for the request."""
    heard: bool
    """Whether a byte of an answer was received."""


LISTENER: ContextVar[Listener | None] = ContextVar("LISTENER", default=None)
"""The listener of the current task."""


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
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await self._stream.read(max_bytes, timeout)
        if data and (listener := LISTENER.get()) is not None:
            listener.heard = True
        return data

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
