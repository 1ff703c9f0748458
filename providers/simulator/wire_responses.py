"""OpenAI Responses: typed events about items, ended by the event with the whole response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator.shapes_openai import RESPONSES
from fallback_chat.providers.simulator.strict import problems
from fallback_chat.providers.simulator.wire import Said, WireFormat, sse
from fallback_chat.providers.simulator.wire_openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

INCOMPLETE: Final = {"length": "max_output_tokens"} | {
    word: word for word in ("content_filter", "max_messages", "steered")
}
"""Reasons of an incomplete response, by the common finish or by their own name."""
COMPLETE: Final = ("stop", "tool_calls", "refusal")
STATES: Final = ("cancelled", "in_progress", "queued")
"""Other statuses of a response."""
USAGE: Final = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}
PARTS: Final = {"output_text": "text", "refusal": "refusal"}
"""The key of each part's text."""


class Responses(WireFormat):
    """`response.created`, items with all their events, then the `response` that ends it."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._sequence = 0
        self._items: list[dict[str, Any]] = []
        """The finished items."""
        self._open: dict[str, Any] | None = None
        """The item in progress."""
        self._part: str | None = None
        """The type of its open part."""
        self._said = ""
        """The text of that part."""

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        return problems(asked, RESPONSES, _rules)

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.body.get("stream") is True

    def start(self) -> bytes:
        return self._event("response.created", response=self._response("in_progress")) + self.alive()

    def alive(self) -> bytes:
        return self._event("response.in_progress", response=self._response("in_progress"))

    def text(self, piece: str) -> bytes:
        phase = "final_answer" if any(item.get("phase") or item is self._open for item in self._spoken()) else None
        return self._speak("output_text", piece, phase)

    def comment_on(self, piece: str) -> bytes:
        return self._speak("output_text", piece, "commentary")

    def refusal(self, piece: str) -> bytes:
        return self._speak("refusal", piece, None)

    def thinking(self, piece: str) -> bytes:
        opened = self.think_silently()
        if self._part is None:
            self._part = "summary_text"
            opened += self._of_item("reasoning_summary_part.added", summary_index=0, part=_part("summary_text", ""))
        self._said += piece
        return opened + self._of_item("reasoning_summary_text.delta", summary_index=0, delta=piece)

    def think_silently(self) -> bytes:
        if self._open is not None and self._open["type"] == "reasoning":
            return b""
        return self._add({"type": "reasoning", "summary": []})

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        said = json.dumps(arguments)
        call = {
            "type": "function_call",
            "call_id": f"call_sim{len(self._items)}",
            "name": name,
            "status": "in_progress",
        }
        opened = self._add(call | {"arguments": ""})
        assert self._open is not None
        self._open |= {"arguments": said, "status": "completed"}
        return (
            opened
            + self._of_item("function_call_arguments.delta", delta=said)
            + self._of_item("function_call_arguments.done", arguments=said)
            + self._close()
        )

    def finish(self, reason: str) -> bytes:
        closed = self._close()
        response = self._finished(reason, self._items)
        stage = response["status"] if response["status"] not in STATES else "completed"
        return closed + self._event(f"response.{stage}", response=response)

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        return self._event("error", code="server_error", message=message, param=None)

    def whole(self, said: Said) -> Any:
        parts = [
            {"type": "reasoning", "summary": [_part("summary_text", said.thinking)]} if said.thinking else None,
            _message("output_text", said.comment, "commentary") if said.comment else None,
            _message("output_text", said.text, "final_answer" if said.comment else None) if said.text else None,
            _message("refusal", said.refusal, None) if said.refusal else None,
        ]
        items = [part for part in parts if part is not None]
        items += [
            {"type": "function_call", "call_id": f"call_sim{number}", "name": name, "arguments": json.dumps(arguments)}
            | {"status": "completed"}
            for number, (name, arguments) in enumerate(said.calls, 1)
        ]
        return self._finished(said.reason or "stop", [_named(item, number) for number, item in enumerate(items)])

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        return OpenAI.error_body(status, message, code)

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        return OpenAI.models(names)

    def _spoken(self) -> list[dict[str, Any]]:
        """Return the messages so far."""
        items = [*self._items, *([self._open] if self._open is not None else [])]
        return [item for item in items if item["type"] == "message" and item.get("phase")]

    def _speak(self, part: str, piece: str, phase: str | None) -> bytes:
        opened = b""
        if self._part != part or (self._open or {}).get("phase") != phase:
            opened = self._add(_message(part, "", phase) | {"status": "in_progress", "content": []})
            self._part = part
            opened += self._of_item("content_part.added", content_index=0, part=_part(part, ""))
        self._said += piece
        more: dict[str, Any] = {"logprobs": []} if part == "output_text" else {}
        return opened + self._of_item(f"{part}.delta", content_index=0, delta=piece, **more)

    def _add(self, item: dict[str, Any]) -> bytes:
        closed = self._close()
        self._open = _named(item, len(self._items))
        return closed + self._event("response.output_item.added", output_index=len(self._items), item=dict(self._open))

    def _close(self) -> bytes:
        """Finish the open item: its `done` events repeat all of its text."""
        if self._open is None:
            return b""
        item, part, said = self._open, self._part, self._said
        closed = b""
        if part == "summary_text":
            closed += self._of_item("reasoning_summary_text.done", summary_index=0, text=said)
            closed += self._of_item("reasoning_summary_part.done", summary_index=0, part=_part(part, said))
            item["summary"] = [_part(part, said)]
        elif part is not None:
            more: dict[str, Any] = {"logprobs": []} if part == "output_text" else {}
            closed += self._of_item(f"{part}.done", content_index=0, **{PARTS[part]: said}, **more)
            closed += self._of_item("content_part.done", content_index=0, part=_part(part, said))
            item |= {"content": [_part(part, said)], "status": "completed"}
        if item["type"] == "reasoning":
            item["encrypted_content"] = "sealed"
        closed += self._event("response.output_item.done", output_index=len(self._items), item=item)
        self._items.append(item)
        self._open, self._part, self._said = None, None, ""
        return closed

    def _finished(self, reason: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        why = INCOMPLETE.get(reason) or (None if reason in (*COMPLETE, *STATES) else reason)
        status = "incomplete" if why else reason if reason in STATES else "completed"
        details = {"reason": why} if why else None
        return {**self._response(status), "output": list(items), "incomplete_details": details, "usage": USAGE}

    def _response(self, status: str) -> dict[str, Any]:
        head = {"id": "resp_sim", "object": "response", "created_at": 1, "model": self.model, "status": status}
        asked = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}, "instructions": None}
        return {**head, **asked, "error": None, "incomplete_details": None, "output": [], "usage": None}

    def _of_item(self, name: str, /, **fields: Any) -> bytes:
        assert self._open is not None
        return self._event(f"response.{name}", item_id=self._open["id"], output_index=len(self._items), **fields)

    def _event(self, name: str, /, **fields: Any) -> bytes:
        frame = sse({"type": name, "sequence_number": self._sequence, **fields}, name)
        self._sequence += 1
        return frame


def _part(kind: str, said: str) -> dict[str, Any]:
    part = {"type": kind, PARTS.get(kind, "text"): said}
    return part | {"annotations": [], "logprobs": []} if kind == "output_text" else part


def _message(part: str, said: str, phase: str | None) -> dict[str, Any]:
    message = {"type": "message", "role": "assistant", "status": "completed", "content": [_part(part, said)]}
    return message | ({"phase": phase} if phase else {})


def _named(item: dict[str, Any], number: int) -> dict[str, Any]:
    prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}[item["type"]]
    return {"id": f"{prefix}_sim{number}", **item}


def _rules(body: dict[str, Any]) -> Iterator[str]:
    calls: set[str] = set()
    for item in body["input"] if isinstance(body["input"], list) else ():
        if item.get("type") == "function_call":
            calls.add(item["call_id"])
        if item.get("type") == "function_call_output" and item["call_id"] not in calls:
            yield f"{item['call_id']!r} answers no call"
