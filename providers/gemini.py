"""Google's `streamGenerateContent` (`kind = "gemini"`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.llm import ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.camel_case import camel_case
from fallback_chat.providers.wire.conversation import arguments_object, fits, normalise, state_for
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
    texts_of,
)
from fallback_chat.providers.wire.known_models import known_effort, tells_of_thinking
from fallback_chat.providers.wire.read_generate import GenerateReader
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "gemini"
FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
"""Google's documented value for calls of another model; without a signature they are refused."""

BUDGETS: Final = {"none": 0, "least": 128, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens; for any other effort the model decides (-1)."""
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request."""
    options = request.options
    generation: dict[str, Any] = {
        "maxOutputTokens": options.max_tokens,
        "temperature": options.temperature,
        "topP": options.top_p,
        "stopSequences": list(options.stop) or None,
        "seed": options.seed,
        "thinkingConfig": _thinking(request) or None,
    }
    generation = {key: value for key, value in generation.items() if value is not None}
    body: dict[str, Any] = {"contents": _contents(request)}
    if request.system:
        body["systemInstruction"] = {"parts": [{"text": request.system}]}
    if generation:
        body["generationConfig"] = generation
    if request.tools:
        body["tools"] = [
            {
                "functionDeclarations": [
                    {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}
                    for tool in request.tools
                ]
            }
        ]
        if request.tool_choice:
            body["toolConfig"] = {"functionCallingConfig": _calling(request.tool_choice)}
    method = "streamGenerateContent?alt=sse" if options.stream else "generateContent"
    model = quote(request.model.removeprefix("models/"), safe="")
    return HttpRequest(
        "POST",
        url_of(request.settings, f"v1beta/models/{model}:{method}"),
        _headers(request.settings, request.api_key, "text/event-stream"),
        encode_json(with_extras(body, request)),
    )


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Build the request for a page of the list of models."""
    path = "v1beta/models?pageSize=1000" + (f"&pageToken={quote(cursor, safe='')}" if cursor else "")
    return HttpRequest("GET", url_of(settings, path), _headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read a page of the list; models that cannot chat (embeddings, pictures) are left out."""
    page = camel_case(dict_of(page))
    models = [
        ModelInfo(
            text_of(model.get("name")).removeprefix("models/"),
            count_of(model.get("inputTokenLimit")),
            ("reasoning",) if model.get("thinking") is True else (),
            count_of(model.get("outputTokenLimit")),
        )
        for model in dicts_of(page.get("models"))
        if "generateContent" in (texts_of(model.get("supportedGenerationMethods")) or ["generateContent"])
    ]
    return models, text_of(page.get("nextPageToken")) or None


def _headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    # A key in the URL would end up in the logs of every proxy.
    return json_headers(settings, accept, {"x-goog-api-key": api_key} if api_key else {})


def _thinking(request: ChatRequest) -> dict[str, Any]:
    """Return how to think, with visible thoughts.

    Models before Gemini 3 only know a budget, with 0 for off.
    """
    effort, model = request.options.reasoning_effort, request.model
    told = {"includeThoughts": True} if tells_of_thinking(KIND, model) and effort != "none" else {}
    if effort is None:
        return told
    known = known_effort(KIND, model, effort)
    if model.removeprefix("models/").startswith("gemini-2"):
        return told | {"thinkingBudget": BUDGETS.get(known, -1)}
    return told | {"thinkingLevel": known.upper()}


def unasked(request: ChatRequest) -> frozenset[str]:
    """Return the keys that make thoughts visible: without them a thinking model is silent."""
    return frozenset({"generationConfig.thinkingConfig"} if request.options.reasoning_effort is None else ())


def _calling(choice: str) -> dict[str, Any]:
    return {"mode": _MODES[choice]} if choice in _MODES else {"mode": "ANY", "allowedFunctionNames": [choice]}


def _contents(request: ChatRequest) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    vendor_ids: dict[str, str] = {}
    for turn in normalise(request.chat_ctx.messages, user_first=True):
        if turn.role is Role.ASSISTANT:
            names |= {call.id: call.name for call in turn.tool_calls}
            parts = _answer(turn, request)
            ids = [part["functionCall"].get("id") for part in parts if "functionCall" in part]
            vendor_ids |= {call.id: id_ for call, id_ in zip(turn.tool_calls, ids, strict=True) if id_}
            contents.append({"role": "model", "parts": parts})
        elif turn.role is Role.TOOL:
            results = [
                {
                    "functionResponse": _with_id(vendor_ids.get(result.call_id))
                    | {
                        "name": names[result.call_id],
                        "response": {"error" if result.is_error else "output": result.output},
                    }
                }
                for result in turn.tool_results
            ]
            contents.append({"role": "user", "parts": results})
        elif contents and contents[-1]["role"] == "user":  # speakers alternate, and results belong to the user
            contents[-1]["parts"] += [_part(part) for part in turn.content]
        else:
            contents.append({"role": "user", "parts": [_part(part) for part in turn.content]})
    return contents


def _answer(turn: ChatMessage, request: ChatRequest) -> list[dict[str, Any]]:
    """Return the parts of an answer: as received if they are ours, else its text and its calls."""
    calls = [{"name": call.name, "args": arguments_object(call)} for call in turn.tool_calls]
    kept = dicts_of(state_for(turn, request.origin))
    places = [part for part in kept if "functionCall" in part]
    texts = [text_of(part.get("text")) for part in kept if part.get("thought") is not True]
    if kept and fits(turn, texts, len(places)):
        left = iter(calls)
        return [
            part | {"functionCall": dict_of(part["functionCall"]) | next(left)} if "functionCall" in part else part
            for part in kept
        ]
    parts: list[dict[str, Any]] = [{"functionCall": call} for call in calls]
    if parts:
        parts[0]["thoughtSignature"] = FOREIGN_SIGNATURE
    return [{"text": turn.text}, *parts] if turn.text else parts


def _with_id(call_id: str | None) -> dict[str, Any]:
    return {"id": call_id} if call_id else {}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    return {"inlineData": {"mimeType": part.media_type, "data": part.base64}}


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=GenerateReader,
    models_request=models_request,
    read_models=read_models,
    unasked=unasked,
    lacks=frozenset({"parallel_tool_calls"}),
)

create = partial(HttpLLM, DIALECT)
