"""Google Gemini `streamGenerateContent`: whole responses as events, without a terminator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator.shapes_gemini import GENERATE, in_camel_case
from fallback_chat.providers.simulator.strict import first_speaker, problems
from fallback_chat.providers.simulator.wire import Said, WireFormat, sse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

REASONS: Final = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
}
STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
SIDE_KEYS: Final = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
"""Keys that may accompany the data of a part."""


class Gemini(WireFormat):
    """Frames of `GenerateContentResponse`."""

    @staticmethod
    def problems(asked: Asked) -> list[str]:
        streams = Gemini.wants_stream(asked)
        query = [] if asked.query == ("alt=sse" if streams else "") else [f"the query is {asked.query!r}"]
        return problems(replace(asked, body=in_camel_case(asked.body)), GENERATE, _rules, *query)

    @staticmethod
    def wants_stream(asked: Asked) -> bool:
        return asked.path.endswith(":streamGenerateContent")

    @staticmethod
    def model_of(asked: Asked) -> str | None:
        return asked.path.rpartition("/")[2].partition(":")[0]

    def start(self) -> bytes:
        return self.alive()

    def alive(self) -> bytes:
        return self._frame([{"text": ""}])

    def text(self, piece: str) -> bytes:
        return self._frame([{"text": piece}])

    def thinking(self, piece: str) -> bytes:
        return self._frame([{"text": piece, "thought": True}])

    def refusal(self, piece: str) -> bytes:
        return self.text(piece)

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        return self._frame([{"functionCall": {"name": name, "args": arguments}}])

    def finish(self, reason: str) -> bytes:
        return self._frame([], REASONS.get(reason, reason.upper()))

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        return sse(self.error_body(500, message, None))

    def whole(self, said: Said) -> Any:
        parts: list[dict[str, Any]] = [{"text": said.thinking, "thought": True}] if said.thinking else []
        if said.text or said.refusal:
            parts.append({"text": said.text or said.refusal})
        parts += [{"functionCall": {"name": name, "args": arguments}} for name, arguments in said.calls]
        return self._response(parts, REASONS.get(reason := said.reason or "stop", reason.upper()))

    @staticmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        del code
        default = "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"
        return {"error": {"code": status, "message": message, "status": STATUSES.get(status, default)}}

    @staticmethod
    def models(names: tuple[str, ...]) -> Any:
        methods = ["generateContent", "countTokens"]
        return {
            "models": [
                {"name": f"models/{name}", "inputTokenLimit": 1_048_576, "supportedGenerationMethods": methods}
                for name in names
            ]
        }

    def _frame(self, parts: list[dict[str, Any]], reason: str | None = None) -> bytes:
        return sse(self._response(parts, reason)).replace(b"\n", b"\r\n")

    def _response(self, parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0}
        if parts:
            candidate["content"] = {"parts": parts, "role": "model"}
        if reason:
            candidate["finishReason"] = reason
        usage = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self.model,
            "responseId": "sim",
        }


def _rules(body: dict[str, Any]) -> Iterator[str]:
    yield from first_speaker(body["contents"], "contents", "user")
    before = None
    for n, content in enumerate(body["contents"]):
        if content.get("role") == before:
            yield f"contents[{n}]: two turns of {before!r} in a row"
        before = content.get("role")
        for part in content["parts"]:
            data = part.keys() - SIDE_KEYS
            # A seal may stand alone: it belongs to the preceding text.
            if not data or (part.get("text") == "" and "thoughtSignature" not in part):
                yield f"contents[{n}]: a part has no data"
