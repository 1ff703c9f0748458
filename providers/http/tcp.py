"""TCP connections: to the first address of a host that answers, with TLS if wanted."""

from __future__ import annotations

import asyncio
import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ssl

AHEAD: Final = 64 * 1024
"""Bytes received ahead of the reader; further ones wait in the kernel, and then at the sender."""
_HEAD_START: Final = 0.25
"""Seconds that an address has to itself before the next one is tried, too (RFC 8305, section 8)."""


class Connection(asyncio.Protocol):
    """An open connection: what was received is read first, however it ended."""

    def __init__(self) -> None:
        self.heard = False
        """Whether a byte arrived since the last `write()`."""
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it is open, with nothing left to read."""
        return not (self._ended or self._received)

    def write(self, data: bytes) -> None:
        """Send `data` as the other side takes it; if that fails, reading tells."""
        self.heard = False
        self._transport.write(data)

    async def read(self, at_most: int = AHEAD) -> bytes:
        """Return what was received, or wait for it; nothing at the end. Raises `OSError`."""
        if self._received or self._ended:
            await asyncio.sleep(0)  # buffered data must not starve the other tasks
        else:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._error is not None and not self._received:
            raise self._error
        data = bytes(self._received[:at_most])
        del self._received[:at_most]
        if len(self._received) <= AHEAD:
            self._transport.resume_reading()
        return data

    def give_back(self, data: bytes) -> None:
        """Let the next read begin with `data`."""
        self._received[:0] = data

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on under TLS. Raises `OSError`, of which `ssl.SSLError` is one."""
        transport = await asyncio.get_running_loop().start_tls(self._transport, self, context, server_hostname=host)
        assert transport is not None
        self._transport = transport

    def close(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; asyncio calls this and what follows."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep `data` for the reader."""
        self.heard = True
        self._received += data
        if len(self._received) > AHEAD:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note that nothing more will come."""
        self._ended = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end, and `error` if it was not in order."""
        if not self._ended:
            self._error = error
        self.eof_received()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def connect(host: str, port: int, context: ssl.SSLContext | None = None) -> Connection:
    """Open a connection, under TLS if there is a `context`. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    opened = await _first_socket(await _addresses(host, port))
    _, connection = await loop.create_connection(
        Connection, sock=opened, ssl=context, server_hostname=host if context else None
    )
    return connection


async def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    """Return every family and address of `host`, families in turn (RFC 8305, section 4)."""
    name = host.encode("ascii")  # or Python imports its tables for names that are not
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name, and asking for its addresses takes time
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    families: dict[int, list[tuple[int, Any]]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, address))
    return [one for one in chain(*zip_longest(*families.values())) if one is not None]


async def _first_socket(addresses: list[tuple[int, Any]]) -> socket.socket:
    """Connect to the first of `addresses` that answers: "happy eyeballs", RFC 8305, section 5."""
    if len(addresses) == 1:
        return await _socket(*addresses[0])
    started: list[asyncio.Task[socket.socket]] = []
    failures: list[BaseException] = []
    winner = None
    try:
        while len(failures) < len(addresses):
            if len(started) < len(addresses):
                started.append(asyncio.create_task(_socket(*addresses[len(started)])))
            running = [task for task in started if not task.done()]
            alone = _HEAD_START if len(started) < len(addresses) else None
            done, _ = await asyncio.wait(running, timeout=alone, return_when=asyncio.FIRST_COMPLETED)
            failures += [error for task in done if (error := task.exception()) is not None]
            if (winner := next((task for task in done if task.exception() is None), None)) is not None:
                return winner.result()
    finally:
        for task in started:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_discard)
    raise OSError("none of the host's addresses can be reached") from BaseExceptionGroup("", failures)


async def _socket(family: int, address: Any) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """Close the socket of a task that came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
