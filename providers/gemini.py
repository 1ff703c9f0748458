"""Google's `streamGenerateContent` (`kind = "gemini"`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fallback_chat.core.chat_context import ChatMessage, Role, Text, VendorExtra
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
    first_of,
    text_of,
    texts_of,
    total_of,
)
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras
from fallback_chat.providers.wire.tools import ToolCallAssembler

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "gemini"
FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
"""What Google documents for a call that another model made: without a signature it is refused."""

FINISH: Final[dict[str, FinishReason]] = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
} | dict.fromkeys(
    (
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "MODEL_ARMOR",
    ),
    FinishReason.CONTENT_FILTER,
)

FAILED_FINISH: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    }
)

LEVELS: Final = {"none": "MINIMAL", "max": "XHIGH"}
"""Efforts that have another name here."""
BUDGETS: Final = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens; for any other effort the model decides (-1)."""
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request."""
    options = request.options
    generation: dict[str, Any] = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": options.top_p,
        "stopSequences": list(options.stop) or None,
        "seed": options.seed,
        "thinkingConfig": _thinking(request.model, options.reasoning_effort) if options.reasoning_effort else None,
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
    """Ask for a page of the list of models."""
    path = "v1beta/models?pageSize=1000" + (f"&pageToken={quote(cursor, safe='')}" if cursor else "")
    return HttpRequest("GET", url_of(settings, path), _headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read a page of the list; models that cannot chat (embeddings, pictures) are left out."""
    page = dict_of(page)
    models = [
        ModelInfo(
            text_of(model.get("name")).removeprefix("models/"),
            count_of(model.get("inputTokenLimit")),
            ("reasoning",) if model.get("thinking") is True else (),
        )
        for model in dicts_of(page.get("models"))
        if "generateContent" in (texts_of(model.get("supportedGenerationMethods")) or ["generateContent"])
    ]
    return models, text_of(page.get("nextPageToken")) or None


def _headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    # A key in the URL would end up in the logs of every proxy.
    return json_headers(settings, accept, {"x-goog-api-key": api_key} if api_key else {})


def _thinking(model: str, effort: str) -> dict[str, Any]:
    """Give the level of thinking; models before Gemini 3 know a budget of tokens only, where 0 is off."""
    if model.removeprefix("models/").startswith("gemini-2"):
        return {"thinkingBudget": BUDGETS.get(effort, -1)}
    return {"thinkingLevel": LEVELS.get(effort, effort.upper())}


def _calling(choice: str) -> dict[str, Any]:
    return {"mode": _MODES[choice]} if choice in _MODES else {"mode": "ANY", "allowedFunctionNames": [choice]}


def _contents(request: ChatRequest) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    vendor_ids: dict[str, str] = {}
    for turn in normalise(request.chat_ctx.messages, user_first=True):
        if turn.role is Role.ASSISTANT:
            names |= {call.id: call.name for call in turn.tool_calls}
            state = dict_of(next(iter(extras_for(turn, KIND, request.model)), None))
            vendor_ids |= dict(zip((call.id for call in turn.tool_calls), state.get("ids", ()), strict=False))
            contents.append({"role": "model", "parts": _model_parts(turn, state)})
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
        elif contents and contents[-1]["role"] == "user":  # speakers alternate, and results are the user's
            contents[-1]["parts"] += [_part(part) for part in turn.content]
        else:
            contents.append({"role": "user", "parts": [_part(part) for part in turn.content]})
    return contents


