"""Whether a rejection blames the conversation itself.

If two providers do so, the input is bad, and a third need not be asked. So doubt favours the input:
anything that another provider may judge differently proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.failures.blame import facts_of, says
from fallback_chat.providers.failures.rows import BLUNDERS

if TYPE_CHECKING:
    from fallback_chat.providers.failures.reader import ServerFailure

CODES: Final = frozenset(
    {
        "openrouter:invalid_prompt", "openrouter:invalid_image", "openrouter:unsupported_image_format",
        "openrouter:image_too_small", "invalid_image", "invalid_image_format", "invalid_base64_image", "image_parse_error",
        "image_too_small", "empty_image_file", "unsupported_image_media_type", "invalid_function_parameters",
        "invalid_request_message_order", "image_dimensions_too_large", "tool_name_conflict",
    }
)  # fmt: skip
"""Codes about the conversation."""

PHRASES: Final = (
    *(f"param:{name}" for name in ("messages", "input", "contents", "content", "prompt", "system", "tools", "functions")),
    "messages.", "messages[", "messages:", "'messages", "`messages", '"messages', "contents[", "contents.", "contents is",
    "input[", "input.", "'input", "message must", "messages must", "user message", "assistant message", "system message",
    "tool message", "last message", "first message", "invalid message", "must alternate", "tool_call", "tool call",
    "tool_use", "tool_result", "non-empty", "must not be empty", "cannot be empty", "content must", "empty content",
    "image", "base64", "pdf", "schema",
)  # fmt: skip
"""How a sentence, or the rejected parameter, names the conversation."""

SPARING: Final = (
    *BLUNDERS,
    "no endpoints",
    "not support", "n't support", "unsupported", "not allow", "not permit", "not available", "not enabled", "unrecognized",
    "unknown", "must be verified", "signature", "encrypted", "thinking", "reasoning", "this model", "for model", "max_tokens",
    "does not have", "deprecated", "too big", "too large", "too long", "too many", "exceed", "limit", "longer", "larger", "maximum",
    "length", "size", "capacity",
)  # fmt: skip
"""Exceptions that another provider may judge differently: mistakes of the model, features, sealed
state, and sizes of all kinds."""


def blames_input(failure: ServerFailure, kind: ErrorKind) -> bool:
    """Whether `failure`, of the given kind, blames the conversation."""
    if kind is not ErrorKind.BAD_REQUEST:
        return False
    facts = facts_of(failure)
    if any(says(phrase, facts.text) for phrase in SPARING):
        return False
    return bool(facts.codes & CODES) or any(says(phrase, facts.text) for phrase in PHRASES)
