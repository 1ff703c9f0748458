"""The environment's proxies, read in one place: the one that a URL uses, if any.

httpx would read the variables itself. It fails on values that VPNs and sandboxes write, such as
`[::1]` or an IPv6 network in NO_PROXY, and then blames the URL. So it is given one proxy or none.
"""

from __future__ import annotations

import re
import sys
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpx

from fallback_chat.core.config.services import is_loopback
from fallback_chat.core.config.values import PROXY_SCHEMES
from fallback_chat.core.errors import APIConnectionError, ErrorDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SYSTEM: Final = "the proxy settings of the system"


class Proxy(NamedTuple):
    """A proxy and its source."""

    url: str
    named_by: str
    """An environment variable, or the key in fallback.toml."""

    @property
    def origin(self) -> str:
        """The proxy's address without credentials."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def name(self) -> str:
        """The name used in messages."""
        return f"the proxy {self.origin} ({self.named_by})"

    @property
    def hint(self) -> str:
        """The advice if the proxy fails."""
        return f'correct {self.named_by}, or write proxy = "none"'


def system_proxies() -> Mapping[str, str]:
    """Return the proxies, by scheme, that macOS and Windows keep outside the environment."""
    if sys.platform not in ("darwin", "win32"):
        return {}
    from urllib.request import getproxies

    return getproxies()


class Proxies:
    """Knows the proxy for each URL."""

    def __init__(self, environ: Mapping[str, str], *, system: Callable[[], Mapping[str, str]] = system_proxies) -> None:
        self._environ = environ
        self._system = system
        self._exempt: tuple[_Exemption, ...] | None = None

    def of(self, url: str, chosen: str | None = None) -> Proxy | None:
        """Return the proxy for `url`: that of fallback.toml (`chosen`), or of the environment.

        Raises `APIConnectionError` for an invalid address: without it, a request would take an
        unintended way. A malformed `url` raises `ValueError`.
        """
        if chosen is not None:
            return None if chosen == "none" else _read(chosen, "proxy in fallback.toml")
        parts = urlsplit(url)
        if is_loopback(url) or self._is_exempt(parts):
            return None
        return next((_read(value, name) for name, value in self._named(parts.scheme)), None)

    def _named(self, scheme: str) -> Iterable[tuple[str, str]]:
        """Yield the settings for `scheme`, the strongest first."""
        names = [name for kind in (scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())]
        if "REQUEST_METHOD" in self._environ:  # in a CGI script, HTTP_PROXY comes from the client
            names.remove("HTTP_PROXY")
        found = [(name, value) for name in names if (value := _trimmed(self._environ.get(name, "")))]
        if found or any(name.lower().endswith("_proxy") for name in self._environ):
            return found
        system = self._system()
        return [(_SYSTEM, value) for kind in (scheme, "all") if (value := _trimmed(system.get(kind, "")))]

    def _is_exempt(self, parts: SplitResult) -> bool:
        if self._exempt is None:
            listed = self._environ.get("no_proxy") or self._environ.get("NO_PROXY") or ""
            self._exempt = tuple(_Exemption.read(entry) for entry in re.split(r"[,\s]+", listed) if entry)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        return any(exempt.covers(parts.hostname or "", port) for exempt in self._exempt)


class _Exemption(NamedTuple):
    """One entry of NO_PROXY: a domain with its subdomains, an address, a network, or `*`."""

    host: str
    port: int | None

    @classmethod
    def read(cls, entry: str) -> _Exemption:
        """Read an entry; an invalid one covers nothing."""
        host = _trimmed(entry).lower().rpartition("://")[2]
        port = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d{1,5})", host)
        if port:
            return cls(port[1].strip("[]"), int(port[2]))
        return cls(host.replace("[", "").replace("]", "").removeprefix("*.").lstrip("."), None)

    def covers(self, host: str, port: int) -> bool:
        """Whether requests to `host` and `port` bypass the proxy."""
        if self.port is not None and self.port != port:
            return False
        if self.host in {"*", host} or host.endswith(f".{self.host}"):
            return bool(self.host)
        if self.host == "<local>":
            return "." not in host and ":" not in host
        try:
            return ip_address(host) in ip_network(self.host, strict=False)
        except ValueError:
            return False


def _trimmed(value: str) -> str:
    return value.strip().strip("\"'").strip()


def _read(value: str, name: str) -> Proxy:
    """Return the proxy in `value`, which may lack its scheme, or the brackets of IPv6."""
    scheme, mark, rest = value.rpartition("://")
    login, at, host = rest.rstrip("/").rpartition("@")
    if _is_ipv6(host):
        host = f"[{host}]"
    url = f"{scheme.lower() if mark else 'http'}://{login}{at}{host}"
    try:
        parsed = httpx.URL(url)
        usable = (
            parsed.scheme in PROXY_SCHEMES and bool(parsed.host) and (parsed.port is None or 0 < parsed.port < 65536)
        )
    except (httpx.InvalidURL, ValueError):
        usable = False
    proxy = Proxy(url, name)
    if not usable:
        raise APIConnectionError(
            f"{name} holds {f'{scheme}{mark}{host}'[:80]!r}, which is not a proxy's address",
            details=ErrorDetails(retryable=False),
            hint=proxy.hint,
        )
    return proxy


def _is_ipv6(host: str) -> bool:
    try:
        return isinstance(ip_address(host), IPv6Address)
    except ValueError:
        return False
