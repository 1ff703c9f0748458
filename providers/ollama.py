"""Ollama's own `/api/chat` (`kind = "ollama"`), which can be told not to truncate silently.

Its `/v1` cannot.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Document, Image, Role
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason, ModelInfo
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import arguments_object, normalise
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    ErrorEventError,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
    texts_of,
    unsupported,
)
from fallback_chat.providers.wire.known_models import known_effort
from fallback_chat.providers.wire.reading import AnswerReader
from fallback_chat.providers.wire.request import encode_json, json_headers, url_of, with_extras
from fallback_chat.providers.wire.think import ThinkSplitter

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import ProviderSettings

KIND: Final = "ollama"


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request. Raises `APIError` (unsupported) for a PDF."""
    options = request.options
    wishes: dict[str, Any] = {
        "num_predict": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        "seed": options.seed,
        "num_ctx": request.settings.context_window,
    }
    wishes = {key: value for key, value in wishes.items() if value is not None}
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request),
        "stream": options.stream,
        # Without these, Ollama drops the beginning of a long conversation without any sign in the
        # answer.
        "truncate": False,
        "shift": False,
    }
    if wishes:
        body["options"] = wishes
    if options.reasoning_effort:
        effort = known_effort(KIND, request.model, options.reasoning_effort)
        body["think"] = effort != "none" and effort
    if request.tools and request.tool_choice != "none":
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    return HttpRequest(
        "POST",
        url_of(request.settings, "api/chat"),
        _headers(request.settings, request.api_key, "application/x-ndjson"),
        encode_json(with_extras(body, request)),
    )


def models_request(settings: ProviderSettings, api_key: str | None, cursor: str | None) -> HttpRequest:
    """Build the request for the installed models; the list has one page."""
    del cursor
    return HttpRequest("GET", url_of(settings, "api/tags"), _headers(settings, api_key, "application/json"))


def read_models(page: Any) -> tuple[list[ModelInfo], str | None]:
    """Read the list of models."""
    models = [
        ModelInfo(
            text_of(model.get("name")),
            count_of(dict_of(model.get("details")).get("context_length")),
            tuple(texts_of(model.get("capabilities"))),
        )
        for model in dicts_of(dict_of(page).get("models"))
    ]
    return models, None


def _headers(settings: ProviderSettings, api_key: str | None, accept: str) -> tuple[tuple[str, str], ...]:
    return json_headers(settings, accept, {"authorization": f"Bearer {api_key}"} if api_key else {})


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    names: dict[str, str] = {}
    for turn in normalise(request.chat_ctx.messages):
        if turn.role is Role.TOOL:
            # Results are matched by the tool's name and their order; servers before 0.7 know no
            # ids.
            messages += [
                {"role": "tool", "content": result.output, "tool_name": names[result.call_id]}
                for result in turn.tool_results
            ]
        else:
            names |= {call.id: call.name for call in turn.tool_calls}
            messages.append(_message(turn, request))
    return messages


def _message(turn: ChatMessage, request: ChatRequest) -> dict[str, Any]:
    if any(isinstance(part, Document) for part in turn.content):
        raise unsupported(request, "a PDF file")
    message: dict[str, Any] = {"role": turn.role.value, "content": turn.text}
    if images := [part.base64 for part in turn.content if isinstance(part, Image)]:
        message["images"] = images
    if turn.tool_calls:
        message["tool_calls"] = [
            {"function": {"name": call.name, "arguments": arguments_object(call)}} for call in turn.tool_calls
        ]
    return message


class OllamaReader(AnswerReader):
    """Reads the lines of an answer; calls arrive complete."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._think = ThinkSplitter()

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one line. Raises `ErrorEventError`."""
        if event.get("error"):
            raise ErrorEventError(event)
        message = dict_of(event.get("message"))
        content = message.get("content")
        if self._think.done and content and isinstance(content, str) and len(message) == 2 and not self._word:
            # Nearly every line takes this path, and positional arguments are twice as fast.
            chunks = [ChatChunk(ChoiceDelta(content), None, None, None, "", self._answering)]
        else:
            self._answering = text_of(event.get("model")) or self._answering
            chunks = self._chunk(self._delta(message))
        if event.get("done") is True:
            chunks.append(ChatChunk(usage=_usage(event)))
            # The server's own last line has its counters; a gateway may mark every line as the
            # last.
            self.terminated = "total_duration" in event or "eval_count" in event
            # Older servers give no reason.
            self._finish(text_of(event.get("done_reason")) or "stop", chunks)
        return chunks

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole answer: it is the only line."""
        return self.read(answer)

    def _delta(self, message: dict[str, Any]) -> ChoiceDelta:
        content, raw = self._think.feed(text_of(message.get("content")))
        delta = ChoiceDelta(content or None, text_of(message.get("thinking")) or raw or None)
        for call in dicts_of(message["tool_calls"]) if "tool_calls" in message else ():
            function = dict_of(call.get("function"))
            self._tools.whole(
                call_id=text_of(call.get("id")),
                name=text_of(function.get("name")),
                arguments=function.get("arguments"),
            )
            delta.tool_fragment = True
        return delta

    def _is_open(self) -> bool:
        return super()._is_open() or self._think.open

    def _left(self, ending: FinishReason) -> str:
        return self._think.flush(whole=ending is FinishReason.STOP)


def _usage(event: dict[str, Any]) -> CompletionUsage:
    return CompletionUsage(input=count_of(event.get("prompt_eval_count")), output=count_of(event.get("eval_count")))


DIALECT: Final = Dialect(
    kind=KIND,
    framing="ndjson",
    build_request=build_request,
    reader=OllamaReader,
    models_request=models_request,
    read_models=read_models,
    lists_windows=False,
    lacks=frozenset({"tool_choice", "parallel_tool_calls"}),
)

create = partial(HttpLLM, DIALECT)
