"""Anthropic's Messages API (`kind = "anthropic"`)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text, VendorExtra
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason, ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import arguments_object, extras_for, normalise
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    ErrorEventError,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
    total_of,
)
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras
from fallback_chat.providers.wire.tools import ToolCallAssembler

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "anthropic"
VERSION: Final = "2023-06-01"
"""Of `anthropic-version`. 2026-10-21 refuses temperature and top_p even at their defaults, and gateways do not know it yet."""
MAX_TOKENS: Final = 8192
"""The API demands a cap; every model since Claude 3.5 allows this one."""

FINISH: Final[dict[str, FinishReason]] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "pause_turn": FinishReason.PAUSE,
    "refusal": FinishReason.REFUSAL,
    "model_context_window_exceeded": FinishReason.CONTEXT_EXCEEDED,
}

EFFORTS: Final = {"minimal": "low"}
"""Efforts that have another name here."""
_OVER_LIMIT: Final = re.compile(r"exceed context limit: (\d{1,12}) \+ (\d{1,12}) > (\d{1,12})")
_LEAST_USEFUL_CAP: Final = 256


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request."""
    options = request.options
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or MAX_TOKENS,
        "messages": [_message(turn, request) for turn in normalise(request.chat_ctx.messages, user_first=True)],
        "stream": options.stream,
    }
    wishes: dict[str, Any] = {
        "system": request.system or None,
        "temperature": request.temperature,
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
    # A block of thinking goes back unchanged, to the model that signed it and to no other.
    thinking = [block for blocks in extras_for(turn, KIND, request.model) for block in blocks]
    text = turn.text.rstrip()
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call)}
        for call in turn.tool_calls
    ]
    return {"role": "assistant", "content": [*thinking, *([{"type": "text", "text": text}] if text else []), *calls]}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    source = {"type": "base64", "media_type": part.media_type, "data": part.base64}
    return {"type": "image" if isinstance(part, Image) else "document", "source": source}


class MessagesReader:
    """Reads the events of one message; it goes by the `type` in the JSON, since gateways drop the events' names."""

    def __init__(self, request: ChatRequest) -> None:
        self.output_started = False
        self.finished = False
        self.terminated = False
        self._model = request.model
        self._id = ""
        self._answering = ""
        self._usage: dict[str, Any] = {}
        self._tools = ToolCallAssembler()
        self._thinking: dict[Any, dict[str, Any]] = {}
        self._calling: set[Any] = set()
        """The blocks that are calls of our tools; the server's own tools have blocks, too."""

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event; unknown ones are skipped. Raises `ErrorEventError`."""
        match event.get("type"):
            case "content_block_delta":
                delta = event.get("delta")
                return self._delta(event.get("index"), delta) if isinstance(delta, dict) else []
            case "content_block_start":
                return self._start(event.get("index"), dict_of(event.get("content_block")))
            case "message_start":
                return self._begin(dict_of(event.get("message")))
            case "message_delta":
                return self._end(dict_of(event.get("delta")), dict_of(event.get("usage")))
            case "message_stop":
                self.terminated = self.finished
            case _:
                if event.get("error"):
                    raise ErrorEventError(event)
        return []

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole message: its blocks are deltas that come at once."""
        if answer.get("error"):
            raise ErrorEventError(answer)
        if not isinstance(answer.get("content"), list):
            return []
        chunks = self._begin(answer)
        for index, block in enumerate(dicts_of(answer["content"])):
            chunks += self._start(index, block)
        return chunks + self._end({"stop_reason": answer.get("stop_reason") or "end_turn"}, {})

    def _begin(self, message: dict[str, Any]) -> list[ChatChunk]:
        self._id, self._answering = text_of(message.get("id")), text_of(message.get("model"))
        return self._count(dict_of(message.get("usage")))

    def _start(self, index: Any, block: dict[str, Any]) -> list[ChatChunk]:
        kind = block.get("type")
        if kind == "tool_use":
            self._calling.add(_hashable(index))
            # `input` is empty here in a stream, where it follows in pieces, and whole in a whole message.
            self._tools.add(
                index=_hashable(index),
                call_id=text_of(block.get("id")),
                name=text_of(block.get("name")),
                arguments=block.get("input") or "",
            )
            return self._chunk(ChoiceDelta(tool_fragment=True))
        if kind in ("thinking", "redacted_thinking"):
            self._thinking[_hashable(index)] = dict(block)
            return self._chunk(ChoiceDelta(reasoning=text_of(block.get("thinking")) or None))
        return self._chunk(ChoiceDelta(text_of(block.get("text")) or None))

    def _delta(self, index: Any, delta: dict[str, Any]) -> list[ChatChunk]:
        text = delta.get("text")
        if text and isinstance(text, str) and delta.get("type") == "text_delta":
            # Nearly every delta is this one, and arguments without names are taken in half the time.
            self.output_started = True
            return [ChatChunk(ChoiceDelta(text), None, None, None, self._id, self._answering)]
        match delta.get("type"):
            case "thinking_delta":
                thinking = text_of(delta.get("thinking"))
                block = self._thinking.get(_hashable(index))
                if block is not None:
                    block.setdefault("pieces", []).append(thinking)
                return self._chunk(ChoiceDelta(reasoning=thinking or None))
            case "signature_delta":
                if (signed := self._thinking.get(_hashable(index))) is not None:
                    signed["signature"] = text_of(delta.get("signature"))
            case "input_json_delta" if _hashable(index) in self._calling:
                self._tools.add(index=_hashable(index), arguments=text_of(delta.get("partial_json")))
                return self._chunk(ChoiceDelta(tool_fragment=True))
        return []

    def _end(self, delta: dict[str, Any], usage: dict[str, Any]) -> list[ChatChunk]:
        chunks = self._count(usage)
        raw = text_of(delta.get("stop_reason"))
        if not raw or self.finished:
            return chunks
        self.finished = True
        reason = FINISH.get(raw, FinishReason.OTHER)
        last = ChoiceDelta(tool_calls=self._tools.calls(), extras=self._extras())
        return [*chunks, ChatChunk(last, finish_reason=reason, finish_raw=raw, id=self._id, model=self._answering)]

    def _chunk(self, delta: ChoiceDelta) -> list[ChatChunk]:
        if not (delta.content or delta.reasoning or delta.tool_fragment):
            return []
        self.output_started = True
        return [ChatChunk(delta, id=self._id, model=self._answering)]

    def _count(self, usage: dict[str, Any]) -> list[ChatChunk]:
        """Usage is cumulative: a later number replaces the earlier one."""
        if not usage:
            return []
        self._usage |= {name: count for name, count in usage.items() if count is not None}
        cached = count_of(self._usage.get("cache_read_input_tokens"))
        written = count_of(self._usage.get("cache_creation_input_tokens"))
        thinking = dict_of(self._usage.get("output_tokens_details")).get("thinking_tokens")
        counted = CompletionUsage(
            input=total_of(count_of(self._usage.get("input_tokens")), cached, written),
            output=count_of(self._usage.get("output_tokens")),
            cached=cached,
            cache_write=written,
            reasoning=count_of(thinking),
        )
        return [ChatChunk(usage=counted)]

    def _extras(self) -> tuple[VendorExtra, ...]:
        blocks = []
        for block in self._thinking.values():
            pieces = block.pop("pieces", [])
            blocks.append(block | {"thinking": text_of(block.get("thinking")) + "".join(pieces)} if pieces else block)
        return (VendorExtra(KIND, self._model, blocks),) if blocks else ()


def _hashable(index: Any) -> int:
    return index if isinstance(index, int) else -1


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
