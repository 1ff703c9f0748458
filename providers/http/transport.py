"""The way of requests to servers: through kept or new connections, over a proxy if wanted.

httpx's own client parses where a response redirects to, and fails if that is no URL. Its transport
does not tell whether a single byte of an answer was received, does not close a connection that is
cancelled while it is opened, reads each chunk of a body by itself, and takes 35 ms to import, as
long as everything else that httpx is made of.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

from fallback_chat.core.value import dataclass
from fallback_chat.providers.http.exchange import HttpConnection
from fallback_chat.providers.http.tcp import Connection, connect

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

_KEPT: Final = 20
"""Connections kept open for the next request, to all servers together."""
_KEPT_FOR: Final = 60.0
"""Seconds; many gateways close after 60 to 75."""
_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Origin(NamedTuple):
    """The server of a URL, or a proxy."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the origin of `url`. Raises `httpx.UnsupportedProtocol`."""
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"it begins with {url.scheme}:")
        port = _PORTS[url.scheme] if url.port is None else url.port
        return cls(url.scheme, url.raw_host.decode("ascii"), port)


class Kept(NamedTuple):
    """A connection that waits for the next request."""

    origin: Origin
    http: HttpConnection
    since: float


@dataclass(slots=True)
class Sent:
    """A response with an unread body, and the origin of its connection."""

    response: httpx.Response
    connect: float | None
    """Seconds it took to connect; None on a kept connection."""


class Transport:
    """Sends requests; `context` secures connections to https:// servers and proxies."""

    def __init__(self, context: ssl.SSLContext | None, proxy: str | None, clock: Callable[[], float]) -> None:
        self._context = context
        self._proxy = None if proxy is None else httpx.Proxy(proxy)
        self._clock = clock
        self._kept: list[Kept] = []

    async def send(self, request: httpx.Request, connect_timeout: float) -> Sent:
        """Send a request; return its response, body unread. Raises `httpx.TransportError`.

        A kept connection may die at the moment of its reuse. If no byte of an answer arrived on it,
        the request is sent once more, and nobody needs to know.
        """
        origin = Origin.of(request.url)
        if (kept := self._take(origin)) is not None:
            try:
                return Sent(await self._ask(kept, origin, request), None)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if kept.connection.heard:
                    raise
        began = self._clock()
        opened = HttpConnection(await self._open(origin, connect_timeout))
        took = self._clock() - began
        return Sent(await self._ask(opened, origin, request), took)

    async def aclose(self) -> None:
        """Close the kept connections."""
        while self._kept:
            self._kept.pop().http.connection.close()
        await asyncio.sleep(0)  # asyncio closes a socket in the next turn of its loop

    def _take(self, origin: Origin) -> HttpConnection | None:
        """Return the connection to `origin` that was used last; close those that are of no use."""
        usable: list[Kept] = []
        for kept in self._kept:
            if kept.http.connection.is_idle and self._clock() - kept.since < _KEPT_FOR:
                usable.append(kept)
            else:
                kept.http.connection.close()
        found = next((kept for kept in reversed(usable) if kept.origin == origin), None)
        self._kept = [kept for kept in usable if kept is not found]
        return None if found is None else found.http

    def keep(self, origin: Origin, http: HttpConnection) -> None:
        """Keep a connection whose response is over for the next request, or close it."""
        if not http.is_done:
            http.connection.close()
            return
        http.begin_next()
        self._kept.append(Kept(origin, http, self._clock()))
        if len(self._kept) > _KEPT:
            self._kept.pop(0).http.connection.close()

    async def _ask(self, http: HttpConnection, origin: Origin, request: httpx.Request) -> httpx.Response:
        target, headers = request.url.raw_path, request.headers.raw
        if self._forwards(origin):
            target = b"%s://%s%s" % (request.url.raw_scheme, request.url.netloc, target)
            headers = [*self._login(), *headers]
        try:
            head = await http.ask(request.method.encode(), target, headers, request.content)
        except BaseException:
            http.connection.close()
            raise
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(self, origin, http),
            request=request,
            extensions={"reason_phrase": head.reason},
        )

    async def _open(self, origin: Origin, connect_timeout: float) -> Connection:
        """Open a connection. Raises `httpx.ConnectError`, `ConnectTimeout` or `ProxyError`."""
        first = origin if self._proxy is None else Origin.of(self._proxy.url)
        try:
            async with asyncio.timeout(connect_timeout):
                connection = await connect(first.host, first.port, self._context if first.scheme == "https" else None)
                try:
                    if self._proxy is not None and not self._forwards(origin):
                        await self._tunnel(connection, self._proxy, origin)
                except BaseException:
                    connection.close()
                    raise
                return connection
        except TimeoutError as error:
            raise httpx.ConnectTimeout("") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    def _forwards(self, origin: Origin) -> bool:
        """Whether requests are sent to the proxy itself, which reads them."""
        return self._proxy is not None and origin.scheme == "http" and self._proxy.url.scheme in ("http", "https")

    async def _tunnel(self, connection: Connection, proxy: httpx.Proxy, origin: Origin) -> None:
        from fallback_chat.providers.http import tunnel  # most people have no proxy

        if proxy.url.scheme.startswith("socks"):
            await tunnel.through_socks(connection, origin.host, origin.port, proxy.raw_auth)
        else:
            await tunnel.through_http(connection, origin.host, origin.port, self._login())
        if origin.scheme == "https":
            assert self._context is not None
            await connection.start_tls(self._context, origin.host)

    def _login(self) -> list[tuple[bytes, bytes]]:
        """Return the header with the name and password for the proxy, if it wants them."""
        if self._proxy is None or self._proxy.raw_auth is None:
            return []
        return [(b"Proxy-Authorization", b"Basic " + b64encode(b":".join(self._proxy.raw_auth)))]


class _Body(httpx.AsyncByteStream):
    """The body of a response, after which its connection is kept or closed."""

    def __init__(self, transport: Transport, origin: Origin, http: HttpConnection) -> None:
        self._transport = transport
        self._origin = origin
        self._http: HttpConnection | None = http

    def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._http is not None
        return self._http.body()

    async def aclose(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            self._transport.keep(self._origin, http)
