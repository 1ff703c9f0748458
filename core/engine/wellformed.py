"""Checks of what somebody's own LLM returns: a chunk of the wrong type is that provider's failure, named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fallback_chat.core.chat_context import ToolCall, VendorExtra
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason

_TEXTS: Final = ("content", "reasoning", "refusal")


def check_chunk(chunk: Any) -> ChatChunk:
    """Return `chunk`, or raise `APIError` of kind `bug` that says what it is instead of a `ChatChunk`.

    A plain string as `finish_reason` is taken for the member of `FinishReason` that it names.
    """
    if not isinstance(chunk, ChatChunk):
        raise _wrong("a chunk", "ChatChunk", chunk)
    if chunk.usage is not None and not isinstance(chunk.usage, CompletionUsage):
        raise _wrong("usage", "CompletionUsage", chunk.usage)
    if chunk.finish_reason is not None and not isinstance(chunk.finish_reason, FinishReason):
        chunk.finish_reason = _finish(chunk.finish_reason)
    if chunk.finish_words is not None and not isinstance(chunk.finish_words, str):
        raise _wrong("finish_words", "str", chunk.finish_words)
    if chunk.delta is not None:
        _check_delta(chunk.delta)
    return chunk


def _check_delta(delta: Any) -> None:
    if not isinstance(delta, ChoiceDelta):
        raise _wrong("delta", "ChoiceDelta", delta)
    for name in _TEXTS:
        if (text := getattr(delta, name)) is not None and not isinstance(text, str):
            raise _wrong(name, "str", text)
    for name, type_ in (("tool_calls", ToolCall), ("extras", VendorExtra)):
        values = getattr(delta, name)
        if not isinstance(values, Sequence) or isinstance(values, str | bytes):
            raise _wrong(name, f"a sequence of {type_.__name__}", values)
        for value in values:
            if not isinstance(value, type_):
                raise _wrong(name, f"a sequence of {type_.__name__}", value)


def _finish(word: Any) -> FinishReason:
    try:
        return FinishReason(word)
    except ValueError:
        raise _wrong("finish_reason", "FinishReason", word) from None


def _wrong(field: str, expected: str, got: object) -> APIError:
    return APIError(f"{field} must be {expected}, not {type(got).__name__}", kind=ErrorKind.BUG)
