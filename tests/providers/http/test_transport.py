"""Which connections are kept for the next request, and how long; answers that come too early."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from fallback_chat.providers.http.transport import Origin, Transport
from tests.core.conversations.fakes import SetClock
from tests.providers.asking import JSON, sends
from tests.providers.raw_server import Peer, head, raw_server
from tests.waiting import until


def request(url: str, content: bytes = b"") -> httpx.Request:
    return httpx.Request("POST", url, content=content)


async def fetch(transport: Transport, url: str) -> float | None:
    """Send a request, read the response; return how long it took to connect."""
    sent = await transport.send(request(url), 1)
    await sent.response.aread()
    await sent.response.aclose()
    return sent.connect


async def test_a_connection_is_kept_for_a_minute() -> None:
    clock = SetClock()
    transport = Transport(None, None, clock)
    async with raw_server(sends(b"{}")) as server:
        assert await fetch(transport, server.url) == 0.0
        for seconds, connect_time in ((59.9, None), (59.9, None), (60.0, 0.0)):
            clock.now += seconds
            assert await fetch(transport, server.url) == connect_time
        assert [len(peer.requests) for peer in server.peers] == [3, 1]
        await server.peers[0].gone.wait()
        await transport.aclose()
        await server.peers[1].gone.wait()


async def test_twenty_connections_are_kept_and_the_oldest_goes_first() -> None:
    together = asyncio.Barrier(22)

    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await together.wait()
            await peer.answer(b"{}")

    transport = Transport(None, None, SetClock())
    async with raw_server(play) as server:
        await asyncio.gather(*(fetch(transport, server.url) for _ in range(22)))
        gone = asyncio.as_completed([peer.gone.wait() for peer in server.peers])
        for _ in range(2):
            await next(gone)
        assert sum(not peer.gone.is_set() for peer in server.peers) == 20
        together = asyncio.Barrier(20)
        assert await asyncio.gather(*(fetch(transport, server.url) for _ in range(20))) == [None] * 20
        await transport.aclose()
        for waiting in gone:
            await waiting


async def test_a_connection_serves_its_own_server_only() -> None:
    transport = Transport(None, None, SetClock())
    async with raw_server(sends(b"{}")) as one, raw_server(sends(b"{}")) as other:
        for server in (one, other, one, other):
            await fetch(transport, server.url)
        assert [len(server.peers) for server in (one, other)] == [1, 1]
        await transport.aclose()


async def test_a_server_that_spoke_out_of_turn_is_connected_to_anew() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"{}")
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

    transport = Transport(None, None, SetClock())
    async with raw_server(play) as server:
        await fetch(transport, server.url)
        await until(lambda: not any(kept.http.connection.is_idle for kept in transport._kept))
        assert await fetch(transport, server.url) == 0.0
        await transport.aclose()


@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_that_comes_before_the_request_was_taken_is_read(reset: bool) -> None:
    async def play(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(head(413, (*JSON, ("Content-Length", "2"))) + b"{}")
        if reset:
            peer.reset()
        else:
            await peer.gone.wait()

    transport = Transport(None, None, SetClock())
    async with raw_server(play) as server:
        response = (await transport.send(request(server.url, b"x" * (8 << 20)), 1)).response
        assert (response.status_code, await response.aread()) == (413, b"{}")
        await response.aclose()


def test_urls_of_every_form_name_their_origin() -> None:
    for url, origin in {
        "http://api.test/v1": ("http", "api.test", 80),
        "https://API.test": ("https", "api.test", 443),
        "https://[fd00::7]:8443/": ("https", "fd00::7", 8443),
        "http://b\u00fccher.test": ("http", "xn--bcher-kva.test", 80),
        "http://api.test:0": ("http", "api.test", 0),
    }.items():
        assert Origin.of(httpx.URL(url)) == origin
