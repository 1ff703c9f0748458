"""Anthropic Messages: named events, content in numbered blocks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fallback_chat.providers.simulator.shapes_anthropic import MESSAGES
from fallback_chat.providers.simulator.strict import first_speaker, problems
from fallback_chat.providers.simulator.wire import Said, WireFormat, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")


class Anthropic(WireFormat):
    """`message_start`, blocks, `message_delta`, `message_stop`."""

    terminator: ClassVar[bytes] = sse({"type": "message_stop"}, "message_stop")

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._index = -1
        self._open: str | None = None
        """The type of the open block."""

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        return problems(asked, MESSAGES, _rules, *_headers(asked))

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.body.get("stream") is True

    def start(self) -> bytes:
        message = self._message([], None)
        return self._event("message_start", message=message)

    def alive(self) -> bytes:
        return self._event("ping")

    def text(self, piece: str) -> bytes:
        return self._in_block({"type": "text", "text": ""}) + self._delta({"type": "text_delta", "text": piece})

    def thinking(self, piece: str) -> bytes:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        return self._in_block(block) + self._delta({"type": "thinking_delta", "thinking": piece})

    def think_silently(self) -> bytes:
        return self._in_block({"type": "thinking", "thinking": "", "signature": ""})

    def refusal(self, piece: str) -> bytes:
        return self.text(piece)

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        block = {"type": "tool_use", "id": "toolu_sim1", "name": name, "input": {}}
        pieces = ["", json.dumps(arguments)]
        deltas = [self._delta({"type": "input_json_delta", "partial_json": piece}) for piece in pieces]
        return self._close() + self._in_block(block) + b"".join(deltas)

    def finish(self, reason: str) -> bytes:
        delta = {"stop_reason": REASONS.get(reason, reason), "stop_sequence": None}
        return self._close() + self._event("message_delta", delta=delta, usage={"output_tokens": 5})

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        return sse(self.error_body(500, message, None), "error")

    def whole(self, said: Said) -> Any:
        blocks: list[dict[str, Any]] = []
        if said.thinking:
            blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "sim"})
        if said.text or said.refusal:
            blocks.append({"type": "text", "text": said.text or said.refusal})
        for number, (name, arguments) in enumerate(said.calls, 1):
            blocks.append({"type": "tool_use", "id": f"toolu_sim{number}", "name": name, "input": arguments})
        reason = said.reason or "stop"
        return self._message(blocks, REASONS.get(reason, reason))

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        del code
        kind = ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sim"}

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        data = [{"type": "model", "id": name, "display_name": name, "max_input_tokens": 200_000} for name in names]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}

    def _message(self, content: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        usage = {"input_tokens": 7, "output_tokens": 5}
        head = {"id": "msg_sim", "type": "message", "role": "assistant", "model": self.model}
        return {**head, "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def _in_block(self, block: dict[str, Any]) -> bytes:
        """Open a block of this type, unless one is open."""
        if self._open == block["type"]:
            return b""
        closed = self._close()
        self._index += 1
        self._open = block["type"]
        return closed + self._event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        signed = self._delta({"type": "signature_delta", "signature": "sim"}) if self._open == "thinking" else b""
        self._open = None
        return signed + self._event("content_block_stop", index=self._index)

    @staticmethod
    def _event(name: str, **fields: Any) -> bytes:
        return sse({"type": name, **fields}, name)


def _headers(asked: Asked) -> Iterator[str]:
    if asked.headers.get("anthropic-version") not in ("2023-06-01", "2026-10-21"):
        yield f"the anthropic-version is {asked.headers.get('anthropic-version')!r}"
    if "x-api-key" in asked.headers and "authorization" in asked.headers:
        yield "two keys: x-api-key and Authorization"


def _rules(body: dict[str, Any]) -> Iterator[str]:
    yield from first_speaker(body["messages"], "messages", "user")
    for n, message in enumerate(body["messages"]):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            yield f"messages[{n}]: there is no content"
        for block in blocks:
            if block["type"] == "text" and not block["text"]:
                yield f"messages[{n}]: text blocks must not be empty"
            for key in ("id", "tool_use_id"):
                if key in block and not TOOL_ID.fullmatch(block[key]):
                    yield f"messages[{n}]: {block[key]!r} is no tool id"
    budget = body.get("thinking", {}).get("budget_tokens", 0)
    if budget >= body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"
