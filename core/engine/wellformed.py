"""Validation of LLMs, perhaps third-party ones: a broken promise becomes a named failure."""

from __future__ import annotations

import logging
from asyncio import iscoroutine
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from fallback_chat.core.chat_context import ToolCall, VendorExtra
from fallback_chat.core.errors import APIConnectionError, APIError, APIStreamError, APITimeoutError, ErrorKind
from fallback_chat.core.json_text import loads
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from fallback_chat.core.redaction import quoted

if TYPE_CHECKING:
    from fallback_chat.core.llm import LLM, ChatOptions, LLMStream

logger = logging.getLogger(__name__)

_WORDS: Final = ("finish_raw", "finish_words", "id", "model")
_TEXTS: Final = ("content", "reasoning", "refusal")
_FLAGS: Final = ("thinking", "tool_fragment", "alive", "commentary")


def check_stream(stream: Any) -> LLMStream:
    """Return `stream`. Raises `APIError` of kind `bug` if `chat()` returned something else.

    Any async iterator will do, such as an async generator.
    """
    if hasattr(stream, "__anext__"):
        return cast("LLMStream", stream)
    if iscoroutine(stream):
        stream.close()  # a coroutine that nobody will await
        raise _wrong("chat()", "a plain function that returns LLMStream", stream)
    raise _wrong("what chat() returns", "LLMStream", stream)


def check_notices(notices: Any) -> tuple[str, ...]:
    """Return the notices of a stream; anything but strings is dropped and logged."""
    if isinstance(notices, tuple) and all(isinstance(text, str) for text in notices):
        return notices
    logger.error("notices must be a tuple of strings, not %r", notices)
    return ()


def thinks_silently(llm: LLM, options: ChatOptions | None) -> bool:
    """Whether `llm` says that it may think silently; an exception is logged and means no."""
    try:
        return llm.thinks_silently(options) is not None
    except Exception:
        logger.exception("thinks_silently() of %s failed", llm.label)
        return False


def check_chunk(chunk: Any) -> ChatChunk:
    """Return `chunk`. Raises `APIError` of kind `bug` for anything but a well-formed `ChatChunk`.

    A plain string as `finish_reason` becomes the member of `FinishReason` that it names.
    """
    if not isinstance(chunk, ChatChunk):
        raise _wrong("a chunk", "ChatChunk", chunk)
    if chunk.usage is not None and not isinstance(chunk.usage, CompletionUsage):
        raise _wrong("usage", "CompletionUsage", chunk.usage)
    if chunk.finish_reason is not None and not isinstance(chunk.finish_reason, FinishReason):
        chunk.finish_reason = _finish(chunk.finish_reason)
    if chunk.restarted is not False and chunk.restarted is not True:
        raise _wrong("restarted", "bool", chunk.restarted)
    for name in _WORDS:
        if (word := getattr(chunk, name)) is not None and not isinstance(word, str):
            raise _wrong(name, "str", word)
    if chunk.delta is not None:
        _check_delta(chunk.delta)
    return chunk


def _check_delta(delta: Any) -> None:
    if not isinstance(delta, ChoiceDelta):
        raise _wrong("delta", "ChoiceDelta", delta)
    for name in _TEXTS:
        if (text := getattr(delta, name)) is not None and not isinstance(text, str):
            raise _wrong(name, "str", text)
    for name in _FLAGS:
        if (flag := getattr(delta, name)) is not False and flag is not True:
            raise _wrong(name, "bool", flag)
    _check_lists(delta)


def _check_lists(delta: ChoiceDelta) -> None:
    for name, type_ in (("tool_calls", ToolCall), ("extras", VendorExtra)):
        values = getattr(delta, name)
        if not isinstance(values, Sequence) or isinstance(values, str | bytes):
            raise _wrong(name, f"a sequence of {type_.__name__}", values)
        for value in values:
            if not isinstance(value, type_):
                raise _wrong(name, f"a sequence of {type_.__name__}", value)


def _finish(word: Any) -> FinishReason:
    try:
        return FinishReason(word if isinstance(word, str) else "")
    except ValueError:
        raise _wrong("finish_reason", "FinishReason", word) from None


def _wrong(field: str, expected: str, got: object) -> APIError:
    return APIError(f"{field} must be {expected}, not {type(got).__name__}", kind=ErrorKind.BUG)


def check_arguments(calls: Sequence[ToolCall]) -> None:
    """Raise `APIStreamError` unless the arguments of each tool call are a JSON object.

    A call with other arguments must not run.
    """
    for call in calls:
        try:
            arguments = loads(call.arguments)
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise APIStreamError(f"the arguments of the tool call {quoted(call.name)} are not a JSON object")


def named(error: Exception, llm: LLM, *, committed: bool) -> APIError:
    """Return the failure that stands for what `llm` raised, before or after its first content."""
    match error:
        case APIError():
            return error
        case TimeoutError():
            return APITimeoutError(_said(error))
        case OSError() if committed:
            return APIStreamError(_said(error))
        case OSError():
            return APIConnectionError(_said(error))
        case _:
            logger.error("%s raised what a provider must not raise", llm.label, exc_info=error)
            ours = type(llm).__module__.startswith("fallback_chat.")
            hint = "this is a bug in fallback-chat: please report it where you got the program" if ours else None
            return APIError(_said(error), kind=ErrorKind.BUG, hint=hint)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def is_only_text(chunk: Any) -> bool:
    """Whether `chunk` is well-formed and holds text and nothing else."""
    return (
        type(chunk) is ChatChunk
        and chunk.finish_reason is None
        and chunk.usage is None
        and not chunk.restarted
        and type(delta := chunk.delta) is ChoiceDelta
        and type(delta.content) is str
        and type(chunk.model) is str
        and delta.reasoning is None
        and delta.refusal is None
        and delta.tool_calls == ()
        and delta.extras == ()
        and not delta.tool_fragment
    )
