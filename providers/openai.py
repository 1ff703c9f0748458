"""Chat Completions: OpenAI, and every server that speaks the same (`kind = "openai"`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text, VendorExtra
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason, ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import (
    NO_ANSWER,
    arguments_text,
    extras_for,
    in_last_tool_loop,
    normalise,
    plain_id,
    short_id,
)
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
    unsupported,
)
from fallback_chat.providers.wire.quirks import Quirks, quirks_of
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras
from fallback_chat.providers.wire.think import ThinkSplitter
from fallback_chat.providers.wire.tools import ToolCallAssembler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.chat_context import Part, Tool
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "openai"

FINISH: Final[dict[str, FinishReason]] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,  # Mistral
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.REFUSAL,
}

FAILED_FINISH: Final = frozenset({"error", "insufficient_system_resource"})
"""OpenRouter and Mistral; DeepSeek."""


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request. Raises `APIError` (unsupported) for what this server cannot be given."""
    quirks = quirks_of(request.settings)
    options = request.options
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, quirks), "stream": options.stream}
    if options.stream and quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    wishes: dict[str, Any] = {
        quirks.max_tokens: request.max_tokens,
        "temperature": request.temperature,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        quirks.seed: options.seed,
    }
    if options.reasoning_effort:
        wishes |= quirks.effort(options.reasoning_effort)
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


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Ask for the list of models; it has one page."""
    del cursor
    return HttpRequest("GET", url_of(settings, "models"), headers(settings, api_key, "application/json"))


def probe_request(settings: ProviderSettings, api_key: str | None) -> HttpRequest:
    """Ask what costs nothing and proves the key."""
    url = url_of(settings, quirks_of(settings).probe_path)
    return HttpRequest("GET", url, headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read the list; Together sends a bare array."""
    models = []
    for model in dicts_of(page if isinstance(page, list) else dict_of(page).get("data")):
        # OpenRouter and Together; Groq; Mistral; vLLM.
        windows = (
            model.get(key) for key in ("context_length", "context_window", "max_context_length", "max_model_len")
        )
        window = next((count for count in map(count_of, windows) if count), None)
        capabilities = dict_of(model.get("capabilities"))
        modalities = texts_of(dict_of(model.get("architecture")).get("input_modalities"))
        known = {
            "vision": bool(capabilities.get("vision")) or "image" in modalities,
            "tools": bool(capabilities.get("function_calling"))
            or "tools" in texts_of(model.get("supported_parameters")),
        }
        if text_of(model.get("id")):
            models.append(ModelInfo(model["id"], window, tuple(name for name, has in known.items() if has)))
    return models, None


def headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    """Give the headers of a request to any API of this vendor."""
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
            messages.append(_assistant(turn, quirks))
            if quirks.reasoning_back and in_last_tool_loop(turns, position):
                for data in extras_for(turn, KIND, request.model):
                    messages[-1] |= data
        else:
            if quirks.answer_after_results and messages and messages[-1]["role"] == "tool":
                messages.append({"role": "assistant", "content": NO_ANSWER})
            messages.append({"role": "user", "content": _content(turn.content, request, quirks)})
    return messages


def _assistant(turn: ChatMessage, quirks: Quirks) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if turn.tool_calls:
        kind = {"type": "function"} if quirks.call_type else {}
        message["tool_calls"] = [
            {"id": call.id, **kind, "function": {"name": call.name, "arguments": arguments_text(call)}}
            for call in turn.tool_calls
        ]
    return message


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


