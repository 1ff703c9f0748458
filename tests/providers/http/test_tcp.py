"""Connections themselves: which address is taken, what is read in which order, what is closed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.providers.http.tcp import connect
from fallback_chat.providers.simulator import black_hole, closed_port
from tests.fake_time import OVER_SOCKETS
from tests.providers.raw_server import Peer, raw_server
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "name.test"
LARGE = 4 << 20


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a name stand for ports of this machine."""

    def to(*ports: int) -> None:
        def getaddrinfo(*_: object, flags: int = 0, **__: object) -> list[Any]:
            if flags & socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "it is a name")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one)) for one in ports]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return to


@pytest.fixture
def hole() -> Iterator[int]:
    with black_hole() as port:
        yield port


@pytest.mark.parametrize("anyio_backend", [OVER_SOCKETS], ids=["jumping"])
async def test_a_host_is_reached_at_the_first_address_that_answers(resolves: Any, hole: int) -> None:
    now = asyncio.get_running_loop().time
    async with raw_server(Peer.until_gone) as server, raw_server(Peer.until_gone) as other:
        for ports, seconds in (
            ([server.port, other.port], 0.0),
            ([closed_port(), server.port], 0.0),
            ([closed_port(), closed_port(), server.port, other.port], 0.0),
            ([hole, server.port], 0.25),
            ([hole, closed_port(), server.port], 0.25),
            ([hole, hole, server.port], 0.5),
        ):
            resolves(*ports)
            began = now()
            connection = await connect(HOST, 1)
            assert now() - began == pytest.approx(seconds)
            connection.close()
            await server.peers[-1].gone.wait()
        assert (len(server.peers), other.peers) == (6, [])


async def test_every_address_that_fails_is_a_cause(resolves: Any) -> None:
    resolves(closed_port(), closed_port())
    with pytest.raises(OSError, match="none of the host's addresses can be reached") as caught:
        await connect(HOST, 1)
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [type(error) for error in group.exceptions] == [ConnectionRefusedError] * 2


@pytest.mark.parametrize("anyio_backend", [OVER_SOCKETS], ids=["jumping"])
@pytest.mark.parametrize("seconds", [0.5, 0.55, 0.6])
async def test_of_two_addresses_that_answer_one_is_closed(
    resolves: Any, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    connecting, duration = loop.sock_connect, iter([seconds, 0.3])

    async def slowly(sock: socket.socket, address: Any) -> None:
        until = loop.time() + next(duration)
        await connecting(sock, address)
        await asyncio.sleep(until - loop.time())

    monkeypatch.setattr(loop, "sock_connect", slowly)
    async with raw_server(Peer.until_gone) as server:
        resolves(server.port, server.port)
        connection = await connect(HOST, 1)
        gone = asyncio.as_completed([peer.gone.wait() for peer in server.peers])
        await next(gone)
        await asyncio.sleep(0.1)
        assert sum(peer.gone.is_set() for peer in server.peers) == 1
        connection.close()
        await next(gone)


@pytest.mark.parametrize("anyio_backend", [OVER_SOCKETS], ids=["jumping"])
async def test_a_cancelled_start_leaves_no_socket(resolves: Any, hole: int) -> None:
    resolves(hole, hole)
    connecting = asyncio.ensure_future(connect(HOST, 1))
    await asyncio.sleep(0.3)  # both addresses are being tried
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting  # a socket that is left open would be a warning, and so an error


async def test_what_was_received_is_read_before_the_failure() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(b"the last words")
        await peer.reader.read(1)
        peer.reset()

    async with raw_server(play) as server:
        connection = await connect("127.0.0.1", server.port)
        connection.write(b"x")
        await until(lambda: connection._ended)
        assert (await connection.read(3), await connection.read()) == (b"the", b" last words")
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await connection.read()
        assert not connection.is_idle
        connection.close()


async def test_a_reader_that_stops_stops_the_sender() -> None:
    sent = 0

    async def play(peer: Peer) -> None:
        nonlocal sent
        while sent < LARGE:
            await peer.send(b"x" * 65536)
            sent += 65536

    async with raw_server(play) as server:
        connection = await connect("127.0.0.1", server.port)
        data = await connection.read(1)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.02)
        assert len(connection._received) < 1 << 20
        while piece := await connection.read(10_000):
            data += piece
        assert (len(data), sent) == (LARGE, LARGE)
        connection.close()


async def test_the_end_is_read_as_often_as_one_asks() -> None:
    async with raw_server(lambda peer: peer.send(b"end")) as server:
        connection = await connect("127.0.0.1", server.port)
        assert [await connection.read() for _ in range(3)] == [b"end", b"", b""]
        connection.write(b"nobody listens")
        connection.close()


async def test_a_failed_handshake_is_an_error_of_the_connection() -> None:
    async with raw_server(lambda peer: peer.send(b"I am no TLS")) as server:
        with pytest.raises(ssl.SSLError):
            await connect("127.0.0.1", server.port, ssl.create_default_context())
