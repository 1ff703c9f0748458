"""Anthropic's Messages API (`kind = "anthropic"`)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import arguments_object, fits, normalise, state_for
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
)
from fallback_chat.providers.wire.read_messages import MessagesReader
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "anthropic"
VERSION: Final = "2023-06-01"
"""Of `anthropic-version`. 2026-10-21 refuses temperature and top_p even at their defaults, and gateways do not know it yet."""
MAX_TOKENS: Final = 8192
"""The API demands a cap; every model since Claude 3.5 allows this one."""

EFFORTS: Final = {"minimal": "low"}
"""Efforts that have another name here."""
_OVER_LIMIT: Final = re.compile(r"exceed context limit: (\d{1,12}) \+ (\d{1,12}) > (\d{1,12})")
_LEAST_USEFUL_CAP: Final = 256


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request."""
    options = request.options
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": options.max_tokens or MAX_TOKENS,
        "messages": [_message(turn, request) for turn in normalise(request.chat_ctx.messages, user_first=True)],
        "stream": options.stream,
    }
    wishes: dict[str, Any] = {
        "system": request.system or None,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop_sequences": list(options.stop) or None,
    }
    if options.reasoning_effort == "none":
        wishes["thinking"] = {"type": "disabled"}
    elif options.reasoning_effort:
        wishes["output_config"] = {"effort": EFFORTS.get(options.reasoning_effort, options.reasoning_effort)}
    if request.tools:
        wishes["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        wishes["tool_choice"] = _tool_choice(request)
    body |= {key: value for key, value in wishes.items() if value is not None}
    return HttpRequest(
        "POST",
        url_of(request.settings, "v1/messages"),
        _headers(request.settings, request.api_key, "text/event-stream"),
        encode_json(with_extras(body, request)),
    )


def lower_cap(request: ChatRequest, error: APIError) -> ChatRequest | None:
    """Give the request with the output cap that still fits, when input and cap together are more than the window."""
    numbers = _OVER_LIMIT.search(error.message)
    left = int(numbers[3]) - int(numbers[1]) if numbers else 0
    if error.kind is not ErrorKind.CONTEXT_EXCEEDED or left < _LEAST_USEFUL_CAP:
        return None
    return replace(request, options=replace(request.options, max_tokens=left))


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Ask for a page of the list of models."""
    path = f"v1/models?limit=1000{f'&after_id={cursor}' if cursor else ''}"
    return HttpRequest("GET", url_of(settings, path), _headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read a page of the list."""
    page = dict_of(page)
    models = [
        ModelInfo(
            text_of(model.get("id")),
            count_of(model.get("max_input_tokens")),
            tuple(name for name, has in dict_of(model.get("capabilities")).items() if has),
        )
        for model in dicts_of(page.get("data"))
    ]
    return models, (text_of(page.get("last_id")) or None) if page.get("has_more") is True else None


def _headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    auth = {"x-api-key": api_key} if api_key else {}
    return json_headers(settings, accept, {"anthropic-version": VERSION, **auth})


def _tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    kinds = {None: "auto", "auto": "auto", "none": "none", "required": "any"}
    if request.tool_choice is None and request.parallel_tool_calls is None:
        return None
    choice = {"type": kinds.get(request.tool_choice, "tool")}
    if choice["type"] == "tool":
        choice["name"] = request.tool_choice or ""
    if request.parallel_tool_calls is None or choice["type"] == "none":
        return choice
    return {**choice, "disable_parallel_tool_use": not request.parallel_tool_calls}


def _message(turn: ChatMessage, request: ChatRequest) -> dict[str, Any]:
    if turn.role is Role.TOOL:
        results = [
            {"type": "tool_result", "tool_use_id": result.call_id, "content": result.output}
            | ({"is_error": True} if result.is_error else {})
            for result in turn.tool_results
        ]
        return {"role": "user", "content": results}
    if turn.role is Role.USER:
        return {"role": "user", "content": [_part(part) for part in turn.content]}
    return {"role": "assistant", "content": _answer(turn, request)}


def _answer(turn: ChatMessage, request: ChatRequest) -> list[dict[str, Any]]:
    """Return the blocks of an answer: as they came, where it came from here, or else its text and its calls.

    Empty text is refused, and so are blanks at the end.
    """
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call)}
        for call in turn.tool_calls
    ]
    kept = dicts_of(state_for(turn, request.origin))
    places = [block for block in kept if block.get("type") == "tool_use"]
    texts = [text_of(block.get("text")) for block in kept if block.get("type") == "text"]
    blocks: list[dict[str, Any]] = [{"type": "text", "text": turn.text}, *calls]
    if kept and fits(turn, texts, len(places)):
        left = iter(calls)
        blocks = [next(left) if block.get("type") == "tool_use" else block for block in kept]
    blocks = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    if blocks and blocks[-1]["type"] == "text":
        blocks[-1] = blocks[-1] | {"text": blocks[-1]["text"].rstrip()}
    return blocks


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    source = {"type": "base64", "media_type": part.media_type, "data": part.base64}
    return {"type": "image" if isinstance(part, Image) else "document", "source": source}


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=MessagesReader,
    models_request=models_request,
    read_models=read_models,
    adjust=lower_cap,
    lacks=frozenset({"seed"}),
)

create = partial(HttpLLM, DIALECT)
