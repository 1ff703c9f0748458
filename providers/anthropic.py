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
from fallback_chat.providers.wire.known_models import known_effort, tells_of_thinking
from fallback_chat.providers.wire.read_messages import MessagesReader
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "anthropic"
VERSION: Final = "2023-06-01"
"""The `anthropic-version` header.

2026-10-21 refuses temperature and top_p even at their defaults, and gateways do not know it yet.
"""
MAX_TOKENS: Final = 32_000
"""The API requires a limit, which includes thinking; every model since Claude 3.7 allows this one.
"""

_OVER_WINDOW: Final = re.compile(r"exceed context limit: (\d{1,12}) \+ (\d{1,12}) > (\d{1,12})")
_OVER_LIMIT: Final = re.compile(r"max_tokens: (\d{1,12}) > (\d{1,12}), which is the maximum")
_LEAST_USEFUL_CAP: Final = 256


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request."""
    options = request.options
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": _cap(request),
        "messages": [_message(turn, request) for turn in normalise(request.chat_ctx.messages, user_first=True)],
        "stream": options.stream,
    }
    wishes: dict[str, Any] = {
        "system": request.system or None,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop_sequences": list(options.stop) or None,
    }
    effort = options.reasoning_effort and known_effort(KIND, request.model, options.reasoning_effort)
    if effort == "none":
        wishes["thinking"] = {"type": "disabled"}
    elif effort:
        wishes["output_config"] = {"effort": effort}
    if "thinking" in unasked(request):
        wishes["thinking"] = {"type": "adaptive", "display": "summarized"}
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


def unasked(request: ChatRequest) -> frozenset[str]:
    """Return the keys that make thoughts visible: without them a thinking model seems to hang.

    A forced tool cannot be combined with visible thoughts.
    """
    effort = request.options.reasoning_effort and known_effort(KIND, request.model, request.options.reasoning_effort)
    forced = bool(request.tools) and request.tool_choice not in (None, "auto", "none")
    tells = tells_of_thinking(KIND, request.model) and effort != "none" and not forced
    return frozenset({"thinking"}) if tells else frozenset()


def _cap(request: ChatRequest) -> int:
    limit = request.listed.max_output_tokens if request.listed else None
    asked = request.options.max_tokens
    return min(asked, limit) if asked and limit else asked or limit or MAX_TOKENS


def lower_cap(request: ChatRequest, error: APIError) -> tuple[ChatRequest, int] | None:
    """Return the request with an output limit that fits, and that limit.

    It is what the input leaves, or the model's own limit.
    """
    if (numbers := _OVER_WINDOW.search(error.message)) and error.kind is ErrorKind.CONTEXT_EXCEEDED:
        left = int(numbers[3]) - int(numbers[1])
        lowered = replace(request, options=replace(request.options, max_tokens=left))
        return (lowered, left) if left >= _LEAST_USEFUL_CAP else None
    if (numbers := _OVER_LIMIT.search(error.message)) and int(numbers[2]) < int(numbers[1]):
        limit = int(numbers[2])
        return replace(
            request, listed=replace(request.listed or ModelInfo(request.model), max_output_tokens=limit)
        ), limit
    return None


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Build the request for a page of the list of models."""
    path = f"v1/models?limit=1000{f'&after_id={cursor}' if cursor else ''}"
    return HttpRequest("GET", url_of(settings, path), _headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read a page of the list of models."""
    page = dict_of(page)
    models = [
        ModelInfo(
            text_of(model.get("id")),
            count_of(model.get("max_input_tokens")),
            tuple(name for name, has in dict_of(model.get("capabilities")).items() if _is_supported(has)),
            count_of(model.get("max_tokens")),
            retired=model.get("lifecycle") == "retired",
        )
        for model in dicts_of(page.get("data"))
    ]
    return models, (text_of(page.get("last_id")) or None) if page.get("has_more") is True else None


def _is_supported(capability: Any) -> bool:
    return capability.get("supported") is True if isinstance(capability, dict) else capability is True


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
    """Return the content blocks of an answer: as received if they are ours, else text and calls.

    The API refuses empty text and trailing blanks.
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
    lower_cap=lower_cap,
    unasked=unasked,
    lacks=frozenset({"seed"}),
)

create = partial(HttpLLM, DIALECT)
