"""OpenAI Chat Completions, as the vendor's own server speaks it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator.shapes_openai import CHAT
from fallback_chat.providers.simulator.strict import problems
from fallback_chat.providers.simulator.strict_openai import envelope, rules
from fallback_chat.providers.simulator.wire import Said, WireFormat, sse

if TYPE_CHECKING:
    from fallback_chat.providers.simulator.wire import Asked

TOKENS: Final = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
REASONS: Final = {"refusal": "stop"}
"""Common finish reasons that this format spells differently."""


class OpenAI(WireFormat):
    """Frames of `chat.completion.chunk`, ended by `[DONE]`."""

    terminator = b"data: [DONE]\n\n"

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        return problems(asked, CHAT, rules, *envelope(asked))

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.body.get("stream") is True

    def start(self) -> bytes:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def alive(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, piece: str) -> bytes:
        return self._chunk({"content": piece})

    def thinking(self, piece: str) -> bytes:
        return self._chunk({"reasoning_content": piece})

    def refusal(self, piece: str) -> bytes:
        return self._chunk({"refusal": piece})

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        text = json.dumps(arguments)
        begin = {"index": 0, "id": "call_sim1", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": part}} for part in (text[:3], text[3:])]
        return b"".join(self._chunk({"tool_calls": [piece]}) for piece in [begin, *pieces])

    def finish(self, reason: str) -> bytes:
        return self._chunk({}, REASONS.get(reason, reason))

    def usage(self) -> bytes:
        return sse({**self._head(), "choices": [], "usage": TOKENS})

    def error(self, message: str) -> bytes:
        return sse(self.error_body(500, message, None))

    def whole(self, said: Said) -> Any:
        calls = [
            {"id": f"call_sim{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for n, (name, arguments) in enumerate(said.calls, 1)
        ]
        message = {
            "role": "assistant",
            "content": said.text or None,
            "refusal": said.refusal or None,
            **({"reasoning_content": said.thinking} if said.thinking else {}),
            **({"tool_calls": calls} if calls else {}),
        }
        reason = said.reason or "stop"
        choice = {"index": 0, "message": message, "finish_reason": REASONS.get(reason, reason)}
        return {**self._head(), "object": "chat.completion", "choices": [choice], "usage": TOKENS}

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "simulator"} for name in names]
        return {"object": "list", "data": data}

    def _head(self) -> dict[str, Any]:
        return {"id": "chatcmpl-sim", "object": "chat.completion.chunk", "created": 1, "model": self.model}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return sse({**self._head(), "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
