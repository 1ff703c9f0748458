"""Chat Completions: OpenAI, and every compatible server (`kind = "openai"`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text
from fallback_chat.core.config.services import is_loopback
from fallback_chat.core.llm import ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import (
    NO_ANSWER,
    arguments_text,
    fits,
    in_last_tool_loop,
    normalise,
    plain_id,
    short_id,
    state_for,
)
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
    texts_of,
    unsupported,
)
from fallback_chat.providers.wire.known_models import LEAST_TOKENS, known_effort, thinks_silently
from fallback_chat.providers.wire.quirks import Quirks, quirks_of
from fallback_chat.providers.wire.read_chat import ChatReader
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.core.chat_context import Part, Tool
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "openai"
_WINDOWS: Final = (
    "context_length", "context_window", "max_context_length", "max_model_len", "context_size", "max_context_window_tokens",
    "max_input_tokens",
)  # fmt: skip
"""Names of a model's window: OpenRouter's and Together's, Groq's, Mistral's, vLLM's, Novita's,
GitHub's two."""
_CAPS: Final = ("max_completion_tokens", "max_output_tokens")
"""Names of the most tokens that a model can answer."""
_LIMITS: Final = ("top_provider", "metadata", "limits")
"""Places of such limits besides the entry: OpenRouter's, DeepInfra's, GitHub's."""


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request. Raises `APIError` (unsupported) for content this server cannot take."""
    quirks = quirks_of(request.settings)
    options = request.options
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, quirks), "stream": options.stream}
    if options.stream and quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    wishes: dict[str, Any] = {
        quirks.max_tokens: _cap(request, quirks),
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        quirks.seed: options.seed,
    }
    if options.reasoning_effort:
        wishes |= quirks.effort(known_effort(KIND, request.model, options.reasoning_effort))
    if request.tools:
        wishes["tools"] = [_tool(tool) for tool in request.tools]
        wishes["tool_choice"] = _tool_choice(request.tool_choice)
        wishes["parallel_tool_calls"] = request.parallel_tool_calls
    body |= {key: value for key, value in wishes.items() if value is not None}
    return HttpRequest(
        "POST",
        url_of(request.settings, "chat/completions"),
        headers(request.settings, request.api_key, "text/event-stream"),
        encode_json(with_extras(body, request)),
    )


def _cap(request: ChatRequest, quirks: Quirks) -> int | None:
    """Return the output limit; OpenAI's reasoning models refuse one below that of Responses."""
    cap = request.options.max_tokens
    reasons = quirks.max_tokens == "max_completion_tokens" and thinks_silently(KIND, request.model)
    return max(cap, LEAST_TOKENS) if cap is not None and reasons else cap


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Build the request for the list of models; it has one page."""
    del cursor
    return HttpRequest("GET", url_of(settings, "models"), headers(settings, api_key, "application/json"))


def probe_request(settings: ProviderSettings, api_key: str | None) -> HttpRequest:
    """Build a request that costs nothing and proves the key."""
    url = url_of(settings, quirks_of(settings).probe_path)
    return HttpRequest("GET", url, headers(settings, api_key, "application/json"))


def lists_all(settings: ProviderSettings, names: Sequence[str]) -> bool:
    """Whether a model that is not listed does not exist.

    A local server with a single model takes any name.
    """
    quirks = quirks_of(settings)
    at_home = len(names) == 1 and is_loopback(settings.base_url or "")
    return quirks.lists_all and quirks.probe_path == "models" and not at_home


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read the list of models; Together sends a bare array, others name it `models`."""
    models = []
    listed = page if isinstance(page, list) else dict_of(page).get("data") or dict_of(page).get("models")
    for model in dicts_of(listed):
        capabilities = dict_of(model.get("capabilities"))
        modalities = texts_of(dict_of(model.get("architecture")).get("input_modalities"))
        parameters = texts_of(model.get("supported_parameters"))
        known = {
            "vision": bool(capabilities.get("vision")) or "image" in modalities,
            "tools": bool(capabilities.get("function_calling")) or "tools" in parameters,
            "reasoning": bool(capabilities.get("reasoning")) or "reasoning" in parameters,
        }
        if text_of(model.get("id")):
            able = tuple(name for name, has in known.items() if has)
            models.append(ModelInfo(model["id"], _limit(model, _WINDOWS), able, _limit(model, _CAPS)))
    return models, None


