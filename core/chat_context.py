"""The conversation in a neutral form: what was said, independent of any vendor's wire format.

State that belongs to one vendor (thinking signatures, encrypted reasoning) travels in
`ChatMessage.extras`, tagged with the kind, model and account that made it, and is only sent back to
that one. Values are validated once, at construction: TypeError or ValueError names the field.
"""

from __future__ import annotations

import base64
from dataclasses import field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fallback_chat.core.checks import check_text, check_type, one_of, several
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable


class Role(StrEnum):
    """The author of a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str

    def __post_init__(self) -> None:
        check_text(self, "text")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, as bytes."""

    media_type: str
    """`image/png`, `image/jpeg`, `image/gif` or `image/webp`."""
    data: bytes

    def __post_init__(self) -> None:
        check_text(self, "media_type")
        check_type("data", self.data, bytes)

    @property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode("ascii")


@dataclass(frozen=True, slots=True)
class Document:
    """A file that the provider reads itself (PDF)."""

    media_type: str
    data: bytes
    filename: str

    def __post_init__(self) -> None:
        check_text(self, "media_type", "filename")
        check_type("data", self.data, bytes)

    @property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode("ascii")


Part = Text | Image | Document


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    """1 to 64 letters, digits, `_` or `-`."""
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments (an object schema)."""

    def __post_init__(self) -> None:
        check_text(self, "name", "description")
        check_type("parameters", self.parameters, dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's request to run a tool."""

    id: str
    name: str
    arguments: str
    """A JSON object, as text."""

    def __post_init__(self) -> None:
        check_text(self, "id", "name", "arguments")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool for one call."""

    call_id: str
    output: str
    is_error: bool = False

    def __post_init__(self) -> None:
        check_text(self, "call_id", "output")
        check_type("is_error", self.is_error, bool)


@dataclass(frozen=True, slots=True)
class VendorExtra:
    """Opaque state that only the account, kind and model that made it can read."""

    kind: str
    model: str
    data: Any
    origin: str = ""
    """Fingerprint of the account that made it (kind, base URL, key, model); never sent to another.
    """

    def __post_init__(self) -> None:
        check_text(self, "kind", "model", "origin")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of one speaker; `content` may be a string or a single part."""

    role: Role
    content: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    """Only with `Role.TOOL`: one for each call in the preceding assistant message."""
    reasoning: str = ""
    """The model's reasoning as text: shown, but never sent."""
    extras: tuple[VendorExtra, ...] = ()
    complete: bool = True
    """False for an answer that was cut off, stopped by the user or refused."""
    refused: bool = False
    """An answer that the provider broke off because of its subject; never resent to any provider.
    """

    def __post_init__(self) -> None:
        content: object = self.content
        parts = (Text(content),) if isinstance(content, str) else several("content", content, Text, Image, Document)
        object.__setattr__(self, "role", one_of("role", self.role, Role))
        object.__setattr__(self, "content", parts)
        object.__setattr__(self, "tool_calls", several("tool_calls", self.tool_calls, ToolCall))
        object.__setattr__(self, "tool_results", several("tool_results", self.tool_results, ToolResult))
        object.__setattr__(self, "extras", several("extras", self.extras, VendorExtra))
        check_text(self, "reasoning")
        check_type("complete", self.complete, bool)
        check_type("refused", self.refused, bool)

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class ChatContext:
    """An immutable conversation; adding to it returns a new one."""

    messages: tuple[ChatMessage, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", several("messages", self.messages, ChatMessage))

    @classmethod
    def from_text(cls, text: str, *, system: str | None = None) -> ChatContext:
        """Create a conversation from one user message, preceded by `system` if given."""
        check_type("text", text, str)
        check_type("system", system, str, none=True)
        context = cls()
        if system:
            context = context.add(Role.SYSTEM, system)
        return context.add(Role.USER, text)

    def add(self, role: Role | str, content: str | Part | Iterable[Part]) -> ChatContext:
        """Return the conversation with one more message from `role`.

        Raises ValueError for an unknown role, TypeError for content that is neither a string nor
        made of parts.
        """
        return self.add_message(ChatMessage(role, content))  # type: ignore[arg-type] # coerced there

    def add_message(self, message: ChatMessage) -> ChatContext:
        """Return the conversation with `message` appended."""
        check_type("message", message, ChatMessage)
        return replace(self, messages=(*self.messages, message))

    @property
    def system(self) -> str:
        """All system messages, joined with blank lines: many servers take only one."""
        return "\n\n".join(m.text for m in self.messages if m.role is Role.SYSTEM and m.text)

    @property
    def estimated_tokens(self) -> int:
        """A rough token count, low rather than high: no tokenizer is involved."""
        characters = attachments = 0
        for message in self.messages:
            texts = [part.text for part in message.content if isinstance(part, Text)]
            attachments += len(message.content) - len(texts)
            characters += sum(map(len, texts))
            characters += sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
            characters += sum(len(result.output) for result in message.tool_results)
        per_message, per_attachment = 4, 250
        # English prose has about 4 characters per token; code and other languages have fewer.
        return characters // 4 + per_message * len(self.messages) + per_attachment * attachments

    @property
    def turns(self) -> tuple[ChatMessage, ...]:
        """The messages other than system messages."""
        return tuple(m for m in self.messages if m.role is not Role.SYSTEM)
