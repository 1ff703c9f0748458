"""The simulator's view of a wire format: how to say things, and what a valid request is."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a wire format sees it."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str]
    """With names in lower case."""
    body: Any
    """The parsed JSON; None if there is none."""


@dataclass(slots=True)
class Said:
    """A complete answer."""

    text: str = ""
    comment: str = ""
    """The model's comments on its work before the final answer."""
    thinking: str = ""
    refusal: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Name and arguments."""
    reason: str | None = None


def dump(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8, unescaped as most servers send it.

    Half a surrogate pair, which has no UTF-8, is escaped.
    """
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def sse(value: Any, event: str | None = None) -> bytes:
    """Return `value` as one server-sent event."""
    name = b"" if event is None else b"event: " + event.encode() + b"\n"
    return name + b"data: " + dump(value) + b"\n\n"


class Voice(ABC):
    """Turns the parts of one answer into bytes; it may keep state between them.

    Finish reasons are the common ones of `core/llm.py`. A part that the format lacks is b"".
    """

    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    comment: ClassVar[bytes] = b": keep-alive\n\n"
    terminator: ClassVar[bytes] = b""

    @abstractmethod
    def start(self) -> bytes:
        """Return what precedes the first content: metadata, the role."""

    @abstractmethod
    def alive(self) -> bytes:
        """Return a frame without content, after `start`."""

    @abstractmethod
    def text(self, piece: str) -> bytes: ...

    @abstractmethod
    def thinking(self, piece: str) -> bytes: ...

    def think_silently(self) -> bytes:
        """Return a sign that the model begins to think, without any thought."""
        return b""

    def comment_on(self, piece: str) -> bytes:
        """Return commentary in a message of its own, or as text in a format without any."""
        return self.text(f"{piece}\n\n")

    @abstractmethod
    def refusal(self, piece: str) -> bytes:
        """Return a refusal in the format's own form, or else as plain text."""

    @abstractmethod
    def tool_call(self, name: str, arguments: dict[str, Any]) -> bytes: ...

    @abstractmethod
    def finish(self, reason: str) -> bytes: ...

    @abstractmethod
    def usage(self) -> bytes:
        """Return token counts, if they are a separate frame."""

    @abstractmethod
    def error(self, message: str) -> bytes:
        """Return an error inside a 200."""

    def end(self) -> bytes:
        """Return what is left to send before the body ends properly."""
        return b""

    def cut(self) -> bytes:
        """Return what is left to send before the body breaks off here."""
        return b""


class WireFormat(Voice):
    """A format's streamed answers, its documents and its rules for requests."""

    def __init__(self, model: str) -> None:
        self.model = model

    @staticmethod
    @abstractmethod
    def problems(asked: Asked) -> list[str]:
        """Return what a strict server would reject."""

    @staticmethod
    @abstractmethod
    def wants_stream(asked: Asked) -> bool:
        """Whether the answer is to be streamed."""

    @staticmethod
    def model_of(asked: Asked) -> str | None:
        """Return the requested model."""
        return asked.body.get("model") if isinstance(asked.body, dict) else None

    @abstractmethod
    def whole(self, said: Said) -> Any:
        """Return the answer as one JSON document."""

    @staticmethod
    @abstractmethod
    def error_body(status: int, message: str, code: str | None) -> Any:
        """Return the JSON document of an HTTP error."""

    @staticmethod
    @abstractmethod
    def models(names: tuple[str, ...]) -> Any:
        """Return the list of models."""


class Whole(Voice):
    """Gathers the same parts into one JSON document, sent complete or broken off in the middle."""

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
        if type(self._wire).comment_on is Voice.comment_on:
            return super().comment_on(piece)
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
