"""What the simulator says, in every wire format and whatever it plays, is what the vendors' own types allow an answer to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from ollama import ChatResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from fallback_chat.providers.simulator import FAULTS, Manner, Simulator, Where
from tests.types.closed import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: Final = Path(__file__).parents[1] / "data/vectors/requests"
STREAMED: Final[dict[str, tuple[Any, Any]]] = {
    "openai-chat": (ChatCompletionChunk, ChatCompletion),
    "openai-responses": (ResponseStreamEvent, Response),
    "anthropic": (RawMessageStreamEvent, Message),
    "gemini": (GenerateContentResponse, GenerateContentResponse),
    "ollama": (ChatResponse, ChatResponse),
}
"""The types of an event and of a whole answer."""
BEYOND: Final = {"reasoning_content"}
"""What compatible servers add, and the vendor's own type does not name."""
PLAYED: Final = [
    name
    for name, fault in FAULTS.items()
    if fault.where in (Where.NONE, Where.MEANING)
    or name in ("thinking-long", "thinking-unseen", "finish-twice", "done-text", "token-close")
]
NO_WORDS: Final = {"cancelled": {"openai-chat", "anthropic", "gemini"}, "unheard-of": set(STREAMED) - {"ollama"}}
"""Finishes that a format's own vendor never sends; a gateway does."""


def played(family: str) -> list[str]:
    """Return what a server of the vendor itself could answer."""
    return [fault for fault in PLAYED if family not in NO_WORDS.get(fault, ())]


def events(text: str) -> Iterator[Any]:
    """Return the JSON of a body, event by event or line by line."""
    for line in text.splitlines():
        data = line.removeprefix("data: ") if line.startswith("data: ") else line
        if data.startswith("{"):
            yield json.loads(data)


def without(value: Any) -> Any:
    """Leave out what compatible servers add."""
    if isinstance(value, list):
        return [without(each) for each in value]
    return (
        {key: without(each) for key, each in value.items() if key not in BEYOND} if isinstance(value, dict) else value
    )


async def answer(family: str, fault: str, *, stream: bool) -> str:
    vector = json.loads((REQUESTS / f"{family}.json").read_text())
    path, body = vector["request_line"].split(" ")[1], vector["body"]
    if family == "gemini":
        path = path if stream else path.replace(":streamGenerateContent?alt=sse", ":generateContent")
    elif not stream:
        body = {key: value for key, value in body.items() if key != "stream_options"} | {"stream": False}
    async with (
        Simulator(fault, manner=Manner(delay=0.02, tick=0.01)) as sim,
        httpx.AsyncClient(trust_env=False, timeout=2, headers=vector["headers"]) as client,
    ):
        said = await client.post(sim.url + path, content=json.dumps(body).encode())
        assert sim.requests[0].problems == ()
        return said.text


@pytest.mark.parametrize("family", STREAMED)
async def test_every_event_is_of_the_vendors_types(family: str) -> None:
    event_type, _ = STREAMED[family]
    found, seen = {}, 0
    for fault in played(family):
        for event in events(await answer(family, fault, stream=True)):
            seen += 1
            if wrong := problems(event_type, without(event)):
                found[fault] = wrong
    assert found == {}
    assert seen > len(played(family))


@pytest.mark.parametrize("family", STREAMED)
async def test_every_whole_answer_is_of_the_vendors_types(family: str) -> None:
    _, answer_type = STREAMED[family]
    found = {}
    for fault in played(family):
        # As documents, these are two, or half of one.
        if fault not in ("token-close", "finish-twice", "done-text"):
            whole = json.loads(await answer(family, fault, stream=False))
            if wrong := problems(answer_type, without(whole)):
                found[fault] = wrong
    assert found == {}
