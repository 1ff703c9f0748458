"""A client for the few commands of Redis that shared health needs: RESP2 over a blocking socket.

The client of Redis itself would bring 2 MB and 60 ms of imports for what fits on two screens.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
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
STEPS: Final = {
    "NOAUTH": "write the password into the URL: redis://:PASSWORD@HOST",
    "WRONGPASS": "correct the login in the URL: redis://USER:PASSWORD@HOST",
    "NOPERM": "ACL SETUSER for this user: ~fallback-chat:* +@read +@write +eval +time",
    "READONLY": "name the primary instead of its replica",
    "MOVED": "name a server that is not part of a cluster",
    "MISCONF": "its disk or its replicas need care",
    "NOREPLICAS": "its disk or its replicas need care",
    "OOM": "give it more memory, or let it evict keys",
}
"""The next step by the first word of an error."""


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
    """One connection. Every failure is an `OSError`, after which the connection is unusable.

    `timeout` limits each round trip as a whole, so that a server that drips holds nobody up.
    """

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._timeout = timeout
        self._ends = 0.0
        """When the current round trip has to be over."""
        self._received = bytearray()
        self._socket = _connect(address, timeout)
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
        self._ends = time.monotonic() + self._timeout
        self._socket.settimeout(self._timeout)
        self._socket.sendall(b"".join(map(_encoded, commands)))
        replies = [self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return replies

    def close(self) -> None:
        """Release the connection."""
        with suppress(OSError):
            self._socket.close()

    def _receive(self) -> None:
        """Receive more of the replies. Raises `RedisError` if there is no more, or no more time."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, "timed out")
        self._socket.settimeout(left)
        data = self._socket.recv(65536)
        if not data:
            raise RedisError("the server closed the connection")
        self._received += data

    def _take(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        while len(self._received) < length:
            self._receive()
        taken = bytes(self._received[:length])
        del self._received[:length]
        return taken

    def _line(self) -> bytes:
        """Return the next line, without its end."""
        start = 0
        while (end := self._received.find(b"\r\n", start)) < 0:
            start = max(len(self._received) - 1, 0)
            if start > LONGEST:
                raise RedisError("a value is too long")
            self._receive()
        return self._take(end + 2)[:-2]

    def _reply(self, depth: int = 0) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:].decode("utf-8", "replace")
        match kind:
            case b"+":
                return rest
            case b"-":
                return _refusal(rest.partition(", with args")[0])  # which may be the password
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
        return self._take(length + 2)[:-2].decode("utf-8", "replace")


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
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise RedisError(f"its certificate is not trusted: {error.verify_message}") from error
    except OSError as error:
        plain.close()
        raise RedisError("it does not speak TLS (without TLS the URL begins with redis://)") from error


def _refusal(text: str) -> RedisError:
    """Return the error that the server names, with the next step if there is one."""
    text = text.partition(" script: ")[0]  # Redis adds which script of ours and which line of it
    step = STEPS.get(text.partition(" ")[0])
    return RedisError(f"{text} ({step})" if step else text)


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
