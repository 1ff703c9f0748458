"""What names of models tell: who thinks in silence, who can be asked for thoughts, which efforts are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.llm import ChatOptions, ModelInfo
from fallback_chat.providers.wire.known_models import known_effort, tells_of_thinking, thinks_silently
from tests.providers.asking import llm
from tests.providers.raw_server import Peer, raw_server
from tests.providers.wire.test_requests import body_of, user

SILENT = {
    "openai": ["o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.6", "gpt-6.2-sol", "azure/gpt-6-luna"],
    "gemini": ["gemini-2.5-pro", "gemini-3.8-flash", "models/gemini-3-pro"],
}
SPEAKING = {
    "openai": ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-5.1", "llama3.2", "omni", "o2o"],
    "gemini": ["gemini-2.0-flash", "gemini-3.5-flash-lite", "gemma-3"],
    # These open a block or an item at once.
    "anthropic": ["claude-opus-5"],
    "openai-responses": ["gpt-6.2-sol"],
    "ollama": ["qwen3"],
}


@pytest.mark.parametrize(("kind", "model"), [(kind, model) for kind in SILENT for model in SILENT[kind]])
def test_a_silent_thinker_is_known_by_its_name(kind: str, model: str) -> None:
    assert thinks_silently(kind, model)


@pytest.mark.parametrize(("kind", "model"), [(kind, model) for kind in SPEAKING for model in SPEAKING[kind]])
def test_others_are_not(kind: str, model: str) -> None:
    assert thinks_silently(kind, model) is None


TELLS = {
    "openai-responses": (
        ["gpt-6.2-sol", "o3", "gpt-5", "any"],
        ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "gpt-5.2-chat"],
    ),
    "gemini": (
        ["gemini-3.8-flash", "gemini-2.5-pro", "any"],
        ["gemini-2.0-flash", "gemma-3-27b", "models/gemini-1.5-pro"],
    ),
    "anthropic": (
        ["claude-opus-5", "claude-sonnet-5-5", "claude-fable-5", "vertex/claude-haiku-5@20261001"],
        ["claude-sonnet-4-5", "claude-opus-4-7", "claude-3-5-sonnet-20241022", "any"],
    ),
    "openai": ([], ["gpt-6.2-sol"]),
}


@pytest.mark.parametrize("kind", TELLS)
def test_a_model_is_asked_for_thoughts_where_it_knows_how(kind: str) -> None:
    told, silent = TELLS[kind]
    assert [tells_of_thinking(kind, model) for model in (*told, *silent)] == [True] * len(told) + [False] * len(silent)


@pytest.mark.parametrize(
    ("kind", "model", "effort", "sent"),
    [
        ("openai", "gpt-5.5", "minimal", "low"),
        ("openai", "gpt-5.5", "none", "none"),
        ("openai", "gpt-5", "none", "minimal"),
        ("openai-responses", "o3", "xhigh", "high"),
        ("openai", "gpt-6-astra", "none", "low"),
        ("openai", "some-model", "minimal", "minimal"),
        ("openai", "grok-4.6", "minimal", "low"),
        ("anthropic", "claude-opus-5-5", "none", "low"),
        ("anthropic", "claude-opus-5", "none", "none"),
        ("anthropic", "claude-opus-5", "minimal", "low"),
        ("gemini", "gemini-3-pro", "minimal", "low"),
        ("gemini", "gemini-3.7-flash", "none", "low"),
        ("gemini", "gemini-3.8-flash", "none", "minimal"),
        ("gemini", "gemini-3.8-flash", "max", "xhigh"),
        ("gemini", "gemini-2.5-pro", "none", "least"),
        ("ollama", "gpt-oss", "minimal", "low"),
        ("guide", "x", "low", "low"),
    ],
)
def test_an_effort_that_a_model_always_refuses_gives_way_to_the_nearest(
    kind: str, model: str, effort: str, sent: str
) -> None:
    assert known_effort(kind, model, effort) == sent


THINKING: list[tuple[str, str, dict[str, Any], Any]] = [
    ("anthropic", "claude-opus-5", {}, {"type": "adaptive", "display": "summarized"}),
    ("anthropic", "claude-opus-5", {"reasoning_effort": "high"}, {"type": "adaptive", "display": "summarized"}),
    ("anthropic", "claude-opus-5", {"reasoning_effort": "none"}, {"type": "disabled"}),
    ("anthropic", "claude-opus-5-5", {"reasoning_effort": "none"}, {"type": "adaptive", "display": "summarized"}),
    ("anthropic", "claude-sonnet-4-5", {}, None),
    ("openai-responses", "gpt-6.2-sol", {}, {"summary": "auto"}),
    ("openai-responses", "gpt-6.2-sol", {"reasoning_effort": "high"}, {"effort": "high", "summary": "auto"}),
    ("openai-responses", "gpt-6.2-sol", {"reasoning_effort": "none"}, {"effort": "none"}),
    ("openai-responses", "gpt-4.1", {}, None),
    ("gemini", "gemini-3.8-flash", {}, {"includeThoughts": True}),
    ("gemini", "gemini-2.5-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 128}),
    ("gemini", "gemini-2.0-flash", {}, None),
]


@pytest.mark.parametrize(("family", "model", "options", "sent"), THINKING)
def test_thoughts_are_asked_for(family: str, model: str, options: dict[str, Any], sent: Any) -> None:
    body = body_of(family, settings={"model": model}, chat_ctx=user("hi"), tools=(), options=ChatOptions(**options))
    found = body.get("generationConfig", {}).get("thinkingConfig") or body.get("thinking") or body.get("reasoning")
    assert found == sent


def test_a_forced_tool_does_not_go_with_thoughts() -> None:
    body = body_of("anthropic", settings={"model": "claude-opus-5"}, tool_choice="required")
    assert "thinking" not in body


async def why(
    model: str = "m", options: ChatOptions | None = None, able: tuple[str, ...] = (), **more: Any
) -> str | None:
    async with llm("http://127.0.0.1:1", model=model, **more) as one:
        one.learn([ModelInfo("another", None, ("reasoning",)), ModelInfo(model, None, able)])
        return one.thinks_silently(options)


async def test_a_provider_says_why_its_model_may_be_silent() -> None:
    assert await why() is None
    assert await why(options=ChatOptions(reasoning_effort="high")) == "reasoning effort high was asked for"
    assert await why(reasoning_effort="low") == "reasoning effort low was asked for"
    assert await why("gpt-6", reasoning_effort="none") is None
    assert await why("gpt-6", options=ChatOptions(reasoning_effort="none"), reasoning_effort="high") is None
    assert await why(able=("tools", "reasoning")) == "the list of models says that it reasons"
    assert await why(able=("thinking",), kind="ollama") == "the list of models says that it reasons"
    assert await why(able=("thinking",), kind="anthropic") is None
    hint = "it reasons, and Chat Completions show nothing of that (kind openai-responses does)"
    assert await why("gpt-6.2-sol") == hint
    assert await why("openai/gpt-6.2-sol", preset="openrouter") is None


REFUSED = {
    "openai-responses": ("Unsupported parameter: 'reasoning.summary' is not supported with this model.", b'"summary"'),
    "gemini": ("Thinking is not enabled for models/m", b'"includeThoughts"'),
    "anthropic": ("thinking.adaptive.display: Extra inputs are not permitted", b'"summarized"'),
}
WHOLE = {
    "openai-responses": b'data: {"type": "response.completed", "response": {"status": "completed", "output": '
    b'[{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]}}\n\n',
    "gemini": b'data: {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}\n\n',
    "anthropic": b'data: {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}}\n\n'
    b'data: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}\n\n',
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_what_nobody_asked_for_is_left_out_without_a_word(kind: str) -> None:
    message, asks = REFUSED[kind]

    async def play(peer: Peer) -> None:
        while True:
            if asks in await peer.request():
                await peer.answer(json.dumps({"error": {"message": message}}).encode(), status=400)
            else:
                await peer.answer(WHOLE[kind])

    async with raw_server(play) as server, llm(server.url, kind=kind, model="claude-opus-5") as one:
        for _ in range(2):
            async with one.chat(chat_ctx=user("hi")) as stream:
                text = "".join([(piece.delta and piece.delta.content) or "" async for piece in stream])
                assert (text, stream.notices) == ("Hi", ())
        (peer,) = server.peers
    assert len(peer.requests) == 3


LOWERED = "only has room for 8192 tokens of output: max_tokens is lowered to that"


@pytest.mark.parametrize(("asked", "told"), [(None, ()), (64_000, (LOWERED,))])
async def test_a_cap_above_the_models_own_is_lowered_for_good(asked: int | None, told: tuple[str, ...]) -> None:
    sent = []

    async def play(peer: Peer) -> None:
        while True:
            cap = json.loads((await peer.request()).partition(b"\r\n\r\n")[2])["max_tokens"]
            sent.append(cap)
            if cap > 8192:
                message = f"max_tokens: {cap} > 8192, which is the maximum allowed number of output tokens for m"
                await peer.answer(json.dumps({"error": {"message": message}}).encode(), status=400)
            else:
                await peer.answer(WHOLE["anthropic"])

    async with raw_server(play) as server, llm(server.url, kind="anthropic", max_tokens=asked) as one:
        notices = []
        for _ in range(2):
            async with one.chat(chat_ctx=user("hi")) as stream:
                assert [piece async for piece in stream]
                notices.append(stream.notices)
    assert (sent, notices) == ([asked or 32_000, 8192, 8192], [told, ()])


async def test_a_refused_wish_of_the_user_is_told_and_thoughts_give_way_first() -> None:
    async def play(peer: Peer) -> None:
        while True:
            if b'"thinking"' in await peer.request():
                await peer.answer(b'{"error": {"message": "Thinking is not supported here."}}', status=400)
            else:
                await peer.answer(WHOLE["anthropic"])

    async with raw_server(play) as server, llm(server.url, kind="anthropic", model="claude-opus-5") as one:
        async with one.chat(chat_ctx=user("hi"), options=ChatOptions(reasoning_effort="high")) as stream:
            assert [piece async for piece in stream]
            assert stream.notices == ()
        (peer,) = server.peers
    assert b'"effort":"high"' in peer.requests[-1]
