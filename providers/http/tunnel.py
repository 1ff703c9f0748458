"""Ways through a proxy: the beginning of a connection whose other end is a server beyond it.

HTTP proxies are asked by CONNECT (RFC 9110, section 9.3.6), SOCKS proxies by RFC 1928 and 1929; the
proxy resolves the server's name.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import httpx

from fallback_chat.providers.http.exchange import HttpConnection

if TYPE_CHECKING:
    from fallback_chat.providers.http.tcp import Connection

_VERSION: Final = 5
_NO_LOGIN: Final = 0
_PASSWORD: Final = 2
_REFUSED: Final = {
    1: "it failed",
    2: "its rules forbid it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the host refuses connections",
    6: "the time to live is over",
    7: "it does not know the command",
    8: "it does not know the kind of address",
}
"""The codes of a SOCKS reply (RFC 1928, section 6)."""


async def through_http(connection: Connection, host: str, port: int, headers: list[tuple[bytes, bytes]]) -> None:
    """Let an HTTP proxy connect to `host`. Raises `httpx.ProxyError`."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    response = await HttpConnection(connection).ask(
        b"CONNECT", target.encode(), [(b"Host", target.encode()), (b"Accept", b"*/*"), *headers]
    )
    if not 200 <= response.status_code < 300:
        raise httpx.ProxyError(f"{response.status_code} {response.reason.decode('ascii', 'replace')}".strip())


async def through_socks(connection: Connection, host: str, port: int, login: tuple[bytes, bytes] | None) -> None:
    """Let a SOCKS 5 proxy connect to `host`. Raises `httpx.ProxyError`."""
    methods = bytes([_NO_LOGIN] if login is None else [_NO_LOGIN, _PASSWORD])
    connection.write(bytes([_VERSION, len(methods)]) + methods)
    version, method = await _exactly(connection, 2)
    if version != _VERSION:
        raise httpx.ProxyError("it does not speak SOCKS 5")
    if method not in methods:
        raise httpx.ProxyError("it wants a login" if login is None else "it wants another kind of login")
    if method == _PASSWORD and login is not None:
        connection.write(b"\1" + b"".join(bytes([len(part[:255])]) + part[:255] for part in login))
        if (await _exactly(connection, 2))[1]:
            raise httpx.ProxyError("it refuses the name or the password")
    connection.write(bytes([_VERSION, 1, 0]) + _address(host) + port.to_bytes(2, "big"))
    _, code, _, kind = await _exactly(connection, 4)
    if code:
        raise httpx.ProxyError(_REFUSED.get(code, f"it failed with code {code}"))
    length = {1: 4, 4: 16}.get(kind) or (await _exactly(connection, 1))[0]
    await _exactly(connection, length + 2)  # the proxy's own address, which nobody needs


def _address(host: str) -> bytes:
    """Return `host` as SOCKS writes it: a kind, and an address or a name."""
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode()[:255]
        return bytes([3, len(name)]) + name
    return bytes([1 if address.version == 4 else 4]) + address.packed


async def _exactly(connection: Connection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = await connection.read(size - len(data))
        except OSError as error:
            raise httpx.ProxyError("it broke off the connection") from error
        if not piece:
            raise httpx.ProxyError("it closed the connection")
        data += piece
    return data
