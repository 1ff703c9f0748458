"""State that a server leaves with an answer goes back to its account, and is left out when even that refuses it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text, ToolCall, ToolResult, VendorExtra
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.providers import load
from fallback_chat.providers.failures.rejections import rejects_state
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.dialect import ChatRequest
from tests.providers.asking import DONE, KEY, event, llm, sends
from tests.providers.raw_server import Peer, raw_server
from tests.providers.wire.test_moving import ANSWERS, SIGNATURE

KINDS = ["openai-responses", "anthropic", "gemini"]
SAYS = {
    "openai-responses": "The encrypted content for item rs_1 could not be verified.",
    "anthropic": "messages.1.content.0: Invalid `signature` in `thinking` block",
    "gemini": "Corrupted thought signature.",
}


async def answer(one: HttpLLM, context: ChatContext) -> tuple[ChatMessage, tuple[str, ...]]:
    """Ask, and give the answer as a message of the conversation, with what was told."""
    async with one.chat(chat_ctx=context) as stream:
        deltas = [chunk.delta async for chunk in stream if chunk.delta is not None]
        notices = stream.notices
    message = ChatMessage(
        Role.ASSISTANT,
        (Text("".join(delta.content or "" for delta in deltas)),),
        tuple(call for delta in deltas for call in delta.tool_calls),
        extras=tuple(extra for delta in deltas for extra in delta.extras),
    )
    return message, notices


def after(context: ChatContext, message: ChatMessage) -> ChatContext:
    """Give the conversation with an answer and the results of its calls."""
    results = tuple(ToolResult(call.id, "06:10") for call in message.tool_calls)
    return context.add_message(message).add_message(ChatMessage(Role.TOOL, tool_results=results))


@pytest.mark.parametrize("kind", KINDS)
async def test_state_that_is_refused_costs_one_more_request_once(kind: str) -> None:
    strict = True

    async def play(peer: Peer) -> None:
        while True:
            if SIGNATURE.encode() in await peer.request() and strict:
                await peer.answer(json.dumps({"error": {"message": SAYS[kind]}}).encode(), status=400)
            else:
                await peer.answer(ANSWERS[kind])

    async with raw_server(play) as server, llm(server.url, kind=kind) as one:
        (peer, first), said = (await peer_of(one, server), [])
        context = ChatContext.from_text("hi")
        for turn in range(3):
            message, notices = await answer(one, context)
            said.append((len(peer.requests), notices))
            context = after(context, message)
            strict = turn < 1
        assert message.text == "Looking."
    told = f"rejects its own state of earlier answers, which is left out ({SAYS[kind]})"
    assert [count - first for count, _ in said] == [1, 3, 4]
    assert [notices for _, notices in said] == [(), (told,), ()]
    # What the second answer left is taken again.
    assert peer.requests[-1].count(SIGNATURE.encode()) == 1


async def peer_of(one: HttpLLM, server: Any) -> tuple[Peer, int]:
    """Give the one connection that is kept, after a first question."""
    await answer(one, ChatContext.from_text("first"))
    (peer,) = server.peers
    return peer, len(peer.requests)


def extra_of(**more: Any) -> str:
    """Give the origin of a provider."""
    settings: dict[str, Any] = {"name": "p", "kind": "anthropic", "model": "m", "base_url": "http://127.0.0.1:1"}
    key = more.pop("key", KEY)
    given = ProviderSettings(**(settings | more))
    made = load(given.kind).create(given, api_key=key, http=HttpEngine(environ={}))
    assert isinstance(made, HttpLLM)
    return made._origin


@pytest.mark.parametrize(
    "more",
    [
        {"key": "sk-another-0123456789"},
        {"key": None},
        {"base_url": "http://127.0.0.1:2"},
        {"model": "n"},
        {"kind": "gemini"},
        {"headers": (("anthropic-organization", "o"),)},
    ],
    ids=str,
)
def test_an_account_is_known_by_all_that_makes_it_one(more: dict[str, Any]) -> None:
    assert extra_of(**more) != extra_of()
    assert extra_of(name="another", temperature=0.5) == extra_of()
    assert KEY not in extra_of()


SENTENCES = [
    *SAYS.values(),
    "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
    "messages.1.content.0: thinking blocks cannot be modified",
    "Invalid redacted_thinking block",
    "Thought signature is not valid",
    "invalid reasoning_details",
]


def request(*extras: VendorExtra) -> ChatRequest:
    context = ChatContext.from_text("hi").add_message(ChatMessage(Role.ASSISTANT, (Text("x"),), extras=extras))
    settings = ProviderSettings(name="p", kind="anthropic", model="m")
    return ChatRequest(settings=settings, chat_ctx=context, origin="here")


def refusal(message: str, status: int = 400) -> APIStatusError:
    kind = ErrorKind.MODEL_NOT_FOUND if status == 404 else ErrorKind.BAD_REQUEST
    return APIStatusError(message, kind=kind, details=ErrorDetails(status=status))


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("message", SENTENCES)
def test_a_refusal_of_state_is_known_where_there_is_some(message: str, status: int) -> None:
    assert rejects_state(refusal(message, status), request(VendorExtra("anthropic", "m", [], "here")))
    assert not rejects_state(refusal(message, status), request(VendorExtra("anthropic", "m", [], "there")))
    assert not rejects_state(refusal(message, status), request())


@pytest.mark.parametrize("message", ["This model does not support thinking.", "max_tokens: too large", "unknown model"])
def test_other_refusals_are_not_about_state(message: str) -> None:
    assert not rejects_state(refusal(message), request(VendorExtra("anthropic", "m", [], "here")))


MISSING = [
    "The `reasoning_content` in the thinking mode must be passed back to the API.",
    "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
    "Missing `reasoning_content` field in the assistant message at message index 2.",
]


@pytest.mark.parametrize("message", MISSING)
async def test_a_gateway_that_wants_a_reasoning_with_every_call_gets_an_empty_one(message: str) -> None:
    async def play(peer: Peer) -> None:
        while True:
            if b'"reasoning_content":""' in await peer.request():
                await peer.answer(event("Hi") + event(finish="stop") + DONE)
            else:
                await peer.answer(json.dumps({"error": {"message": message}}).encode(), status=400)

    calls = (ToolCall("c1", "tide", "{}"),)
    context = after(ChatContext.from_text("hi"), ChatMessage(Role.ASSISTANT, (), calls))
    async with raw_server(play) as server, llm(server.url) as one:
        for _ in range(2):
            message_, notices = await answer(one, context)
            assert (message_.text, notices) == ("Hi", ())
        (peer,) = server.peers
    assert len(peer.requests) == 3


async def test_a_refusal_of_state_is_not_asked_about_for_ever() -> None:
    body = json.dumps({"error": {"message": SAYS["anthropic"]}}).encode()
    async with raw_server(sends(body, status=400)) as server, llm(server.url, kind="anthropic") as one:
        with pytest.raises(APIStatusError):
            await answer(one, ChatContext.from_text("hi"))
        (peer,) = server.peers
    assert len(peer.requests) == 1
