"""What is sent, compared with the recorded requests and with what strict servers demand."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Image,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from fallback_chat.core.llm import ChatOptions, ModelInfo
from fallback_chat.providers.wire.dialect import ChatRequest, HttpRequest
from tests.providers.vectors import VECTORS, dialect_of, families, origin_of, settings_of

NEUTRAL = json.loads((VECTORS / "requests" / "openai-chat.json").read_bytes())["neutral"]


def part(value: dict[str, Any]) -> Part:
    if "text" in value:
        return Text(value["text"])
    return Image(value["image"]["mime"], base64.b64decode(value["image"]["base64"]))


def message(turn: dict[str, Any]) -> ChatMessage:
    return ChatMessage(
        Role(turn["role"]),
        tuple(map(part, turn.get("parts", []))) or ((Text(turn["text"]),) if "text" in turn else ()),
        tool_calls=tuple(
            ToolCall(call["id"], call["name"], json.dumps(call["arguments"])) for call in turn.get("tool_calls", [])
        ),
        tool_results=tuple(
            ToolResult(result["call"], result["output"], is_error=result.get("is_error", False))
            for result in turn.get("results", [])
        ),
    )


def conversation() -> ChatContext:
    context = ChatContext().add(Role.SYSTEM, NEUTRAL["system"])
    for turn in NEUTRAL["turns"]:
        context = context.add_message(message(turn))
    return context


TOOLS = tuple(Tool(tool["name"], tool["description"], tool["schema"]) for tool in NEUTRAL["tools"])
OPTIONS = ChatOptions(max_tokens=NEUTRAL["max_output_tokens"], stop=tuple(NEUTRAL["stop"]))


def request_for(family: str, **more: Any) -> ChatRequest:
    settings = more.pop("settings", {})
    given: dict[str, Any] = {
        "chat_ctx": conversation(),
        "api_key": "k",
        "tools": TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "options": OPTIONS,
        "origin": origin_of(family),
    }
    return ChatRequest(settings=settings_of(family, **settings), **(given | more))


def build(family: str, **more: Any) -> HttpRequest:
    return dialect_of(family).build_request(request_for(family, **more))


def body_of(family: str, **more: Any) -> Any:
    return json.loads(build(family, **more).body)


def user(text: str) -> ChatContext:
    return ChatContext.from_text(text)


OURS: dict[str, dict[str, Any]] = {
    "ollama": {"truncate": False, "shift": False},
    "openai-responses": {"reasoning": {"summary": "auto"}},
    "gemini": {
        "generationConfig": {
            "maxOutputTokens": 256,
            "stopSequences": ["END"],
            "thinkingConfig": {"includeThoughts": True},
        }
    },
}
"""What this project sends on purpose besides the recorded body."""


@pytest.mark.parametrize("family", families("tool results"))
def test_the_recorded_conversation_is_rendered_exactly(family: str) -> None:
    recorded = json.loads((VECTORS / "requests" / f"{family}.json").read_bytes())
    assert body_of(family) == recorded["body"] | OURS.get(family, {})


@pytest.mark.parametrize("family", families("tool results"))
def test_pasted_text_that_is_no_text_is_repaired(family: str) -> None:
    body = build(family, chat_ctx=user('a\ud83db\x00c\\u0000"\ud83d\udef6')).body
    assert 'a\ufffdb\ufffdc\\\\u0000\\"\U0001f6f6' in body.decode()


@pytest.mark.parametrize("family", families("tool results"))
def test_the_users_own_keys_come_last_and_are_merged(family: str) -> None:
    extra = {"temperature": 9, "zz": {"a": 1}}
    body = body_of(family, settings={"extra_body": extra}, extra={"zz": {"b": 2}})
    assert (body["temperature"], body["zz"]) == (9, {"a": 1, "b": 2})


@pytest.mark.parametrize("family", families("tool results"))
def test_own_headers_replace_ours_and_no_key_means_no_header(family: str) -> None:
    headers = dict(build(family, api_key=None, settings={"headers": (("User-Agent", "me"), ("X-A", "b"))}).headers)
    assert headers["user-agent"] == "me"
    assert headers["x-a"] == "b"
    assert not {"authorization", "x-api-key", "x-goog-api-key", "api-key"} & set(headers)


@pytest.mark.parametrize("family", families("tool results"))
def test_a_key_stands_in_one_header_and_nowhere_else(family: str) -> None:
    request = build(family, api_key="secret-key")
    holding = [name for name, value in request.headers if "secret-key" in value]
    assert len(holding) == 1
    assert b"secret-key" not in request.body
    assert "secret-key" not in request.url
    assert "secret-key" not in repr(request) + repr(request_for(family, api_key="secret-key"))


@pytest.mark.parametrize("family", families("tool results"))
def test_a_rejected_key_is_left_out(family: str) -> None:
    key = next(
        key for key in ("stop", "stop_sequences", "options", "generationConfig", "tools") if key in body_of(family)
    )
    assert body_of(family, dropped=frozenset({key})) == {k: v for k, v in body_of(family).items() if k != key}


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h/v1/", "https://h/v1/chat/completions"),
        ("https://h/v1?api-version=1", "https://h/v1/chat/completions?api-version=1"),
        ("", "https://api.openai.com/v1/chat/completions"),
    ],
)
def test_the_path_is_added_to_the_base_url(base: str, url: str) -> None:
    assert build("openai-chat", settings={"base_url": base}).url == url


def test_options_go_before_settings_and_the_conversations_system_prompt_before_the_providers() -> None:
    settings = {"max_tokens": 5, "temperature": 0.5, "system": "own"}
    body = body_of("openai-chat", settings=settings, chat_ctx=user("hi"), options=ChatOptions(temperature=0.0))
    assert body["messages"][0] == {"role": "system", "content": "own"}
    assert (body["max_completion_tokens"], body["temperature"]) == (5, 0.0)
    told = body_of("openai-chat", settings=settings, chat_ctx=ChatContext.from_text("hi", system="given"))
    assert told["messages"][0] == {"role": "system", "content": "given"}


def test_chat_options_are_spelled_as_the_vendor_does() -> None:
    options = ChatOptions(top_p=0.5, seed=7, reasoning_effort="low", stream=False)
    plain = body_of("openai-chat", settings={"preset": None, "base_url": "http://127.0.0.1:1/v1"}, options=options)
    assert {
        k: plain.get(k) for k in ("top_p", "seed", "reasoning_effort", "stream", "stream_options", "max_tokens")
    } == {
        "top_p": 0.5,
        "seed": 7,
        "reasoning_effort": "low",
        "stream": False,
        "stream_options": None,
        "max_tokens": None,
    }
    assert body_of("mistral", options=options)["random_seed"] == 7
    routed = body_of("openai-chat", settings={"preset": "openrouter"}, options=options)
    assert routed["reasoning"] == {"effort": "low"}
    assert dict(build("openai-chat", settings={"preset": "azure"}).headers)["api-key"] == "k"


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://RES.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.groq.com/openai/v1", "max_tokens"),
        ("https://notapi.openai.com.evil.test/v1", "max_tokens"),
        ("http://127.0.0.1:8080/v1", "max_tokens"),
        ("http://[", "max_tokens"),
    ],
)
def test_the_vendor_is_known_by_its_host(host: str, key: str) -> None:
    assert body_of("openai-chat", settings={"preset": None, "base_url": host})[key] == 256


def test_a_tool_can_be_forced_by_name() -> None:
    body = body_of("openai-chat", tool_choice="tide_table", parallel_tool_calls=None)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "tide_table"}}
    assert "parallel_tool_calls" not in body
    assert "tool_choice" not in body_of("openai-chat", tools=())


FORCED: dict[str, Any] = {
    "anthropic": ("tool_choice", {"type": "tool", "name": "tide_table"}),
    "gemini": ("toolConfig", {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["tide_table"]}}),
    "openai-responses": ("tool_choice", {"type": "function", "name": "tide_table"}),
}
ANY: dict[str, Any] = {
    "anthropic": {"type": "any"},
    "gemini": {"functionCallingConfig": {"mode": "ANY"}},
    "openai-responses": "required",
}


@pytest.mark.parametrize("family", FORCED)
def test_every_format_can_force_a_tool(family: str) -> None:
    key, wanted = FORCED[family]
    plain: dict[str, Any] = {"parallel_tool_calls": None}
    assert body_of(family, tool_choice="tide_table", **plain)[key] == wanted
    assert body_of(family, tool_choice="required", **plain)[key] == ANY[family]
    assert key not in body_of(family, tool_choice=None, **plain)


def test_no_tool_may_be_called() -> None:
    assert body_of("anthropic", tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tools" not in body_of("ollama", tool_choice="none")


@pytest.mark.parametrize(
    ("family", "path"),
    [
        ("openai-chat", "/v1/chat/completions"),
        ("openai-responses", "/v1/responses"),
        ("anthropic", "/v1/messages"),
        ("gemini", "/v1beta/models/MODEL:streamGenerateContent?alt=sse"),
        ("ollama", "/api/chat"),
    ],
)
def test_each_format_has_its_path(family: str, path: str) -> None:
    assert build(family).url.endswith(path)
    assert build(family, settings={"base_url": ""}).url.startswith("http")


def test_a_model_of_gemini_may_be_named_in_any_way_and_asked_for_a_document() -> None:
    options = ChatOptions(stream=False)
    url = build("gemini", settings={"model": "models/a b/c"}, options=options).url
    assert url.endswith("/v1beta/models/a%20b%2Fc:generateContent")


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [
        ("anthropic", "output_config", {"effort": "low"}),
        ("gemini", "generationConfig", {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"}}),
        ("openai-responses", "reasoning", {"effort": "low", "summary": "auto"}),
        ("ollama", "think", "low"),
    ],
)
def test_effort_is_spelled_as_the_vendor_does(family: str, key: str, value: Any) -> None:
    assert body_of(family, options=ChatOptions(reasoning_effort="low"))[key] == value


def test_ollama_is_told_its_window_and_not_to_think() -> None:
    options = ChatOptions(reasoning_effort="none")
    body = body_of("ollama", settings={"context_window": 8192}, options=options)
    assert (body["options"], body["think"]) == ({"num_ctx": 8192}, False)


def test_a_cap_is_what_the_vendor_takes() -> None:
    assert body_of("openai-responses", options=ChatOptions(max_tokens=1))["max_output_tokens"] == 16
    reasons, not_ = {"model": "gpt-5-mini"}, {"model": "gpt-4o"}
    assert body_of("openai-chat", options=ChatOptions(max_tokens=1), settings=reasons)["max_completion_tokens"] == 16
    assert body_of("openai-chat", options=ChatOptions(max_tokens=1), settings=not_)["max_completion_tokens"] == 1


@pytest.mark.parametrize(
    ("asked", "limit", "sent"),
    [(None, None, 32_000), (None, 64_000, 64_000), (100, 64_000, 100), (99_000, 64_000, 64_000)],
)
def test_anthropic_is_given_the_models_own_cap_where_nobody_asks_for_less(
    asked: int | None, limit: int | None, sent: int
) -> None:
    listed = ModelInfo("m", max_output_tokens=limit)
    assert body_of("anthropic", options=ChatOptions(max_tokens=asked), listed=listed)["max_tokens"] == sent
