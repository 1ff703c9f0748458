"""Ollama's own `/api/chat`: one JSON object per line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from fallback_chat.providers.simulator.shapes_ollama import OLLAMA
from fallback_chat.providers.simulator.strict import problems
from fallback_chat.providers.simulator.wire import Said, WireFormat, dump

if TYPE_CHECKING:
    from fallback_chat.providers.simulator.wire import Asked

COUNTS: Final = {"total_duration": 2, "load_duration": 1, "prompt_eval_count": 7, "eval_count": 5, "eval_duration": 1}

REASONS: Final = dict.fromkeys(("tool_calls", "content_filter", "refusal"), "stop")
"""Common finish reasons that this format does not know."""


class Ollama(WireFormat):
    """Lines of `message`, the last one `done`; there is no filter, refusal or comment."""

    stream_type: ClassVar[str] = "application/x-ndjson"
    comment: ClassVar[bytes] = b"\n"

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        return problems(asked, OLLAMA, lambda _: ())

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.body.get("stream") is not False

    def start(self) -> bytes:
        return self.alive()

    def alive(self) -> bytes:
        return self._line({"content": ""})

    def text(self, piece: str) -> bytes:
        return self._line({"content": piece})

    def thinking(self, piece: str) -> bytes:
        return self._line({"content": "", "thinking": piece})

    def refusal(self, piece: str) -> bytes:
        return self.text(piece)

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        return self._line({"content": "", "tool_calls": [{"function": {"name": name, "arguments": arguments}}]})

    def finish(self, reason: str) -> bytes:
        return dump(self._object({"content": ""}, reason)) + b"\n"

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        return dump({"error": message}) + b"\n"

    def whole(self, said: Said) -> Any:
        message: dict[str, Any] = {"content": said.text or said.refusal}
        if said.thinking:
            message["thinking"] = said.thinking
        if said.calls:
            message["tool_calls"] = [{"function": {"name": name, "arguments": given}} for name, given in said.calls]
        return self._object(message, said.reason or "stop")

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        del status, code
        return {"error": message}

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        return {"models": [{"name": name, "model": name, "size": 1, "details": {"family": "sim"}} for name in names]}

    def _line(self, message: dict[str, Any]) -> bytes:
        return dump(self._object(message, None)) + b"\n"

    def _object(self, message: dict[str, Any], reason: str | None) -> dict[str, Any]:
        head = {"model": self.model, "created_at": "2026-11-01T08:00:00Z", "message": {"role": "assistant", **message}}
        if reason is None:
            return {**head, "done": False}
        return {**head, "done": True, "done_reason": REASONS.get(reason, reason), **COUNTS}
