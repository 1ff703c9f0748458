"""Health checks over real sockets."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.http.probe import is_listed
from tests.providers.asking import DONE, JSON, WHOLE, event, llm, sends
from tests.providers.raw_server import Peer, head, raw_server

if TYPE_CHECKING:
    from fallback_chat.core.llm import ProbeReport

THOUGHT = b'data: {"choices": [{"delta": {"reasoning_content": "hm"}, "finish_reason": null}]}\n\n'


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
        (sends(THOUGHT + event(finish="stop") + DONE), False, (False, "completion", ErrorKind.EMPTY)),
        (sends(THOUGHT + event(finish="length") + DONE), False, (True, "completion", None)),
        (sends(b'{"data": []}', headers=JSON), True, (True, "models", None)),
        (sends(b"{}", status=403), True, (False, "models", ErrorKind.PERMISSION)),
        (sends(b'{"detail":"Not Found"}', status=404), True, (False, "models", ErrorKind.UNSUPPORTED)),
        (sends(b'{"detail":"Method Not Allowed"}', status=405), True, (False, "models", ErrorKind.UNSUPPORTED)),
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

    attempt = AttemptSettings(attempt_timeout=0.1)
    async with raw_server(play) as server, llm(server.url, attempt=attempt) as one:
        probed = await one.probe(light=light)
        assert (probed.ok, probed.error and probed.error.kind) == (False, ErrorKind.TIMEOUT)
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)


@pytest.mark.parametrize(("model", "ok"), [("m", True), ("m:latest", True), ("n:1b", True), ("n", False)])
async def test_a_model_that_was_not_pulled_is_said_to_be_missing(model: str, ok: bool) -> None:
    body = b'{"models": [{"name": "m:latest"}, {"name": "n:1b"}]}'
    async with raw_server(sends(body)) as server, llm(server.url, kind="ollama", model=model) as one:
        probed = await one.probe(light=True)
    assert (probed.ok, probed.error and probed.error.kind) == (ok, None if ok else ErrorKind.MODEL_NOT_FOUND)
    assert ok or (probed.error and probed.error.hint) == f"pull it: ollama pull {model}"


@pytest.mark.parametrize(
    ("model", "names", "listed"),
    [
        ("m", ["m", "n"], True),
        ("M", ["m"], True),
        ("m", ["n", "mm"], False),
        ("m", [], True),
        ("m", ["openai/*"], True),
        ("claude-x", ["claude-x-20260101"], True),
        ("claude-x-latest", ["claude-x-20260101"], True),
        ("gemini-x", ["gemini-x@001"], False),
        ("gpt-x", ["gpt-x-2026-01-01"], True),
        ("gpt-x", ["gpt-x-mini"], False),
        ("models/g", ["g"], True),
    ],
)
def test_a_model_is_found_in_a_list_with_its_date_or_without(model: str, names: list[str], listed: bool) -> None:
    assert is_listed(model, names) is listed


@pytest.mark.parametrize(
    ("names", "settings", "ok"),
    [
        (["m", "n"], {}, True),
        (["n", "o"], {}, False),
        (["n"], {}, True),  # a server of one model, at home
        (["n", "o"], {"preset": "llamacpp"}, True),
        (["n", "o"], {"preset": "azure"}, True),
        (["n", "o"], {"kind": "openai-responses"}, False),
    ],
)
async def test_a_list_that_lacks_the_model_is_no_good_sign(names: list[str], settings: Any, ok: bool) -> None:
    body = json.dumps({"data": [{"id": name} for name in names]}).encode()
    async with raw_server(sends(body, headers=JSON)) as server, llm(server.url, **settings) as one:
        probed = await one.probe(light=True)
    assert (probed.ok, probed.error and probed.error.kind) == (ok, None if ok else ErrorKind.MODEL_NOT_FOUND)


async def test_openrouter_is_asked_for_its_key_since_its_list_is_public() -> None:
    async with raw_server(sends(b"{}")) as server, llm(server.url, preset="openrouter") as one:
        assert (await one.probe(light=True)).ok
        assert server.peers[0].requests[0].startswith(b"GET /key ")


async def test_a_list_that_breaks_off_is_a_connection_error() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, (*JSON, ("Content-Length", "100"))) + b"{")

    async with raw_server(play) as server, llm(server.url) as one:
        probed = await one.probe(light=True)
    assert (probed.ok, probed.error and probed.error.kind) == (False, ErrorKind.CONNECTION)
