"""The simulator: a loopback server that answers by its script and remembers every request."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from fallback_chat.providers.simulator.connection import BadRequestError, ClientGoneError, Connection, read_request
from fallback_chat.providers.simulator.exchange import Exchange, Manner, Recorded
from fallback_chat.providers.simulator.faults import FAULTS, Where
from fallback_chat.providers.simulator.routes import format_of, parse
from fallback_chat.providers.simulator.schedule import Moment, always
from fallback_chat.providers.simulator.wire import Whole, dump
from fallback_chat.providers.simulator.wire_openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from ssl import SSLContext
    from types import TracebackType

    from fallback_chat.providers.simulator.faults import Fault
    from fallback_chat.providers.simulator.schedule import Script
    from fallback_chat.providers.simulator.wire import Asked, WireFormat

LIFETIME: Final = 30.0
ROUNDS_OF_ACCEPTING: Final = 3
"""Rounds of the event loop from an accepted socket to its protocol's `connection_made`."""
MODEL: Final = "sim-model"
"""The only model; a request may name any."""


class Simulator:
    """Serves on 127.0.0.1 while it is entered; `url` is its origin.

    No connection lives longer than `lifetime` seconds. With `key`, a request with another one gets
    a 401.
    """

    def __init__(
        self,
        script: Script | str = "ok",
        *,
        manner: Manner | None = None,
        key: str | None = None,
        tls: SSLContext | None = None,
        lifetime: float = LIFETIME,
    ) -> None:
        self.script = always(script) if isinstance(script, str) else script
        self.manner = manner or Manner()
        self.requests: list[Recorded] = []
        self.url = ""
        self._key = key
        self._tls = tls
        self._lifetime = lifetime
        self._connections: set[Connection] = set()
        self._accepted = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        self._server = await loop.create_server(lambda: Connection(self._accept), "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        # Python 3.11 forgets a socket that is being accepted while the server closes.
        for _ in range(ROUNDS_OF_ACCEPTING):
            await asyncio.sleep(0)
        self._server.close()
        connections = tuple(self._connections)
        for connection in connections:
            connection.task.cancel()
        await asyncio.gather(*(connection.task for connection in connections), return_exceptions=True)
        for connection in connections:
            connection.transport.abort()
        await asyncio.sleep(0)

    @property
    def chats(self) -> list[Recorded]:
        """The chat requests, without lists of models and connections that failed before."""
        return [request for request in self.requests if request.method == "POST"]

    @property
    def open_connections(self) -> int:
        """The number of connected clients."""
        return len(self._connections)

    async def idle(self) -> None:
        """Wait until every connection is closed."""
        while self._connections:
            await asyncio.wait([connection.task for connection in self._connections])

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._started

    def _accept(self, connection: Connection) -> Coroutine[None, None, None]:
        """Note a connection that has been made; its task may be cancelled before it begins."""
        self._connections.add(connection)
        number, self._accepted = self._accepted, self._accepted + 1
        return self._serve(connection, number)

    async def _serve(self, connection: Connection, number: int) -> None:
        try:
            async with asyncio.timeout(self._lifetime):
                await self._serve_connection(connection, number)
        except (ClientGoneError, TimeoutError):
            pass
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _serve_connection(self, connection: Connection, number: int) -> None:
        fault = self._next_fault()
        if fault.where is Where.CONNECTION:
            with self._record(connection, number, fault) as record:
                await fault.play(self._bare(connection, record))
            return
        keep_alive = True
        while keep_alive:
            try:
                got = await read_request(connection)
            except BadRequestError as error:
                with self._record(connection, number, self._next_fault()) as record:
                    record.problems = (str(error),)
                    await _refuse(self._bare(connection, record), 400, str(error))
                return
            if got is None:
                return
            fault = self._next_fault()
            with self._record(connection, number, fault) as record:
                record.method, record.path, record.headers, record.body = got
                keep_alive = await self._answer(connection, record, fault)

    def _bare(self, connection: Connection, record: Recorded) -> Exchange:
        """Return an exchange without a readable request."""
        wire = OpenAI("")
        return Exchange(connection, record, wire, wire, self.manner)

    async def _answer(self, connection: Connection, record: Recorded, fault: Fault) -> bool:
        asked = parse(record)
        wire_type = format_of(asked)
        wire = (wire_type or OpenAI)((wire_type and wire_type.model_of(asked)) or MODEL)
        posted = record.method == "POST"
        record.problems = _problems(asked, wire_type)
        streams = posted and not record.problems and wire.wants_stream(asked)
        exchange = Exchange(connection, record, wire, wire if streams else Whole(wire), self.manner)
        if self._key is not None and self._key not in _keys(record.headers):
            await _refuse(exchange, 401, "Incorrect API key provided.", "invalid_api_key")
        elif record.problems:
            await _refuse(exchange, 400 if wire_type else 404, "; ".join(record.problems))
        elif not posted and fault.whole:
            await exchange.document(200, dump(wire.models((MODEL,))), "application/json")
        else:
            await fault.play(exchange)
        return exchange.keep_alive

    def _next_fault(self) -> Fault:
        return FAULTS[self.script(Moment(len(self.requests), self._now()))]

    @contextmanager
    def _record(self, connection: Connection, number: int, fault: Fault) -> Iterator[Recorded]:
        """Remember one request; its outcome is added on leaving."""
        record = Recorded(len(self.requests), self._now(), number, fault.name)
        self.requests.append(record)
        try:
            yield record
        finally:
            record.ended_at = self._now()
            if connection.gone_at is not None:
                record.client_left_at = connection.gone_at - self._started


def _problems(asked: Asked, wire: type[WireFormat] | None) -> tuple[str, ...]:
    if wire is None:
        return ("the path is not served",)
    return tuple(wire.problems(asked)) if asked.method == "POST" else ()


def _keys(headers: dict[str, str]) -> tuple[str | None, ...]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return bearer, headers.get("x-api-key"), headers.get("x-goog-api-key")


async def _refuse(exchange: Exchange, status: int, message: str, code: str | None = None) -> None:
    await exchange.document(status, dump(exchange.wire.error_body(status, message, code)), "application/json")


@contextmanager
def running(script: Script | str = "ok", **options: Any) -> Iterator[Simulator]:
    """Run a simulator in a thread, for clients in another process.

    `options` are those of `Simulator`.
    """
    ready = threading.Event()
    stop: asyncio.Event
    loop: asyncio.AbstractEventLoop

    async def serve() -> None:
        nonlocal stop, loop
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with simulator:
            ready.set()
            await stop.wait()

    simulator = Simulator(script, **options)
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="simulator", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def closed_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens: connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def black_hole() -> Iterator[int]:
    """Return a port of 127.0.0.1 that answers no connection attempt: its queue of one is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        plugs = [socket.socket() for _ in range(3)]
        try:
            for plug in plugs:
                plug.setblocking(False)
                plug.connect_ex(address)
            yield address[1]
        finally:
            for plug in plugs:
                plug.close()
