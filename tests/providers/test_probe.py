"""Health checks over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.settings import ChainSettings
from tests.providers.asking import JSON, WHOLE, event, llm, sends
from tests.providers.raw_server import Peer, raw_server

if TYPE_CHECKING:
    from fallback_chat.core.llm import ProbeReport


def report(probed: ProbeReport) -> tuple[bool, str, ErrorKind | None]:
    assert probed.total is not None
    assert probed.connect is not None
    return probed.ok, probed.check, probed.error.kind if probed.error else None


@pytest.mark.parametrize(
    ("play", "light", "wanted"),
    [
        (sends(WHOLE), False, (True, "completion", None)),
        (sends(event(finish="length")), False, (True, "completion", None)),
        (
            sends(b'{"error":{"message":"Could not finish the message: output limit"}}', status=400),
            False,
            (True, "completion", None),
        ),
        (sends(b"{}", status=401), False, (False, "completion", ErrorKind.AUTH)),
        (sends(b""), False, (False, "completion", ErrorKind.EMPTY)),
        (sends(b'{"data": []}', headers=JSON), True, (True, "models", None)),
        (sends(b"{}", status=403), True, (False, "models", ErrorKind.PERMISSION)),
    ],
)
async def test_a_probe_tells_the_truth(play: Any, light: bool, wanted: tuple[bool, str, ErrorKind | None]) -> None:
    async with raw_server(play) as server, llm(server.url) as one:
        probed = await one.probe(light=light)
        assert report(probed) == wanted
        (request,) = server.peers[0].requests
    if light:
        assert request.startswith(b"GET /models ")
    else:
        assert json.loads(request.partition(b"\r\n\r\n")[2])["max_tokens"] == 16


@pytest.mark.parametrize("light", [True, False])
async def test_a_probe_ends_in_time(light: bool) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.until_gone()

    chain = ChainSettings(attempt_timeout=0.1)
    async with raw_server(play) as server, llm(server.url, chain=chain) as one:
        probed = await one.probe(light=light)
        assert (probed.ok, probed.error and probed.error.kind) == (False, ErrorKind.TIMEOUT)
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)
