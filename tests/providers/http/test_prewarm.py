"""A connection that is there before the first question."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fallback_chat.providers.simulator import Simulator
from tests.providers.asking import ask, llm, sends
from tests.providers.raw_server import raw_server

if TYPE_CHECKING:
    from tests.providers.raw_server import Peer


async def test_the_first_question_finds_a_connection_and_no_token_was_spent() -> None:
    async with Simulator() as server, llm(f"{server.url}/v1") as one:
        one.prewarm()
        one.prewarm()
        assert one._warming is not None
        await one._warming
        text, error = await ask(one)

    assert (text, error) == (server.manner.text, None)
    assert [(each.method, each.path, each.connection) for each in server.requests] == [
        ("GET", "/v1/models", 0),
        ("POST", "/v1/chat/completions", 0),
    ]


async def test_a_server_that_fails_the_warming_is_asked_all_the_same() -> None:
    async with raw_server(sends(b"{}", status=401)) as server, llm(server.url) as one:
        one.prewarm()
        _, error = await ask(one)

    assert error is not None
    assert error.details.status == 401


async def test_closing_ends_a_warming_that_hangs() -> None:
    held = asyncio.Event()

    async def hold(peer: Peer) -> None:
        await peer.request()
        held.set()
        await peer.until_gone()

    async with raw_server(hold) as server:
        async with llm(server.url) as one:
            one.prewarm()
            await held.wait()
        await server.peers[0].gone.wait()
        one.prewarm()

    assert len(server.peers) == 1
