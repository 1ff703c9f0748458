"""The only HTTP engine: a transport for each way of connecting; no response is ever redirected."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

from fallback_chat.providers.failures.connection import FOREIGN, connection_error, quotes_a_header
from fallback_chat.providers.http.encoding import body_of
from fallback_chat.providers.http.proxies import Proxies
from fallback_chat.providers.http.transport import Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.errors import APIStatusError
    from fallback_chat.providers.failures.errors import ErrorReader
    from fallback_chat.providers.http.proxies import Proxy
    from fallback_chat.providers.http.transport import Sent
    from fallback_chat.providers.wire.dialect import HttpRequest

_ERROR_BODY_TIMEOUT: Final = 2.0
_ERROR_BODY_LIMIT: Final = 64 * 1024


class _Way(NamedTuple):
    """A way of connecting. A connection belongs to the event loop in which it was opened."""

    loop: asyncio.AbstractEventLoop
    secure: bool
    proxy: str | None
    ca_file: object


class HttpEngine:
    """Owns the transports, one for each way of connecting, and their TLS contexts.

    Providers `acquire` and `release` it; the last release closes it. `environ` holds the variables
    for proxies and certificates.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.wall_clock = wall_clock
        self._environ = os.environ if environ is None else environ
        self._proxies = Proxies(self._environ)
        self._transports: dict[_Way, Transport] = {}
        self._contexts: dict[object, ssl.SSLContext] = {}
        self._users = 0

    def acquire(self) -> None:
        """Add a user."""
        self._users += 1

    async def release(self) -> None:
        """Remove a user; the last one closes everything."""
        self._users -= 1
        if self._users <= 0:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all connections of this event loop; the next use opens new ones."""
        here = asyncio.get_running_loop()
        transports, self._transports = self._transports, {}
        for way, transport in transports.items():
            if way.loop is here:
                await transport.aclose()

    async def send(self, request: HttpRequest, settings: ProviderSettings) -> Sent:
        """Send a request; return its response, body unread. Raises `APIConnectionError`."""
        proxy = None
        try:
            proxy = self._proxies.of(request.url, settings.proxy)
            transport = self._transport(request.url, settings, proxy)
            built = httpx.Request(request.method, request.url, headers=list(request.headers), content=request.body)
            # Only connecting has a limit here; the time of an answer is up to the failover engine.
            return await transport.send(built, settings.attempt.connect_timeout)
        except FOREIGN as error:
            mapped = connection_error(error, request.url, proxy=proxy)
            raise mapped from (None if quotes_a_header(error) else error)

    async def error_of(
        self, response: httpx.Response, settings: ProviderSettings, errors: ErrorReader
    ) -> APIStatusError:
        """Return the error of an unsuccessful response.

        Its body is read up to a limit, and for a time well below `attempt_timeout`: the status is
        known, and a body that never arrives must not turn it into a time-out.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(min(_ERROR_BODY_TIMEOUT, settings.attempt.attempt_timeout / 2)):
                async for piece in body_of(response):
                    body += piece[: _ERROR_BODY_LIMIT - len(body)]
                    if len(body) >= _ERROR_BODY_LIMIT:
                        break
        except (TimeoutError, *FOREIGN):
            pass  # the status says enough
        text = _decoded(bytes(body), response.charset_encoding)
        return errors.from_response(response.status_code, response.headers, text, now=self.wall_clock())

    def _transport(self, url: str, settings: ProviderSettings, proxy: Proxy | None) -> Transport:
        secure = not url.startswith("http://") or proxy is not None
        way = _Way(asyncio.get_running_loop(), secure, proxy and proxy.url, settings.ca_file if secure else None)
        if way not in self._transports:
            # Those of a closed loop can be neither used nor closed.
            self._transports = {each: one for each, one in self._transports.items() if not each.loop.is_closed()}
            context = self._context(settings) if secure else None
            self._transports[way] = Transport(context, proxy and proxy.url, self.clock)
        return self._transports[way]

    def _context(self, settings: ProviderSettings) -> ssl.SSLContext:
        if settings.ca_file not in self._contexts:
            from fallback_chat.providers.http import tls  # not needed for http://

            self._contexts[settings.ca_file] = tls.verified(self._environ, settings.ca_file)
        return self._contexts[settings.ca_file]


def _decoded(body: bytes, charset: str | None) -> str:
    """Return the text of a body: as UTF-8 wherever that fits, or else as the declared `charset`."""
    for encoding in filter(None, ("utf-8", charset)):
        with suppress(LookupError, ValueError):  # an unknown charset, or one that does not fit
            return body.decode(encoding)
    return body.decode("utf-8", "replace")
