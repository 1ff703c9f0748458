"""The health check of a provider over HTTP, at the lowest cost that proves something."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.errors import APIError, APIStreamError, APITimeoutError, ErrorKind
from fallback_chat.core.llm import ChatOptions, ChoiceDelta, FinishReason, ProbeReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.providers.http.fetch import JsonFetch
    from fallback_chat.providers.http.stream import HttpStream
    from fallback_chat.providers.wire.dialect import HttpRequest

OPTIONS: Final = ChatOptions(max_tokens=16)
"""The Responses API refuses fewer tokens, and a reasoning model with one token has none left to
answer with."""
QUESTION: Final = ChatContext.from_text("Reply with OK.")

_COULD_NOT_FINISH: Final = "could not finish the message"
"""In the 400 of a reasoning model whose limit was too low: it has understood, and works."""


async def probe_completion(stream: HttpStream, *, timeout: float, clock: Callable[[], float]) -> ProbeReport:  # noqa: ASYNC109
    """Read a minimal answer up to a finish of any kind; `timeout` is in seconds."""
    began = clock()
    first: float | None = None
    error: APIError | None = None
    answered = False
    try:
        async with asyncio.timeout(timeout), stream:
            async for chunk in stream:
                delta = chunk.delta or ChoiceDelta()
                if first is None and is_output(delta):
                    first = clock() - began
                answered = answered or answers_probe(delta) or chunk.finish_reason is FinishReason.LENGTH
                if chunk.finish_reason is not None:
                    break
        if not answered:
            error = APIStreamError("the answer to a probe has no text", kind=ErrorKind.EMPTY)
    except TimeoutError:
        error = _too_slow(timeout)
    except APIError as caught:
        error = None if _COULD_NOT_FINISH in caught.message.lower() else caught
    return ProbeReport(
        ok=error is None,
        check="completion",
        connect=stream.connect,
        first_token=first,
        total=clock() - began,
        error=error,
    )


def is_output(delta: ChoiceDelta) -> bool:
    """Whether a delta shows that the model is working: an answer, reasoning, or a tool call."""
    return bool(answers_probe(delta) or delta.reasoning or delta.tool_calls or delta.tool_fragment)


def answers_probe(delta: ChoiceDelta) -> bool:
    """Whether a delta counts as an answer in a turn: text that is not blank, or a refusal."""
    return bool((delta.content or "").strip() or delta.refusal)


async def probe_document(
    fetch: JsonFetch,
    request: HttpRequest,
    check: Callable[[Any], None],
    *,
    timeout: float,  # noqa: ASYNC109
    clock: Callable[[], float],
) -> ProbeReport:
    """Request a document that costs nothing; `check` raises `APIError` if it is a bad sign."""
    began = clock()
    error: APIError | None = None
    try:
        async with asyncio.timeout(timeout):
            check(await fetch.get(request))
    except TimeoutError:
        error = _too_slow(timeout)
    except APIError as caught:
        error = caught
    return ProbeReport(ok=error is None, check="models", connect=fetch.connect, total=clock() - began, error=error)


def is_listed(model: str, names: Sequence[str]) -> bool:
    """Whether a list of models has `model`, with or without date or tag.

    An empty list proves nothing, nor does one with a wildcard, as gateways have.
    """
    wanted = model.lower().removeprefix("models/").removesuffix("-latest")
    same = re.compile(rf"{re.escape(wanted)}(?::latest|-latest|[-@]\d{{4,8}}.*)?")
    return not names or any("*" in name or same.fullmatch(name.lower()) for name in names)


def _too_slow(seconds: float) -> APITimeoutError:
    return APITimeoutError(f"no answer within {seconds:g} s", kind=ErrorKind.TIMEOUT)
