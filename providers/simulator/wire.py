"""What a wire format is to the simulator: how each thing a model can say is put into bytes, and what a valid request is."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a wire format looks at it."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """The parsed JSON; None when there is none."""


@dataclass(slots=True)
class Said:
    """An answer as a whole."""

    text: str = ""
    comment: str = ""
    """What the model says of its work before the final answer."""
    thinking: str = ""
    refusal: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Name and arguments."""
    reason: str | None = None


def dump(value: Any) -> bytes:
    """Give `value` as JSON in UTF-8, characters unescaped as most servers send them; half a surrogate pair has no UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def sse(value: Any, event: str | None = None) -> bytes:
    """Give `value` as one server-sent event."""
    name = b"" if event is None else b"event: " + event.encode() + b"\n"
    return name + b"data: " + dump(value) + b"\n\n"


class Voice(ABC):
    """Puts the parts of one answer into bytes; an object lives for one answer and may keep state between the parts.

    Finish reasons are the common ones of `core/llm.py`. A part that the format does not have is b"".
    """

    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    comment: ClassVar[bytes] = b": keep-alive\n\n"
    terminator: ClassVar[bytes] = b""

    @abstractmethod
    def start(self) -> bytes:
        """What comes before the first content: metadata, the role."""

    @abstractmethod
    def alive(self) -> bytes:
        """A frame without content, after `start`."""

    @abstractmethod
    def text(self, piece: str) -> bytes: ...

    @abstractmethod
    def thinking(self, piece: str) -> bytes: ...

    def think_silently(self) -> bytes:
        """What shows that the model begins to think, and nothing of what."""
        return b""

    def comment_on(self, piece: str) -> bytes:
        """Commentary on the work, in a message of its own; text like any other where the format knows none."""
        return self.text(f"{piece}\n\n")

    @abstractmethod
    def refusal(self, piece: str) -> bytes:
        """A refusal in words of its own kind; plain text where there is none."""

    @abstractmethod
    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes: ...

    @abstractmethod
    def finish(self, reason: str) -> bytes: ...

    @abstractmethod
    def usage(self) -> bytes:
        """Token counts, where they are a frame of their own."""

    @abstractmethod
    def error(self, message: str) -> bytes:
        """An error inside a 200."""

    def end(self) -> bytes:
        """What is still to be sent before the body ends properly."""
        return b""

    def cut(self) -> bytes:
        """What is still to be sent before the body is broken off here."""
        return b""


class WireFormat(Voice):
    """A format's streamed answers, its documents and its rules for requests."""

    def __init__(self, model: str) -> None:
        self.model = model

    @staticmethod
    @abstractmethod
    def problems(asked: Asked) -> list[str]:
        """Say what a strict server would reject."""

    @staticmethod
    @abstractmethod
    def wants_stream(asked: Asked) -> bool:
        """Say whether the answer is to be streamed."""

    @staticmethod
    def model_of(asked: Asked) -> str | None:
        """Give the model that is asked for."""
        return asked.body.get("model") if isinstance(asked.body, dict) else None

    @abstractmethod
    def whole(self, said: Said) -> Any:
        """The answer as one JSON document."""

    @staticmethod
    @abstractmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        """The JSON document of an HTTP error."""

    @staticmethod
    @abstractmethod
    def models(names: tuple[str, ...]) -> Any:
        """The list of models."""


class Whole(Voice):
    """The same parts for a client that asked for one JSON document: gathered, then sent whole or broken off in the middle."""

    stream_type = "application/json"
    comment = b"\n"

    def __init__(self, wire: WireFormat) -> None:
        self._wire = wire
        self._said = Said()
        self._pending = False

    def start(self) -> bytes:
        return b""

    def alive(self) -> bytes:
        return b" "

    def text(self, piece: str) -> bytes:
        self._said.text += piece
        return self._gather()

    def thinking(self, piece: str) -> bytes:
        self._said.thinking += piece
        return self._gather()

    def comment_on(self, piece: str) -> bytes:
        self._said.comment += piece
        return self._gather()

    def refusal(self, piece: str) -> bytes:
        self._said.refusal += piece
        return self._gather()

    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes:
        self._said.calls.append((name, arguments))
        return self._gather()

    def finish(self, reason: str) -> bytes:
        self._said.reason = reason
        return self._gather()

    def usage(self) -> bytes:
        return b""

    def error(self, message: str) -> bytes:
        self._pending = False
        return dump(self._wire.error_body(500, message, None))

    def end(self) -> bytes:
        return self._release() if self._said.reason else self.cut()

    def cut(self) -> bytes:
        data = self._release()
        return data[: len(data) // 2]

    def _gather(self) -> bytes:
        self._pending = True
        return b""

    def _release(self) -> bytes:
        pending, self._pending = self._pending, False
        return dump(self._wire.whole(self._said)) if pending else b""