class ChatReader:
    """Reads chunks, with every key of them null, missing or of another type."""

    def __init__(self, request: ChatRequest) -> None:
        self.output_started = False
        self.finished = False
        self.terminated = False
        self._model = request.model
        self._id = ""
        self._answering = ""
        self._tools = ToolCallAssembler()
        self._think = ThinkSplitter()
        self._text_seen = False
        self._refusal_seen = False
        self._reasoning_back = quirks_of(request.settings).reasoning_back
        self._kept: list[Any] = []

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one chunk. Raises `ErrorEventError`, also for a finish that means failure."""
        if event.get("error") or event.get("object") == "error":  # the latter: Mistral, old vLLM
            raise ErrorEventError(event)
        chunks: list[ChatChunk] = []
        choice = first_of(event.get("choices"))
        delta = choice.get("delta")
        if isinstance(delta, dict) and (found := self._delta(delta)) is not None:
            self.output_started = True
            if not self._id:
                self._id, self._answering = text_of(event.get("id")), text_of(event.get("model"))
            chunks.append(ChatChunk(found, id=self._id, model=self._answering))
        usage = event.get("usage")
        if "x_groq" in event:  # Groq's own place, besides the usual ones
            groq = dict_of(event["x_groq"])
            if groq.get("error"):
                raise ErrorEventError({"error": groq["error"]}, chunks)
            usage = groq.get("usage") if usage is None else usage
        if isinstance(usage, dict):
            chunks.append(ChatChunk(usage=_usage(usage)))
        raw = choice.get("finish_reason")
        if raw and isinstance(raw, str) and not self.finished:
            chunks.append(self._finish(raw, chunks))
        return chunks

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole answer: its message is a delta that comes at once."""
        choice = first_of(answer.get("choices"))
        if choice:
            delta, finish = choice.get("message") or choice.get("delta"), choice.get("finish_reason") or "stop"
            answer = {**answer, "choices": [{"delta": delta, "finish_reason": finish}]}
        return self.read(answer)

    def _delta(self, delta: dict[str, Any]) -> ChoiceDelta | None:
        content = delta.get("content")
        if self._think.done and content and isinstance(content, str) and len(delta) == 1:
            # Nearly every delta is this one.
            self._text_seen = True
            return ChoiceDelta(content)
        reasoning, refusal = None, delta.get("refusal")
        if isinstance(content, list):
            content, reasoning = _parts(content)
        content, thought = self._think.feed(text_of(content))
        # Where both keys are present they say the same.
        reasoning = reasoning or delta.get("reasoning_content") or delta.get("reasoning") or _details(delta) or thought
        found = ChoiceDelta(content or None, text_of(reasoning) or None, text_of(refusal) or None)
        if delta.get("tool_calls"):
            found.tool_fragment = self._tool_pieces(delta["tool_calls"])
        if self._reasoning_back and delta.get(self._reasoning_back):
            self._kept.append(delta[self._reasoning_back])
        self._text_seen = self._text_seen or found.content is not None
        self._refusal_seen = self._refusal_seen or found.refusal is not None
        return found if found.content or found.reasoning or found.refusal or found.tool_fragment else None

    def _tool_pieces(self, pieces: Any) -> bool:
        for piece in dicts_of(pieces):
            function = dict_of(piece.get("function"))
            if not function and not piece.get("id"):
                continue
            index = piece.get("index")
            self._tools.add(
                index=index if isinstance(index, int) else None,
                call_id=text_of(piece.get("id")),
                name=text_of(function.get("name")),
                arguments=function.get("arguments"),
            )
        return bool(self._tools)

    def _finish(self, raw: str, chunks: list[ChatChunk]) -> ChatChunk:
        if raw in FAILED_FINISH:
            raise ErrorEventError({"message": f"the provider ended the answer with {raw!r}", "code": raw}, chunks)
        self.finished = True
        reason = FINISH.get(raw, FinishReason.OTHER)
        if self._tools and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        if self._refusal_seen and not self._text_seen and reason is FinishReason.STOP:
            reason = FinishReason.REFUSAL
        left = self._think.flush(whole=reason is FinishReason.STOP) or None
        delta = (
            ChoiceDelta(left, tool_calls=self._tools.calls(), extras=self._extras()) if left or self._tools else None
        )
        return ChatChunk(delta, finish_reason=reason, finish_raw=raw)

    def _extras(self) -> tuple[VendorExtra, ...]:
        if not self._reasoning_back or not self._kept:
            return ()
        whole = "".join(self._kept) if all(isinstance(piece, str) for piece in self._kept) else _flat(self._kept)
        return (VendorExtra(KIND, self._model, {self._reasoning_back: whole}),)


def _details(delta: dict[str, Any]) -> str:
    """Give the text of OpenRouter's `reasoning_details`, which mostly repeat what stands in `reasoning`."""
    details = dicts_of(delta.get("reasoning_details"))
    return "".join(text_of(detail.get("text")) or text_of(detail.get("summary")) for detail in details)


def _flat(pieces: Sequence[Any]) -> list[Any]:
    return [item for piece in pieces if isinstance(piece, list) for item in piece]


def _parts(parts: list[Any]) -> tuple[str, str]:
    """Split typed parts (Mistral) into text and reasoning."""
    content, reasoning = [], []
    for part in dicts_of(parts):
        if part.get("type") == "thinking":
            thinking = part.get("thinking")
            reasoning.append(text_of(thinking) or "".join(text_of(piece.get("text")) for piece in dicts_of(thinking)))
        else:
            content.append(text_of(part.get("text")))
    return "".join(content), "".join(reasoning)


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    prompt = dict_of(usage.get("prompt_tokens_details"))
    completion = dict_of(usage.get("completion_tokens_details"))
    cached = count_of(prompt.get("cached_tokens"))
    return CompletionUsage(
        input=count_of(usage.get("prompt_tokens")),
        output=count_of(usage.get("completion_tokens")),
        total=count_of(usage.get("total_tokens")),
        cached=cached if cached is not None else count_of(usage.get("prompt_cache_hit_tokens")),  # DeepSeek
        cache_write=count_of(prompt.get("cache_write_tokens")),
        reasoning=count_of(completion.get("reasoning_tokens")),
    )


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=ChatReader,
    models_request=models_request,
    read_models=read_models,
    probe_request=probe_request,
)

create = partial(HttpLLM, DIALECT)
