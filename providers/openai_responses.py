"""OpenAI's Responses API (`kind = "openai-responses"`), used without the state that it can keep: the next turn may go elsewhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatMessage, Image, Role, Text, VendorExtra
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from fallback_chat.providers import openai
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.conversation import arguments_text, extras_for, normalise
from fallback_chat.providers.wire.dialect import (
    ChatRequest,
    Dialect,
    ErrorEventError,
    HttpRequest,
    count_of,
    dict_of,
    dicts_of,
    text_of,
)
from fallback_chat.providers.wire.request import encode_json, url_of, with_extras
from fallback_chat.providers.wire.tools import ToolCallAssembler

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.chat_context import Part

KIND: Final = "openai-responses"
LEAST_TOKENS: Final = 16
"""A smaller output cap is refused."""

TEXTS: Final[dict[str, Callable[[str], ChoiceDelta]]] = {
    "response.output_text.delta": ChoiceDelta,
    "response.reasoning_summary_text.delta": lambda text: ChoiceDelta(reasoning=text),
    "response.reasoning_text.delta": lambda text: ChoiceDelta(reasoning=text),
    "response.refusal.delta": lambda text: ChoiceDelta(refusal=text),
}

INCOMPLETE: Final[dict[str, FinishReason]] = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}


def build_request(request: ChatRequest) -> HttpRequest:
    """Render a request. This API knows no stop strings and no seed."""
    options = request.options
    cap = request.max_tokens
    body: dict[str, Any] = {
        "model": request.model,
        "input": _input(request),
        "stream": options.stream,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    wishes: dict[str, Any] = {
        "instructions": request.system or None,
        "max_output_tokens": None if cap is None else max(cap, LEAST_TOKENS),
        "temperature": request.temperature,
        "top_p": options.top_p,
        "reasoning": {"effort": options.reasoning_effort} if options.reasoning_effort else None,
    }
    if request.tools:
        wishes |= _tools(request)
    body |= {key: value for key, value in wishes.items() if value is not None}
    return HttpRequest(
        "POST",
        url_of(request.settings, "responses"),
        openai.headers(request.settings, request.api_key, "text/event-stream"),
        encode_json(with_extras(body, request)),
    )


def _tools(request: ChatRequest) -> dict[str, Any]:
    # Strict is the default, and then only closed schemas are taken.
    tools = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    ]
    choice = request.tool_choice
    named = choice not in (None, "auto", "none", "required")
    return {
        "tools": tools,
        "tool_choice": {"type": "function", "name": choice} if named else choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _input(request: ChatRequest) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for turn in normalise(request.chat_ctx.messages):
        if turn.role is Role.TOOL:
            items += [
                {"type": "function_call_output", "call_id": result.call_id, "output": result.output}
                for result in turn.tool_results
            ]
        elif turn.role is Role.USER:
            items.append({"role": "user", "content": _content(turn)})
        else:
            items += [item for kept in extras_for(turn, KIND, request.model) for item in kept]
            items += [{"role": "assistant", "content": turn.text}] if turn.text else []
            items += [
                {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments_text(call)}
                for call in turn.tool_calls
            ]
    return items


def _content(turn: ChatMessage) -> str | list[dict[str, Any]]:
    if len(turn.content) == 1 and isinstance(turn.content[0], Text):
        return turn.content[0].text
    return [_part(part) for part in turn.content]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    url = f"data:{part.media_type};base64,{part.base64}"
    if isinstance(part, Image):
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"type": "input_file", "filename": part.filename, "file_data": url}


class ResponsesReader:
    """Reads the events of one response. The `done` events repeat what the deltas said, and are skipped."""

    def __init__(self, request: ChatRequest) -> None:
        self.output_started = False
        self.finished = False
        self.terminated = False
        self._model = request.model
        self._id = ""
        self._answering = ""
        self._tools = ToolCallAssembler()
        self._reasoning: list[dict[str, Any]] = []
        self._refusal_seen = False

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event; unknown ones are skipped. Raises `ErrorEventError`."""
        kind = text_of(event.get("type"))
        if kind in TEXTS:
            return self._chunk(TEXTS[kind](text_of(event.get("delta"))))
        match kind.removeprefix("response."):
            case "function_call_arguments.delta":
                self._tools.add(index=_index(event), arguments=text_of(event.get("delta")))
                return self._chunk(ChoiceDelta(tool_fragment=True))
            case "function_call_arguments.done" if isinstance(event.get("arguments"), str):
                self._tools.replace(index=_index(event), arguments=event["arguments"])
            case "output_item.added":
                return self._added(_index(event), dict_of(event.get("item")))
            case "output_item.done":
                return self._done(_index(event), dict_of(event.get("item")))
            case "created" | "in_progress" | "queued":
                self._note(dict_of(event.get("response")))
            case "completed" | "incomplete" | "failed" as status:
                return self._end({"status": status} | dict_of(event.get("response")))
            case _:
                if kind == "error" or event.get("error"):
                    raise ErrorEventError(event)
        return []

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole response: its items are added one by one."""
        if answer.get("error"):
            raise ErrorEventError(answer)
        if not isinstance(answer.get("output"), list):
            return []
        self._note(answer)
        chunks: list[ChatChunk] = []
        for index, item in enumerate(dicts_of(answer["output"])):
            for part in dicts_of(item.get("summary")):
                chunks += self._chunk(ChoiceDelta(reasoning=text_of(part.get("text")) or None))
            for part in dicts_of(item.get("content")):
                text, refusal = text_of(part.get("text")) or None, text_of(part.get("refusal")) or None
                thought = item.get("type") == "reasoning"
                chunks += self._chunk(ChoiceDelta(reasoning=text) if thought else ChoiceDelta(text, refusal=refusal))
            chunks += self._done(index, item)
        return chunks + self._end(answer)

    def _note(self, response: dict[str, Any]) -> None:
        self._id = text_of(response.get("id")) or self._id
        self._answering = text_of(response.get("model")) or self._answering

    def _added(self, index: int | str, item: dict[str, Any]) -> list[ChatChunk]:
        if item.get("type") != "function_call":
            return []
        self._tools.add(index=index, call_id=text_of(item.get("call_id")), name=text_of(item.get("name")))
        return self._chunk(ChoiceDelta(tool_fragment=True))

    def _done(self, index: int | str, item: dict[str, Any]) -> list[ChatChunk]:
        if item.get("type") == "reasoning" and item.get("encrypted_content"):
            self._reasoning.append({key: value for key, value in item.items() if key != "status"})
        chunks = self._added(index, item)
        if chunks and isinstance(item.get("arguments"), str):
            self._tools.replace(index=index, arguments=item["arguments"])
        return chunks

    def _end(self, response: dict[str, Any]) -> list[ChatChunk]:
        self._note(response)
        usage = response.get("usage")
        chunks = [ChatChunk(usage=_usage(usage))] if isinstance(usage, dict) else []
        status = text_of(response.get("status")) or "completed"
        if status == "failed":
            error = dict_of(response.get("error")) or {"message": "the provider ended the answer with 'failed'"}
            raise ErrorEventError({"error": error}, chunks)
        self.finished = self.terminated = True
        reason, raw = self._reason(status, response)
        last = ChoiceDelta(tool_calls=self._tools.calls(), extras=self._extras())
        return [*chunks, ChatChunk(last, finish_reason=reason, finish_raw=raw, id=self._id, model=self._answering)]

    def _reason(self, status: str, response: dict[str, Any]) -> tuple[FinishReason, str]:
        if status == "incomplete":
            raw = text_of(dict_of(response.get("incomplete_details")).get("reason")) or status
            return INCOMPLETE.get(raw, FinishReason.OTHER), raw
        if self._tools:
            return FinishReason.TOOL_CALLS, status
        return FinishReason.REFUSAL if self._refusal_seen else FinishReason.STOP, status

    def _chunk(self, delta: ChoiceDelta) -> list[ChatChunk]:
        if not (delta.content or delta.reasoning or delta.refusal or delta.tool_fragment):
            return []
        self.output_started = True
        self._refusal_seen = self._refusal_seen or bool(delta.refusal)
        # Arguments without names are taken in half the time.
        return [ChatChunk(delta, None, None, None, self._id, self._answering)]

    def _extras(self) -> tuple[VendorExtra, ...]:
        return (VendorExtra(KIND, self._model, self._reasoning),) if self._reasoning else ()


def _index(event: dict[str, Any]) -> int | str:
    """Give what tells the items of a response apart; some servers send only one of the two."""
    if isinstance(event.get("output_index"), int):
        return int(event["output_index"])
    return text_of(event.get("item_id")) or text_of(dict_of(event.get("item")).get("id"))


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    inputs, outputs = dict_of(usage.get("input_tokens_details")), dict_of(usage.get("output_tokens_details"))
    return CompletionUsage(
        input=count_of(usage.get("input_tokens")),
        output=count_of(usage.get("output_tokens")),
        total=count_of(usage.get("total_tokens")),
        cached=count_of(inputs.get("cached_tokens")),
        # Sent as 0 with every answer, whether or not the model has such a price.
        cache_write=count_of(inputs.get("cache_write_tokens")) or None,
        reasoning=count_of(outputs.get("reasoning_tokens")),
    )


DIALECT: Final = Dialect(
    kind=KIND,
    framing="sse",
    build_request=build_request,
    reader=ResponsesReader,
    models_request=openai.models_request,
    read_models=openai.read_models,
    probe_request=openai.probe_request,
    lacks=frozenset({"stop", "seed"}),
)

create = partial(HttpLLM, DIALECT)
