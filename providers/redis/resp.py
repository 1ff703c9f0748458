"""A client for the few commands of Redis that shared health needs: RESP2 over a blocking socket.

The client of Redis itself would bring 2 MB and 60 ms of imports for what fits on two screens.
"""

from __future__ import annotations

import errno
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT: Final = 6379
LONGEST: Final = 1_000_000
"""Bytes in one value, and values in one list; anything longer is not ours."""
DEEPEST: Final = 4
SCHEMES: Final = ("redis", "rediss", "unix")


class RedisError(OSError):
    """The server cannot be reached, does not speak Redis, or refuses a command."""

    def __init__(self, reason: str, where: str | None = None) -> None:
        super().__init__(errno.EIO, reason, where)


class Address(NamedTuple):
    """The place of a server, and the login."""

    host: str = "localhost"
    port: int = PORT
    path: str | None = None
    """Of a Unix socket, in place of host and port."""
    tls: bool = False
    user: str | None = None
    password: str | None = None
    database: int = 0

    @classmethod
    def of(cls, url: str) -> Self:
        """Parse `redis://`, `rediss://` (TLS) or `unix://`.

        Raises ValueError, which quotes nothing of the URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or PORT
        except ValueError:
            raise ValueError("it is not a URL") from None
        if parts.scheme not in SCHEMES:
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        password = None if parts.password is None else unquote(parts.password)
        user = unquote(parts.username) if parts.username else None
        if parts.scheme == "unix":
            return cls(path=unquote(parts.path), user=user, password=password)
        database = parts.path.strip("/") or "0"
        if not database.isdecimal():
            raise ValueError("the part behind the host must be the number of a database")
        return cls(
            parts.hostname or "localhost",
            port,
            tls=parts.scheme == "rediss",
            user=user,
            password=password,
            database=int(database),
        )

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


class Redis:
    """One connection. Every failure is an `OSError`, after which the connection is unusable."""

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._socket = _connect(address, timeout)
        self._file = self._socket.makefile("rb")
        try:
            if address.password is not None:
                self.call("AUTH", *([address.user] if address.user else []), address.password)
            if address.database:
                self.call("SELECT", str(address.database))
        except BaseException:
            self.close()
            raise

    def call(self, *words: str) -> Any:
        """Run one command and return its reply."""
        return self.pipeline([words])[0]

    def pipeline(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """Run several commands in one round trip. Raises `RedisError` if one of them fails."""
        self._socket.sendall(b"".join(map(_encoded, commands)))
        replies = [self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return replies

    def close(self) -> None:
        """Release the connection."""
        with suppress(OSError):
            self._file.close()
            self._socket.close()

    def _reply(self, depth: int = 0) -> Any:
        line = self._file.readline(LONGEST)
        if not line.endswith(b"\r\n"):
            raise RedisError("the server closed the connection")
        kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
        match kind:
            case b"+":
                return rest
            case b"-":
                return RedisError(rest.partition(", with args")[0])  # which may be the password
            case b":":
                return _number(rest)
            case b"$":
                return self._bulk(_length(rest))
            case b"*" if depth < DEEPEST:
                count = _length(rest)
                return None if count < 0 else [self._reply(depth + 1) for _ in range(count)]
            case _:
                raise RedisError("the server does not speak Redis")

    def _bulk(self, length: int) -> str | None:
        if length < 0:
            return None
        data = self._file.read(length + 2)
        if len(data) < length + 2:
            raise RedisError("the server closed the connection")
        return data[:-2].decode("utf-8", "replace")


def _connect(address: Address, timeout: float) -> socket.socket:
    if address.path is not None:
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(timeout)
        try:
            local.connect(address.path)
        except OSError:
            local.close()
            raise
        return local
    plain = socket.create_connection((address.host, address.port), timeout)
    if not address.tls:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
    except OSError:
        plain.close()
        raise


def _encoded(words: Sequence[str]) -> bytes:
    parts = [word.encode("utf-8", "replace") for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RedisError("the server does not speak Redis") from None


def _length(text: str) -> int:
    length = _number(text)
    if length > LONGEST:
        raise RedisError("a value is too long")
    return length
