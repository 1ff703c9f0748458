"""The conversation in a neutral form: what was said, independent of any vendor's wire format.

State that belongs to one vendor (thinking signatures, encrypted reasoning) rides along in `ChatMessage.extras`, tagged with
the kind and model that made it, and is sent only to that one again.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Text(NamedTuple):
    """A piece of text."""

    text: str


class Image(NamedTuple):
    """A picture, by its bytes."""

    media_type: str
    """`image/png`, `image/jpeg`, `image/gif` or `image/webp`."""
    data: bytes

    @property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode("ascii")


class Document(NamedTuple):
    """A file that the provider reads itself (PDF)."""

    media_type: str
    data: bytes
    filename: str

    @property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode("ascii")


Part = Text | Image | Document


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    """1 to 64 letters, digits, `_` or `-`."""
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments (an object schema)."""


class ToolCall(NamedTuple):
    """The model's wish to have a tool run."""

    id: str
    name: str
    arguments: str
    """JSON text of an object."""


class ToolResult(NamedTuple):
    """What a tool returned for one call."""

    call_id: str
    output: str
    is_error: bool = False


class VendorExtra(NamedTuple):
    """Opaque state that only the provider kind and model that made it can read."""

    kind: str
    model: str
    data: Any
    origin: str = ""
    """Fingerprint of the account that made it (kind, base URL, key and model); it is sent to no other."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of one speaker."""

    role: Role
    content: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    """Only with `Role.TOOL`: one per call of the assistant message before it."""
    reasoning: str = ""
    """The model's reasoning as text; shown, never sent as text."""
    extras: tuple[VendorExtra, ...] = ()
    complete: bool = True
    """False for an answer that was cut, stopped by the user or refused."""
    refused: bool = False
    """An answer that the provider broke off because of what it is about; no provider is told of it again."""

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class ChatContext:
    """A conversation; adding to it gives a new one."""

    messages: tuple[ChatMessage, ...] = field(default=())

    @classmethod
    def from_text(cls, text: str, *, system: str | None = None) -> ChatContext:
        """Make a conversation of one user message, with a system prompt in front where one is given."""
        context = cls()
        if system:
            context = context.add(Role.SYSTEM, system)
        return context.add(Role.USER, text)

    def add(self, role: Role | str, content: str | tuple[Part, ...]) -> ChatContext:
        """Give a conversation with one more message of `role`."""
        parts = (Text(content),) if isinstance(content, str) else content
        return self.add_message(ChatMessage(Role(role), parts))

    def add_message(self, message: ChatMessage) -> ChatContext:
        """Give a conversation with `message` at its end."""
        return replace(self, messages=(*self.messages, message))

    @property
    def system(self) -> str:
        """All system messages, joined with blank lines (many servers take only one)."""
        return "\n\n".join(m.text for m in self.messages if m.role is Role.SYSTEM and m.text)

    @property
    def estimated_tokens(self) -> int:
        """About how many tokens it takes; rather too few than too many, since no model's tokenizer is asked."""
        characters = attachments = 0
        for message in self.messages:
            texts = [part.text for part in message.content if isinstance(part, Text)]
            attachments += len(message.content) - len(texts)
            characters += sum(map(len, texts))
            characters += sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
            characters += sum(len(result.output) for result in message.tool_results)
        per_message, per_attachment = 4, 250
        # English prose has 4 characters in a token; code and other languages have fewer.
        return characters // 4 + per_message * len(self.messages) + per_attachment * attachments

    @property
    def turns(self) -> tuple[ChatMessage, ...]:
        """The messages without the system messages."""
        return tuple(m for m in self.messages if m.role is not Role.SYSTEM)