def _limit(model: dict[str, Any], names: Iterable[str]) -> int | None:
    """Return a limit of a listed model, from the first place that has it under one of `names`."""
    places = (
        model,
        *(dict_of(model.get(place)) for place in _LIMITS),
        dict_of(dict_of(model.get("capabilities")).get("limits")),
    )
    return next((count for place in places for name in names if (count := count_of(place.get(name)))), None)


def headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request to any API of this vendor."""
    name = quirks_of(settings).auth_header
    auth = {name: f"Bearer {api_key}" if name == "authorization" else api_key} if api_key else {}
    return json_headers(settings, accept, auth)


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(choice: str | None) -> Any:
    return (
        choice if choice in (None, "auto", "none", "required") else {"type": "function", "function": {"name": choice}}
    )


def _messages(request: ChatRequest, quirks: Quirks) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    turns = normalise(request.chat_ctx.messages, call_id=short_id if quirks.nine_char_ids else plain_id)
    names: dict[str, str] = {}
    for position, turn in enumerate(turns):
        if turn.role is Role.TOOL:
            messages += [
                {"role": "tool", "tool_call_id": result.call_id, "content": result.output}
                | ({"name": names[result.call_id]} if quirks.result_name else {})
                for result in turn.tool_results
            ]
        elif turn.role is Role.ASSISTANT:
            names |= {call.id: call.name for call in turn.tool_calls}
            messages.append(_assistant(turn, quirks, request))
            required = quirks.reasoning_required or request.reasoning_required
            if required or (quirks.reasoning_back and in_last_tool_loop(turns, position)):
                key = quirks.reasoning_back or "reasoning_content"
                messages[-1] |= _state(turn, request, key, required=required)
        else:
            if quirks.answer_after_results and messages and messages[-1]["role"] == "tool":
                messages.append({"role": "assistant", "content": NO_ANSWER})
            messages.append({"role": "user", "content": _content(turn.content, request, quirks)})
    return messages


def _assistant(turn: ChatMessage, quirks: Quirks, request: ChatRequest) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if turn.tool_calls:
        kind = {"type": "function"} if quirks.call_type else {}
        # Google puts the signatures of thoughts here.
        beside = dict_of(state_for(turn, request.origin)).get("extra_content") or []
        fitting = beside if len(beside) == len(turn.tool_calls) else [None] * len(turn.tool_calls)
        message["tool_calls"] = [
            {"id": call.id, **kind, "function": {"name": call.name, "arguments": arguments_text(call)}}
            | ({"extra_content": extra} if extra else {})
            for call, extra in zip(turn.tool_calls, fitting, strict=True)
        ]
    return message


def _state(turn: ChatMessage, request: ChatRequest, key: str, *, required: bool) -> dict[str, Any]:
    """Return the reasoning to send back with an answer.

    If it is required, empty reasoning replaces that of other providers.
    """
    state = {name: value for name, value in dict_of(state_for(turn, request.origin)).items() if name == key}
    if "content" in state:
        texts = [text_of(part.get("text")) for part in dicts_of(state["content"])]
        return state if fits(turn, texts, len(turn.tool_calls)) else {}
    return ({key: ""} if required and turn.tool_calls else {}) | state


def _content(parts: Sequence[Part], request: ChatRequest, quirks: Quirks) -> Any:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_part(part, request, quirks) for part in parts]


def _part(part: Part, request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = f"data:{part.media_type};base64,{part.base64}"
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": url if quirks.bare_image_url else {"url": url}}
    if not quirks.files:
        raise unsupported(request, "a PDF file")
    return {"type": "file", "file": {"filename": part.filename, "file_data": url}}


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=ChatReader,
    models_request=models_request,
    read_models=read_models,
    probe_request=probe_request,
    lists_all=lists_all,
)

create = partial(HttpLLM, DIALECT)