def _model_parts(turn: ChatMessage, state: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the parts of an answer; a signature stands where it came, and only this kind and model get it back."""
    parts: list[dict[str, Any]] = [{"text": turn.text}] if turn.text else []
    if parts and state.get("text_signature"):
        parts[0]["thoughtSignature"] = state["text_signature"]
    ids, signatures = state.get("ids", ()), state.get("signatures")
    for position, call in enumerate(turn.tool_calls):
        part: dict[str, Any] = {
            "functionCall": _with_id(ids[position] if position < len(ids) else None)
            | {"name": call.name, "args": arguments_object(call)}
        }
        if signatures is None:
            signature = FOREIGN_SIGNATURE if position == 0 else None
        else:
            signature = signatures[position] if position < len(signatures) else None
        parts.append(part | ({"thoughtSignature": signature} if signature else {}))
    if state.get("last_signature"):
        parts.append({"text": "", "thoughtSignature": state["last_signature"]})
    return parts


def _with_id(call_id: str | None) -> dict[str, Any]:
    return {"id": call_id} if call_id else {}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    return {"inlineData": {"mimeType": part.media_type, "data": part.base64}}


class GenerateReader:
    """Reads responses; calls come whole, and every response has a count that replaces the one before."""

    def __init__(self, request: ChatRequest) -> None:
        self.output_started = False
        self.finished = False
        self.terminated = False  # nothing marks the end but the end of the body
        self._model = request.model
        self._id = ""
        self._answering = ""
        self._tools = ToolCallAssembler()
        self._ids: list[str] = []
        self._signatures: list[str] = []
        self._text_signature = ""
        self._last_signature = ""
        """Of a text part without text, which closes some answers."""
        self._usage: dict[str, Any] = {}

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one response. Raises `ErrorEventError`, also for a finish that means failure."""
        if not self._id:
            self._id, self._answering = text_of(event.get("responseId")), text_of(event.get("modelVersion"))
        if isinstance(event.get("usageMetadata"), dict):
            self._usage = event["usageMetadata"]
        if event.get("error"):
            raise ErrorEventError(event, self._counted())
        candidate = first_of(event.get("candidates"))
        chunks: list[ChatChunk] = []
        delta = self._parts(dict_of(candidate.get("content")).get("parts"))
        if delta.content or delta.reasoning or delta.tool_fragment:
            self.output_started = True
            chunks.append(ChatChunk(delta, id=self._id, model=self._answering))
        if self.finished or "finishReason" in candidate or "promptFeedback" in event:
            raw = text_of(candidate.get("finishReason")) or _blocked(event)
            if raw or self.finished:
                chunks += self._counted()
            if raw and not self.finished:
                chunks.append(self._finish(raw, chunks))
        return chunks

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole response."""
        known = answer.keys() & {"error", "candidates", "promptFeedback"}
        return self.read(answer) if known else []

    def _counted(self) -> list[ChatChunk]:
        """Give the latest count, once."""
        usage, self._usage = self._usage, {}
        return [ChatChunk(usage=_usage(usage))] if usage else []

    def _parts(self, parts: Any) -> ChoiceDelta:
        content = reasoning = ""
        called = False
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                continue
            text = text_of(part.get("text"))
            if text and len(part) == 1:
                content += text  # nearly every part is this one
                continue
            call = part.get("functionCall")
            signature = text_of(part.get("thoughtSignature"))
            if isinstance(call, dict):
                called = True
                self._ids.append(text_of(call.get("id")))
                self._signatures.append(signature)
                self._tools.open(
                    call_id=self._ids[-1], name=text_of(call.get("name")), arguments=dict_of(call.get("args"))
                )
            else:
                if text:
                    self._text_signature = signature or self._text_signature
                else:
                    self._last_signature = signature or self._last_signature
                if part.get("thought") is True:
                    reasoning += text
                else:
                    content += text
        return ChoiceDelta(content or None, reasoning or None, None, (), called)

    def _finish(self, raw: str, chunks: list[ChatChunk]) -> ChatChunk:
        if raw in FAILED_FINISH:
            raise ErrorEventError({"message": f"the provider ended the answer with {raw!r}", "code": raw}, chunks)
        self.finished = True
        filtered = FinishReason.CONTENT_FILTER if raw.startswith(("blocked:", "IMAGE_")) else FinishReason.OTHER
        reason = FINISH.get(raw, filtered)
        if self._tools and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        return ChatChunk(
            ChoiceDelta(tool_calls=self._tools.calls(), extras=self._extras()), finish_reason=reason, finish_raw=raw
        )

    def _extras(self) -> tuple[VendorExtra, ...]:
        state: dict[str, Any] = {}
        if self._text_signature:
            state["text_signature"] = self._text_signature
        if self._last_signature:
            state["last_signature"] = self._last_signature
        if self._ids:
            state |= {"ids": self._ids, "signatures": self._signatures}
        return (VendorExtra(KIND, self._model, state),) if state else ()


def _blocked(event: dict[str, Any]) -> str:
    """Say why the question itself was not let through."""
    reason = text_of(dict_of(event.get("promptFeedback")).get("blockReason"))
    return f"blocked:{reason}" if reason else ""


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    reasoning = count_of(usage.get("thoughtsTokenCount"))
    return CompletionUsage(
        input=total_of(count_of(usage.get("promptTokenCount")), count_of(usage.get("toolUsePromptTokenCount"))),
        output=total_of(count_of(usage.get("candidatesTokenCount")), reasoning, 0),
        total=count_of(usage.get("totalTokenCount")),
        cached=count_of(usage.get("cachedContentTokenCount")),
        reasoning=reasoning,
    )


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=GenerateReader,
    models_request=models_request,
    read_models=read_models,
    lacks=frozenset({"parallel_tool_calls"}),
)

create = partial(HttpLLM, DIALECT)
