"""OpenAI Responses: typed events about items, ended by the event that carries the whole response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator.strict import known_keys, named, posted_json
from fallback_chat.providers.simulator.wire import Said, WireFormat, sse
from fallback_chat.providers.simulator.wire_openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

KEYS: Final = frozenset(
    {"model", "input", "instructions", "max_output_tokens", "reasoning", "text", "tools", "tool_choice", "store"}
    | {"parallel_tool_calls", "truncation", "include", "stream", "stream_options", "temperature", "top_p", "metadata"}
    | {"prompt_cache_key", "service_tier", "previous_response_id", "safety_identifier"}
)
INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
USAGE: Final = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
LEAST_CAP: Final = 16


class Responses(WireFormat):
    """`response.created`, items and their deltas, then `response.completed` or `response.incomplete`."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._said = Said()
        self._sequence = 0
        self._index = -1
        self._open: str | None = None
        """The kind of delta that the open item takes."""

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        return [*posted_json(asked), *known_keys(asked.body, KEYS), *named(asked.body), *_body(asked.body)]

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.body.get("stream") is True

    def start(self) -> bytes:
        return self._event("response.created", response=self._response("in_progress")) + self.alive()

    def alive(self) -> bytes:
        return self._event("response.in_progress", response=self._response("in_progress"))

    def text(self, piece: str) -> bytes:
        self._said.text += piece
        return self._in_message("output_text") + self._delta("response.output_text.delta", piece, content_index=0)

    def refusal(self, piece: str) -> bytes:
        self._said.refusal += piece
        return self._in_message("refusal") + self._delta("response.refusal.delta", piece, content_index=0)

    def thinking(self, piece: str) -> bytes:
        self._said.thinking += piece
        opened = b"" if self._open == "reasoning" else self._add("reasoning", {"type": "reasoning", "summary": []})
        return opened + self._delta("response.reasoning_summary_text.delta", piece, summary_index=0)

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        self._said.calls.append((name, arguments))
        (item,) = (item for item in self._items(self._said) if item["type"] == "function_call")
        opened = self._add("call", {**item, "arguments": ""})
        delta = self._delta("response.function_call_arguments.delta", item["arguments"])
        return opened + delta + self._event("response.output_item.done", output_index=self._index, item=item)

    def finish(self, reason: str) -> bytes:
        self._said.reason = reason
        response = self.whole(self._said)
        return self._event(f"response.{response['status']}", response=response)

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        return self._event("error", code="server_error", message=message, param=None)

    def whole(self, said: Said) -> Any:
        why = INCOMPLETE.get(said.reason or "stop")
        response = self._response("incomplete" if why else "completed")
        details = {"reason": why} if why else None
        return {**response, "output": self._items(said), "incomplete_details": details, "usage": USAGE}

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        return OpenAI.error_body(status, message, code)

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        return OpenAI.models(names)

    @staticmethod
    def _items(said: Said) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if said.thinking:
            summary = [{"type": "summary_text", "text": said.thinking}]
            items.append({"id": "item_sim", "type": "reasoning", "summary": summary})
        parts: list[dict[str, Any]] = []
        if said.text:
            parts.append({"type": "output_text", "text": said.text, "annotations": []})
        if said.refusal:
            parts.append({"type": "refusal", "refusal": said.refusal})
        if parts:
            message = {"id": "item_sim", "type": "message", "role": "assistant", "status": "completed"}
            items.append({**message, "content": parts})
        for number, (name, arguments) in enumerate(said.calls, 1):
            call = {"id": "item_sim", "type": "function_call", "call_id": f"call_sim{number}", "name": name}
            items.append({**call, "arguments": json.dumps(arguments)})
        return items

    def _in_message(self, part: str) -> bytes:
        if self._open == part:
            return b""
        opened = self._add(part, {"type": "message", "role": "assistant", "status": "in_progress", "content": []})
        key = "refusal" if part == "refusal" else "text"
        content = {"type": part, key: ""}
        index = {"item_id": "item_sim", "output_index": self._index, "content_index": 0}
        return opened + self._event("response.content_part.added", **index, part=content)

    def _add(self, kind: str, item: dict[str, Any]) -> bytes:
        self._open = kind
        self._index += 1
        return self._event("response.output_item.added", output_index=self._index, item={"id": "item_sim", **item})

    def _delta(self, name: str, piece: str, **index: int) -> bytes:
        return self._event(name, item_id="item_sim", output_index=self._index, **index, delta=piece)

    def _response(self, status: str) -> dict[str, Any]:
        head = {"id": "resp_sim", "object": "response", "created_at": 1, "model": self.model}
        return {**head, "status": status, "error": None, "incomplete_details": None, "output": [], "usage": None}

    def _event(self, name: str, **fields: Any) -> bytes:
        frame = sse({"type": name, "sequence_number": self._sequence, **fields}, name)
        self._sequence += 1
        return frame


def _body(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    if not isinstance(body.get("input"), str | list) or not body["input"]:
        yield "`input` is neither text nor a list of items"
        return
    cap = body.get("max_output_tokens", LEAST_CAP)
    if type(cap) is not int or cap < LEAST_CAP:
        yield f"`max_output_tokens` is {cap!r}, not a number from {LEAST_CAP}"
    if "stop" in body:
        yield "`stop` is not known here"
    calls: set[str] = set()
    for item in body["input"] if isinstance(body["input"], list) else ():
        if item.get("type") == "function_call":
            calls.add(item.get("call_id"))
        if item.get("type") == "function_call_output" and item.get("call_id") not in calls:
            yield f"{item.get('call_id')!r} answers no call"
