"""The simulator in every wire format: it takes the vendors' requests, rejects wrong ones, and answers in their shapes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from fallback_chat.providers.simulator import Manner, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS: Final = Path(__file__).parents[2] / "data/vectors/requests"
TEXT: Final = Manner().text
FAMILIES: Final = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")
CONTENT: Final = {
    "openai-chat": r'"delta": \{"content": ("(?:[^"\\]|\\.)*")',
    "openai-responses": r'output_text.delta.*?"delta": ("(?:[^"\\]|\\.)*")',
    "anthropic": r'"text_delta", "text": ("(?:[^"\\]|\\.)*")',
    "gemini": r'"parts": \[\{"text": ("(?:[^"\\]|\\.)*")\}',
    "ollama": r'"content": ("(?:[^"\\]|\\.)*")',
}
LAST: Final = {
    "openai-chat": "data: [DONE]",
    "openai-responses": '"status": "completed"',
    "anthropic": 'data: {"type": "message_stop"}',
    "gemini": '"finishReason": "STOP"',
    "ollama": '"done": true',
}


async def post(sim: Simulator, family: str, changes: dict[str, Any] | None = None) -> httpx.Response:
    vector = json.loads((REQUESTS / f"{family}.json").read_text())
    path = vector["request_line"].split(" ")[1]
    async with httpx.AsyncClient(trust_env=False, timeout=2, headers=vector["headers"]) as client:
        return await client.post(sim.url + path, content=json.dumps(vector["body"] | (changes or {})).encode())


@pytest.mark.parametrize("family", FAMILIES)
async def test_the_vendors_own_request_is_answered_in_its_format(family: str) -> None:
    async with Simulator() as sim:
        answer = await post(sim, family)

    assert sim.requests[0].problems == ()
    assert "".join(json.loads(text) for text in re.findall(CONTENT[family], answer.text)) == TEXT
    assert LAST[family] in answer.text.rstrip().splitlines()[-1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", ["thinking-long", "tool-call", "refusal", "filter", "length", "role-error"])
async def test_every_frame_of_every_part_is_json(family: str, fault: str) -> None:
    async with Simulator(fault, manner=Manner(delay=0.02, tick=0.01)) as sim:
        answer = await post(sim, family)

    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith(("data: ", "{"))]
    assert len(lines) >= 2
    assert all(isinstance(json.loads(line), dict) for line in lines if line != "[DONE]")


async def test_anthropic_blocks_are_opened_and_closed_in_turn() -> None:
    async with Simulator("thinking-long", manner=Manner("Yes.", delay=0.01, tick=0.01)) as sim:
        answer = await post(sim, "anthropic")

    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert [(event["type"].removeprefix("content_"), event.get("index")) for event in events] == [
        ("message_start", None),
        ("block_start", 0),
        ("block_delta", 0),
        ("block_delta", 0),
        ("block_stop", 0),
        ("block_start", 1),
        ("block_delta", 1),
        ("block_stop", 1),
        ("message_delta", None),
        ("message_stop", None),
    ]


PLAIN: Final[dict[str, tuple[Callable[[Any], str], dict[str, Any]]]] = {
    "openai-responses": (lambda body: body["output"][0]["content"][0]["text"], {"stream": False}),
    "anthropic": (lambda body: body["content"][0]["text"], {"stream": False}),
    "ollama": (lambda body: body["message"]["content"], {"stream": False}),
}


@pytest.mark.parametrize("family", PLAIN)
async def test_a_plain_request_gets_one_document(family: str) -> None:
    read, changes = PLAIN[family]
    async with Simulator() as sim:
        answer = await post(sim, family, changes)

    assert read(answer.json()) == TEXT


WRONG: Final = [
    ("anthropic", {"max_tokens": None}, "`max_tokens` is None, not a whole number from 1 to 10000000"),
    ("anthropic", {"messages": [{"role": "system", "content": "x"}]}, "messages[0]: the role is 'system'"),
    ("anthropic", {"messages": [{"role": "assistant", "content": "x"}]}, "messages[0]: the model speaks first"),
    ("anthropic", {"messages": [{"role": "user", "content": ""}]}, "messages[0]: text blocks must not be empty"),
    ("anthropic", {"stop": []}, "unknown key 'stop'"),
    ("gemini", {"contents": []}, "`contents` is not a list of messages"),
    ("gemini", {"contents": [{"role": "user", "parts": [{"text": ""}]}]}, "contents[0]: a part has no data"),
    (
        "gemini",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}] * 2},
        "contents[1]: two turns of 'user' in a row",
    ),
    ("ollama", {"model": ""}, "`model` is '', not a name"),
    ("ollama", {"max_tokens": 5}, "unknown key 'max_tokens'"),
    ("openai-responses", {"max_output_tokens": 1}, "`max_output_tokens` is 1, not a whole number from 16 to 10000000"),
    ("openai-responses", {"input": []}, "`input` is neither text nor a list of items"),
    (
        "openai-responses",
        {"input": [{"type": "function_call_output", "call_id": "x", "output": ""}]},
        "'x' answers no call",
    ),
]


@pytest.mark.parametrize(("family", "changes", "problem"), WRONG)
async def test_a_wrong_request_is_rejected_with_the_reason(family: str, changes: dict[str, Any], problem: str) -> None:
    async with Simulator() as sim:
        answer = await post(sim, family, changes)

    assert (answer.status_code, sim.requests[0].problems) == (400, (problem,))


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/v1/models", {}, lambda body: body["data"][0]["id"]),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, lambda body: body["last_id"]),
        ("/v1beta/models", {}, lambda body: body["models"][0]["name"].removeprefix("models/")),
        ("/api/tags", {}, lambda body: body["models"][0]["model"]),
    ],
)
async def test_every_format_has_its_list_of_models(path: str, headers: dict[str, str], name: Any) -> None:
    async with Simulator() as sim, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(sim.url + path, headers=headers)

    assert name(answer.json()) == "sim-model"


async def test_a_path_that_nobody_serves_is_not_found() -> None:
    async with Simulator() as sim, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(sim.url + "/v2/chat", json={})

    assert (answer.status_code, sim.requests[0].problems) == (404, ("the path is not served",))
