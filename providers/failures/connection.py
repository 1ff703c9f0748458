"""The border where httpx's exceptions become ours, in words that say what went wrong."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from fallback_chat.core.errors import APIConnectionError, ErrorDetails, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.http.proxies import Proxy

_CERTIFICATE: Final = {
    # OpenSSL's X509_V_ERR_* (include/openssl/x509_vfy.h.in).
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that is not trusted",
    20: "is signed by an authority that is not trusted",
    21: "is signed by an authority that is not trusted",
    62: "is for another host",
    64: "is for another address",
}

_PLAIN_HTTP: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")

_NO_ROUTE: Final = (errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)
_CAUSES: Final[dict[type[BaseException], tuple[str, str | None]]] = {
    socket.gaierror: ("the name of {place} does not resolve", "check base_url, and the network"),
    ConnectionRefusedError: ("{place} refuses connections", "check base_url, and that the server runs"),
    ConnectionResetError: ("{place} reset the connection", None),
}

HANDLED: Final[dict[type[Exception], str]] = {
    httpx.ConnectTimeout: "does not accept a connection in time",
    httpx.ReadTimeout: "sent nothing in time",
    httpx.WriteTimeout: "took the request too slowly",
    httpx.PoolTimeout: "has no free connection",
    httpx.ReadError: "broke off the connection",
    httpx.WriteError: "broke off the connection",
    httpx.ConnectError: "cannot be reached",
    httpx.CloseError: "broke off the connection",
    httpx.ProxyError: "cannot be reached through the proxy",
    httpx.UnsupportedProtocol: "has an address that is not http:// or https://",
    httpx.LocalProtocolError: "cannot be sent this request: a header holds what HTTP does not allow",
    httpx.RemoteProtocolError: "does not speak HTTP as it should",
    httpx.DecodingError: "sent",
    httpx.TooManyRedirects: "redirects",
    httpx.InvalidURL: "has an address that is not a URL",
}
"""The words for each httpx exception that can end a request."""

FOREIGN: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError)
"""Everything that creating a client and sending a request can raise; the last two stand for
unusable headers."""


def connection_error(error: Exception, url: str, *, proxy: Proxy | None = None) -> APIConnectionError:
    """Return `error` in words, to be raised `from` the original unless it may quote a header.

    `proxy` is the one that the request used.
    """
    place = _place(url)
    kind = ErrorKind.SERVER_ERROR if isinstance(error, httpx.DecodingError) else ErrorKind.CONNECTION
    if proxy is None:
        words, hint = _cause(error, place)
    elif isinstance(error, httpx.ProxyError):
        words, hint = f"{place} cannot be reached through {proxy.name}: {error}", proxy.hint
    elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not _is_tls(error):
        words, hint = _cause(error, proxy.name)[0], proxy.hint
    else:
        words, hint = _cause(error, place)
        words += f", through {proxy.name}"
    failure = APIConnectionError(words, kind=kind, details=ErrorDetails(), hint=hint)
    failure.no_route = any(_lacks_route(cause) for cause in _chain(error))
    return failure


def quotes_a_header(error: Exception) -> bool:
    """Whether the text of `error` may hold a header, and so the key."""
    return isinstance(error, httpx.LocalProtocolError | UnicodeError)


def _cause(error: Exception, place: str) -> tuple[str, str | None]:
    """Return words and hint: by the first known cause, or else by httpx's class."""
    for cause in _chain(error):
        for kind, (words, hint) in _CAUSES.items():
            if isinstance(cause, kind):
                return words.format(place=place), hint
        if isinstance(cause, ssl.SSLError):
            return _tls_words(cause, place)
    if "without sending a response" in str(error):
        return f"{place} closed the connection without an answer", None
    if "without sending complete message body" in str(error):
        return f"{place} closed the connection before the answer was complete", None
    words = next((said for kind, said in HANDLED.items() if isinstance(error, kind)), f"cannot be used: {error}")
    if isinstance(error, httpx.DecodingError):
        words += f" {error}"
    return f"{place} {words}", "check base_url" if isinstance(error, httpx.RemoteProtocolError) else None


def _lacks_route(cause: BaseException) -> bool:
    return isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno in _NO_ROUTE)


def _is_tls(error: Exception) -> bool:
    return any(isinstance(cause, ssl.SSLError) for cause in _chain(error))


def _tls_words(error: ssl.SSLError, place: str) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = _CERTIFICATE.get(error.verify_code, f"cannot be verified: {error.verify_message}")
        return f"the certificate of {place} {said}", "check base_url; to trust your own authority, set ca_file"
    reason = getattr(error, "reason", None)  # only set on errors from OpenSSL itself
    if reason in _PLAIN_HTTP:
        return f"{place} does not speak TLS", "write http:// in base_url if that is intended"
    return f"TLS with {place} failed ({reason or 'no reason given'})", "check base_url"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return `error` and all its causes; a host with several addresses fails as a group."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [cause for cause in (current.__cause__, current.__context__) if cause is not None]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the server"
    return f"{parts.hostname}{port}" if parts.hostname else "the server"
