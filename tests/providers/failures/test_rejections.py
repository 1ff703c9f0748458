"""What a server rejects by name, and what may be left out for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fallback_chat.core.chat_context import ChatContext, Image, Role, Text, Tool
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import ChatOptions
from fallback_chat.providers.anthropic import lower_cap
from fallback_chat.providers.failures.rejections import (
    other_name,
    rejected_key,
    rejects_system,
    unsupported_feature,
)
from fallback_chat.providers.wire.dialect import ChatRequest
from tests.providers.asking import WHOLE, ask, llm, sends
from tests.providers.raw_server import Peer, raw_server

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [],
    "stream": True,
    "tools": [],
    "temperature": 1,
    "max_tokens": 5,
    "stream_options": {"include_usage": True},
    "generationConfig": {"topK": 1, "temperature": 2},
    "think": "low",
    "mine": 1,
}
REQUEST = ChatRequest(
    settings=ProviderSettings(name="p", kind="openai", model="m", extra_body={"mine": 1}), chat_ctx=ChatContext()
)


def error(
    message: str = "no", *, param: str | None = None, status: int = 400, kind: ErrorKind = ErrorKind.BAD_REQUEST
) -> APIStatusError:
    return APIStatusError(message, kind=kind, details=ErrorDetails(status=status, param=param))


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (error(param="temperature"), "temperature"),
        (error(param="stream_options.include_usage"), "stream_options.include_usage"),
        (error(param="stream_options.unknown"), "stream_options"),
        (error(param="temperature", status=422), "temperature"),
        (error("Unsupported parameter: 'max_tokens' is not supported"), "max_tokens"),
        (error("temperature: not supported with this API version"), "temperature"),
        (error("Unknown name \"topK\" at 'generation_config'"), "generationConfig.topK"),
        (error('"qwen:1b" does not support thinking'), "think"),
        (error("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (error("seed is not supported", param="reasoning.summary"), None),
        (error("no summaries before verification", param="temperature", kind=ErrorKind.PERMISSION), "temperature"),
        (error(param="messages"), None),
        (error(param="model"), None),
        (error(param="mine"), None),
        (error("the temperature is wrong"), None),
        (error("Model m does not support parameter streamOptions."), "stream_options"),
        (error("Validation: Unsupported parameter(s): temperature, seed"), "temperature"),
        (
            error("m does not support temperature=0.2. Only temperature=1 is supported when reasoning_effort='none'"),
            "temperature",
        ),
        (error("Thinking_config.top_k is only enabled when thinking is enabled."), "generationConfig.topK"),
        (error("max_tokens参数非法。请检查文档。"), "max_tokens"),
        (error("none of the servers supports the given 'temperature'", status=404), "temperature"),
        (error(param="temperature", status=429), None),
        (error(param="temperature", kind=ErrorKind.CONTEXT_EXCEEDED), None),
    ],
)
def test_the_key_that_a_server_names_is_found(said: APIStatusError, key: str | None) -> None:
    assert rejected_key(said, BODY, REQUEST) == key


BODIES: dict[str, dict[str, Any]] = {
    "openai": {"reasoning_effort": "low", "max_tokens": 5},
    "openrouter": {"reasoning": {"effort": "low"}},
    "responses": {"reasoning": {"effort": "low", "summary": "auto"}, "max_output_tokens": 5},
    "anthropic": {"output_config": {"effort": "xhigh"}, "max_tokens": 5},
    "anthropic-off": {"thinking": {"type": "disabled"}, "max_tokens": 5},
    "gemini": {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}, "topP": 1}},
    "ollama": {"think": "low", "options": {"seed": 1}},
    "template": {"chat_template_kwargs": {"enable_thinking": False}},
    "sampling": {"temperature": 0, "top_p": 1, "reasoning_effort": "low"},
}


@pytest.mark.parametrize(
    ("body", "said", "key"),
    [
        ("anthropic-off", '"thinking.type.disabled" is not supported for this model.', "thinking"),
        (
            "anthropic",
            "output_config.effort 'xhigh' is not supported when thinking is disabled on this model. Use effort 'high'.",
            "output_config.effort",
        ),
        ("anthropic", "This model does not support the effort parameter.", "output_config.effort"),
        ("anthropic-off", "adaptive thinking is not supported on this model", "thinking"),
        ("gemini", "Thinking level is not supported for this model.", "generationConfig.thinkingConfig"),
        ("gemini", "Budget 0 is invalid. This model only works in thinking mode.", "generationConfig.thinkingConfig"),
        (
            "gemini",
            "The thinking budget 0 is invalid. Please choose a value between 128 and 32768.",
            "generationConfig.thinkingConfig",
        ),
        ("openai", "Unrecognized request argument supplied: reasoning_effort", "reasoning_effort"),
        ("openai", "Argument not supported on this model: reasoningEffort", "reasoning_effort"),
        ("openai", "`reasoning_effort` must be one of `none` or `default`", "reasoning_effort"),
        ("openai", "Reasoning effort cannot be set for this model", "reasoning_effort"),
        ("openrouter", "Reasoning is mandatory for this endpoint and cannot be disabled.", "reasoning.effort"),
        ("responses", "Your organization must be verified to generate reasoning summaries.", "reasoning.summary"),
        ("ollama", 'think value "xhigh" is not supported for this model', "think"),
        ("template", "This model does not support a thinking switch", "chat_template_kwargs"),
        ("sampling", "Temperature is not supported with reasoning models", "temperature"),
        ("sampling", "`temperature` may only be set to 1 when thinking is enabled", "temperature"),
        ("sampling", "Nucleus sampling parameters are not allowed while thinking", "temperature"),
        (
            "gemini",
            "Invalid value at 'generation_config.thinking_config.thinking_level'",
            "generationConfig.thinkingConfig",
        ),
        (
            "gemini",
            "Unknown name \"thinkingLevel\" at 'generation_config.thinking_config': Cannot find field.",
            "generationConfig.thinkingConfig",
        ),
        ("gemini", "top_p: at most 0.99 is supported", "generationConfig.topP"),
        ("sampling", "Only the default (1) value of temperature is supported.", "temperature"),
        ("sampling", "Argument not supported on this model: temperature", "temperature"),
        ("sampling", "Malformed input request: #: extraneous key [temperature] is not permitted", "temperature"),
        ("sampling", "reasoning_effort is incompatible with this model", "reasoning_effort"),
        ("responses", "Invalid value: 'low'. Supported values are: 'medium'.", "reasoning.effort"),
        ("openai", "Invalid value: 'user'. Supported values are: 'assistant'.", None),
        ("openai", "messages.1: the `thinking` blocks are invalid", None),
        ("openai", "Invalid signature in thinking block", None),
        ("openai", "The reasoning_content must be passed back to the API.", None),
        ("openai", "I am thinking about effort", None),
        ("openai", "This model does not support images", None),
    ],
)
def test_a_wish_is_known_from_the_words_that_refuse_it(body: str, said: str, key: str | None) -> None:
    assert rejected_key(error(said), {"model": "m", "messages": [], **BODIES[body]}, REQUEST) == key


@pytest.mark.parametrize(
    ("key", "said", "renamed", "name"),
    [
        (
            "max_tokens",
            "'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            {},
            "max_completion_tokens",
        ),
        ("max_completion_tokens", "Unrecognized request argument supplied: max_completion_tokens", {}, "max_tokens"),
        ("max_tokens", "Extra inputs are not permitted", {}, "max_completion_tokens"),
        ("max_tokens", "max_tokens is too large: 99999", {}, None),
        ("max_tokens", "unknown: max_tokens", {"max_completion_tokens": "max_tokens"}, None),
        ("temperature", "unknown: temperature", {}, None),
    ],
)
def test_a_cap_that_is_known_by_another_name_is_renamed(
    key: str, said: str, renamed: dict[str, str], name: str | None
) -> None:
    assert other_name(key, error(said), replace(REQUEST, renamed=renamed)) == name


async def test_a_renamed_cap_is_kept_and_costs_no_word() -> None:
    async def play(peer: Peer) -> None:
        while True:
            if b'"max_tokens":9' in await peer.request():
                said = b"Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
                await peer.answer(b'{"error": {"message": "%s", "param": "max_tokens"}}' % said, status=400)
            else:
                await peer.answer(WHOLE)

    async with raw_server(play) as server, llm(server.url, max_tokens=9) as one:
        for _ in range(2):
            async with one.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
                assert [piece async for piece in stream]
            assert stream.notices == ()
        requests = server.peers[0].requests
        assert [b'"max_completion_tokens":9' in sent for sent in requests] == [False, True, True]


def test_what_was_left_out_already_is_not_left_out_again() -> None:
    assert rejected_key(error(param="temperature"), BODY, replace(REQUEST, dropped=frozenset({"temperature"}))) is None


SYSTEM = replace(REQUEST, chat_ctx=ChatContext.from_text("hi", system="Be brief."))
NO_SYSTEM = [
    "System role not supported",  # the chat templates of Gemma
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "invalid params, chat content has invalid message role: system (2013)",
    "This model doesn't support system messages. Try again without a system message.",
    "Conversation roles must alternate user/assistant/user/assistant/...",  # Mistral's first templates
    "Only user and assistant roles are supported!",
    "messages.0.role: Input should be 'user' or 'assistant'",
]


@pytest.mark.parametrize("message", NO_SYSTEM)
def test_a_model_that_takes_no_system_prompt_is_known(message: str) -> None:
    assert rejects_system(error(message), SYSTEM)
    assert not rejects_system(error(message), REQUEST)


@pytest.mark.parametrize(
    "message",
    [
        "System message must be at the beginning.",
        "After the optional system message, conversation roles must alternate user/assistant",
        "messages: the system prompt is too long",
        "temperature is not supported",
    ],
)
def test_other_objections_leave_the_system_prompt_where_it_is(message: str) -> None:
    assert not rejects_system(error(message), SYSTEM)


@pytest.mark.parametrize(
    ("kind", "said", "answer"),
    [
        ("openai", b'{"role":"user","content":"Be brief.\\n\\nhi"}', WHOLE),
        (
            "gemini",
            b'{"role":"user","parts":[{"text":"Be brief.\\n\\nhi"}]}',
            b'{"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}',
        ),
    ],
)
async def test_the_system_prompt_is_said_with_the_first_message_instead(kind: str, said: bytes, answer: bytes) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"error": {"message": "Developer instruction is not enabled for models/m"}}', status=400)
        for _ in range(2):
            assert said in await peer.request()
            await peer.answer(answer)

    async with raw_server(play) as server, llm(server.url, kind=kind) as one:
        told = []
        for _ in range(2):
            async with one.chat(chat_ctx=SYSTEM.chat_ctx) as stream:
                assert [piece async for piece in stream]
            told.append(len(stream.notices))
        assert told == [1, 0]
        assert [b"ystem" in sent for sent in server.peers[0].requests] == [True, False, False]


TOOL = Tool("t", "", {"type": "object"})
PICTURE = ChatContext().add(Role.USER, (Text("x"), Image("image/png", b"")))


@pytest.mark.parametrize(
    ("message", "tools", "context", "wanted"),
    [
        ("registry.test/m does not support tools", (TOOL,), ChatContext(), True),
        ("registry.test/m does not support tools", (), ChatContext(), False),
        ("function calling is not supported by this model", (TOOL,), ChatContext(), True),
        ("this model does not support image input", (), PICTURE, True),
        ("No multimodal support in this server.", (), PICTURE, True),
        ("No endpoints found that support image input", (), PICTURE, True),
        ("No endpoints found that support tool use.", (TOOL,), ChatContext(), True),
        ("the tools parameter requires --jinja", (TOOL,), ChatContext(), True),
        ("Unsupported param: tools", (TOOL,), ChatContext(), True),
        ("模型不支持 tools 参数", (TOOL,), ChatContext(), True),
        ("Function calling is not enabled for models/m", (TOOL,), ChatContext(), True),
        ("m is not a multimodal model", (), PICTURE, True),
        ("This model only supports text input", (), PICTURE, True),
        ("messages[0]: unknown variant `image_url`, expected `text`", (), PICTURE, True),
        ("No multimodal support in this server.", (TOOL,), ChatContext(), False),
        ("messages must alternate", (TOOL,), PICTURE, False),
    ],
)
def test_a_feature_that_the_model_lacks_is_told_from_a_bad_request(
    message: str, tools: tuple[Tool, ...], context: ChatContext, wanted: bool
) -> None:
    assert unsupported_feature(error(message), replace(REQUEST, tools=tools, chat_ctx=context)) is wanted


async def test_the_next_provider_may_have_the_feature() -> None:
    body = b'{"error": {"message": "m does not support tools"}}'
    async with raw_server(sends(body, status=400)) as server, llm(server.url) as one:
        stream = one.chat(chat_ctx=ChatContext.from_text("hi"), tools=[TOOL])
        with pytest.raises(APIStatusError) as caught:
            await anext(stream)
        assert caught.value.kind is ErrorKind.UNSUPPORTED
        _, plain = await ask(one)
        assert plain is not None
        assert plain.kind is ErrorKind.BAD_REQUEST


def test_a_cap_that_does_not_fit_is_lowered_to_what_is_left() -> None:
    asked = replace(REQUEST, options=ChatOptions(max_tokens=64000))
    message = "input length and `max_tokens` exceed context limit: 990000 + 64000 > 1000000"
    lowered = lower_cap(asked, error(message, kind=ErrorKind.CONTEXT_EXCEEDED))
    assert lowered is not None
    assert (lowered[0].options.max_tokens, lowered[1]) == (10000, 10000)
    full = message.replace("990000", "999990")
    assert lower_cap(asked, error(full, kind=ErrorKind.CONTEXT_EXCEEDED)) is None
    assert lower_cap(asked, error("prompt is too long", kind=ErrorKind.CONTEXT_EXCEEDED)) is None
    assert lower_cap(asked, error(message)) is None


async def test_a_lowered_cap_is_told() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        message = b"input length and `max_tokens` exceed context limit: 900 + 64000 > 1500"
        await peer.answer(b'{"error": {"type": "invalid_request_error", "message": "%s"}}' % message, status=400)
        assert b'"max_tokens":600' in await peer.request()
        await peer.answer(b'{"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"}')

    async with raw_server(play) as server, llm(server.url, kind="anthropic", max_tokens=64000) as one:
        async with one.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
            assert [piece.delta.content async for piece in stream if piece.delta and piece.delta.content] == ["yes"]
        assert stream.notices == ("only has room for 600 tokens of output: max_tokens is lowered to that",)
