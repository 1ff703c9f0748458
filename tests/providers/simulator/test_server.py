"""The simulator, read by a client that knows nothing of this project's."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from fallback_chat.providers.simulator import (
    FAULTS,
    Manner,
    Moment,
    Simulator,
    Where,
    black_hole,
    closed_port,
    down,
    first,
    flapping,
    running,
    sequence,
)
from fallback_chat.providers.simulator.steps import SEPARATORS
from tests.waiting import until

if TYPE_CHECKING:
    from tests.sampling import Sample

TEXT = "The quick brown fox jumps over the lazy dog."
QUICK = Manner(delay=0.04, tick=0.01)
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
HEAVY = {"long-line", "gzip-bomb", "head-huge", "empty-events"}


async def post(url: str, body: object = BODY, **headers: str) -> tuple[int, bytes]:
    """Send a chat request and read what comes until the server ends, breaks off or is silent for 0.2 s."""
    data = b""
    request = json.dumps(body).encode()
    headers = {"authorization": "Bearer k", "content-type": "application/json", "accept-encoding": "gzip"} | headers
    async with httpx.AsyncClient(trust_env=False, timeout=0.2) as client:
        try:
            async with client.stream("POST", url + "/v1/chat/completions", content=request, headers=headers) as answer:
                try:
                    async for piece in answer.aiter_bytes():
                        data += piece
                except httpx.HTTPError:
                    pass
                return answer.status_code, data
        except httpx.HTTPError:
            return 0, data


def words(data: bytes) -> str:
    """Read the text out of a stream or a document, as roughly as a test may."""
    found = re.findall(r'"content": ("(?:[^"\\]|\\.)*")', data.decode())
    return "".join(json.loads(text) for text in found)


WHOLE_STREAMS = sorted(
    name
    for name, fault in FAULTS.items()
    if fault.whole and name not in {"tool-call", "cr", "done-text", "commentary"} | HEAVY
)
TEXTS = {"separators": SEPARATORS, "utf8-cut": SEPARATORS, "lone-surrogate": "The\ud83d"}


@pytest.mark.parametrize("name", WHOLE_STREAMS)
async def test_a_fault_that_spares_the_answer_delivers_all_of_it(name: str) -> None:
    async with Simulator(name, manner=QUICK) as sim:
        status, data = await post(sim.url)

    assert (status, words(data)) == (200, TEXTS.get(name, TEXT))


FATAL = sorted(
    name for name, fault in FAULTS.items() if not fault.whole and fault.where is not Where.STATUS and name not in HEAVY
)


@pytest.mark.parametrize("name", FATAL)
async def test_every_fault_ends_within_the_lifetime_and_is_recorded(name: str, sample: Sample) -> None:
    for stream in sample([True, False], 1):
        async with Simulator(name, manner=QUICK, lifetime=0.3) as sim:
            await post(sim.url, BODY | {"stream": stream})
            async with asyncio.timeout(2):
                await sim.idle()

            assert [(r.fault, r.problems, r.ended_at is not None) for r in sim.requests] == [(name, (), True)]


@pytest.mark.parametrize("name", ["503", "429-html", "500-text", "502-empty", "500-1mb", "404-broken"])
async def test_a_status_comes_with_the_body_that_its_name_says(name: str) -> None:
    bodies = {"html": b"<!DOCTYPE", "text": b"status 500", "empty": b"", "1mb": b"x" * 1_000_000, "broken": b'{"error"'}
    number, _, form = name.partition("-")

    async with Simulator(name) as sim:
        status, data = await post(sim.url)

    assert status == int(number)
    assert data.startswith(bodies.get(form, b'{"error": {"message": "The simulator answers'))


async def test_a_plain_request_is_answered_with_one_document() -> None:
    async with Simulator() as sim:
        _, data = await post(sim.url, BODY | {"stream": False})

    message = json.loads(data)["choices"][0]
    assert (message["message"]["content"], message["finish_reason"]) == (TEXT, "stop")


async def test_a_plain_answer_that_is_cut_is_half_a_document() -> None:
    async with Simulator("token-close") as sim:
        status, data = await post(sim.url, BODY | {"stream": False})

    assert (status, data[:1]) == (200, b"{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)


async def test_a_request_is_recorded_as_it_was_sent() -> None:
    async with Simulator() as sim:
        await post(sim.url)
        await post(sim.url)

        seen = [
            (r.number, r.method, r.path, r.headers["authorization"], r.json, r.client_left_at) for r in sim.requests
        ]

    assert seen == [(n, "POST", "/v1/chat/completions", "Bearer k", BODY, None) for n in range(2)]


async def test_the_moment_at_which_the_client_leaves_is_recorded() -> None:
    async with Simulator("silence") as sim:
        await post(sim.url)
        async with asyncio.timeout(1):
            await sim.idle()

        (request,) = sim.requests
        assert request.client_left_at is not None
        assert 0.15 < request.client_left_at - request.at < 0.6


MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"modell": "x"}, "unknown key 'modell'"),
        ({"model": ""}, "`model` is '', not a name"),
        ({"stream": False, "stream_options": {}}, "`stream_options` without `stream`"),
        ({"temperature": 3}, "`temperature` is 3, not a number from 0 to 2"),
        ({"max_tokens": True}, "`max_tokens` is True, not a whole number from 1 to 10000000"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "`max_tokens` and `max_completion_tokens` together"),
        ({"messages": []}, "`messages` is not a list of messages"),
        ({"messages": [{"role": "model", "content": "x"}]}, "messages[0]: the role is 'model'"),
        ({"messages": [{"role": "user"}]}, "messages[0]: `content` is missing"),
        ({"messages": [{"role": "assistant"}]}, "messages[0]: there is no content"),
        ({"messages": [{"role": "user", "content": 7}]}, "`messages[0].content` is 7, not text"),
        ({"messages": [*MESSAGES, CALL]}, "the calls ['a'] have no result"),
        ({"messages": [CALL, *MESSAGES]}, "messages[1]: the calls ['a'] have no result before it"),
        ({"messages": [{"role": "tool", "tool_call_id": "b", "content": ""}]}, "messages[0]: 'b' answers no call"),
        ({"tools": []}, "`tools` is not a list of tools"),
        ({"tool_choice": "auto"}, "`tool_choice` or `parallel_tool_calls` without `tools`"),
    ],
)
async def test_a_wrong_request_is_rejected_with_the_reason(change: dict[str, object], problem: str) -> None:
    async with Simulator() as sim:
        status, data = await post(sim.url, BODY | change)

        assert (status, sim.requests[0].problems) == (400, (problem,))
        assert json.loads(data)["error"]["message"] == problem


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"content-type": "text/plain"}, "the content-type is 'text/plain'"),
        ({"authorization": "k"}, "the Authorization header is not `Bearer KEY`"),
    ],
)
async def test_wrong_headers_are_rejected_with_the_reason(headers: dict[str, str], problem: str) -> None:
    async with Simulator() as sim:
        status, _ = await post(sim.url, **headers)

        assert (status, sim.requests[0].problems) == (400, (problem,))


async def test_a_wrong_key_is_refused_and_the_right_one_is_served() -> None:
    async with Simulator(key="right") as sim:
        wrong, _ = await post(sim.url)
        right, _ = await post(sim.url, authorization="Bearer right")

    assert (wrong, right) == (401, 200)


async def test_what_is_not_http_is_a_bad_request() -> None:
    async with Simulator() as sim:
        host, port = sim.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/models HTTP/1.1\r\n\r\n")
        answer = await reader.readuntil(b"\r\n")
        writer.close()

        assert answer == b"HTTP/1.1 400 Bad Request\r\n"
        assert sim.requests[0].problems == ("there is no Host header",)


async def test_the_list_of_models_is_served_while_the_chat_is_well_and_fails_with_it() -> None:
    async with Simulator(sequence("ok", "503")) as sim, httpx.AsyncClient(trust_env=False) as client:
        well = await client.get(sim.url + "/v1/models")
        ill = await client.get(sim.url + "/v1/models")

    assert (well.json()["data"][0]["id"], ill.status_code) == ("sim-model", 503)


def test_scripts_say_which_fault_comes_when() -> None:
    moments = [Moment(n, n * 1.0) for n in range(5)]

    assert {
        "sequence": [sequence("a", "b")(m) for m in moments],
        "first": [first(2, "x")(m) for m in moments],
        "down": [down(3, "x")(m) for m in moments],
        "flapping": [flapping("x", 2)(m) for m in moments],
    } == {
        "sequence": ["a", "b", "b", "b", "b"],
        "first": ["x", "x", "ok", "ok", "ok"],
        "down": ["x", "x", "x", "ok", "ok"],
        "flapping": ["ok", "ok", "x", "x", "ok"],
    }


def test_nothing_listens_on_a_closed_port() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port()))


def test_a_black_hole_answers_no_connection_attempt() -> None:
    with black_hole() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.2)


def test_a_simulator_in_a_thread_serves_another_process() -> None:
    code = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1] + '/v1/models').status)"
    with running() as sim:
        done = subprocess.run([sys.executable, "-c", code, sim.url], capture_output=True, text=True, check=True)

    assert (done.stdout, sim.requests[0].path) == ("200\n", "/v1/models")


def test_every_fault_has_its_own_name_and_says_what_it_does() -> None:
    assert all(fault.name == name and fault.does and fault.steps for name, fault in FAULTS.items())


@pytest.mark.parametrize("rounds", range(8))
async def test_a_connection_that_has_just_been_accepted_is_closed_with_the_server(rounds: int) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        async with Simulator("silence") as sim:
            client.connect_ex(("127.0.0.1", urlsplit(sim.url).port))
            for _ in range(rounds):
                await asyncio.sleep(0)
        gc.collect()  # what is not closed says so
        await until(lambda: is_over(client))


def is_over(client: socket.socket) -> bool:
    """Whether the server has closed this connection."""
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
