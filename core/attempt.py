"""One request to one provider: held back until its first content, bounded in time, every way to fail named.

Phases and what ends the wait in each, in seconds spent waiting for the provider:

    FIRST      attempt_timeout to the first text, reasoning or tool-call delta; nothing else counts as a sign of life
    THINKING   from the first reasoning delta: thinking_timeout in all, and idle_timeout between deltas
    ANSWERING  idle_timeout between deltas
    TAIL       after the finish: `TAIL` for usage and terminator; what fails here is harmless
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fallback_chat.core.deadlines import ProviderCancelledError, Watchdog
from fallback_chat.core.errors import APIError, APIStreamError, APITimeoutError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import FinishReason
from fallback_chat.core.settings import OnRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.core.chat_context import ToolCall
    from fallback_chat.core.llm import LLM, ChatChunk, ChoiceDelta, LLMStream
    from fallback_chat.core.settings import ChainSettings

logger = logging.getLogger(__name__)

TAIL: Final = 1.0
REFUSALS: Final = {
    FinishReason.CONTENT_FILTER: ErrorKind.CONTENT_FILTER,
    FinishReason.REFUSAL: ErrorKind.REFUSAL,
}


class Phase(Enum):
    """What the attempt is waiting for."""

    FIRST = auto()
    THINKING = auto()
    ANSWERING = auto()
    TAIL = auto()


class Attempt:
    """Drives one `LLMStream`. `commit()` waits for the first content, then `next()` gives the chunks."""

    def __init__(
        self,
        llm: LLM,
        open_stream: Callable[[], LLMStream],
        settings: ChainSettings,
        *,
        first_token_budget: float,
        total_budget: float | None,
    ) -> None:
        self.llm = llm
        self._settings = settings
        self._watchdog = Watchdog()
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._open_stream = open_stream
        self._stream: LLMStream | None = None
        self._held: deque[ChatChunk] = deque()
        self._phase = Phase.FIRST
        self._phase_left = self._first_token_budget = first_token_budget
        self._thinking_until = 0.0
        self._total_left = total_budget
        self._ended = False
        self.first_token: float | None = None
        """Seconds from the start to the first content."""
        self.shown = 0
        """Characters of text handed out."""
        self.finish_reason: FinishReason | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def total_left(self) -> float | None:
        """Seconds of the turn's total time that are left; None is without end."""
        return self._total_left

    async def commit(self) -> None:
        """Wait until the provider has proved itself: text, a labelled refusal, or whole tool calls at a proper end.

        Raises `APIError` when it failed before that; nothing of it has been handed out then.
        """
        calls = False
        while (chunk := await self._pull()) is not None:
            self._held.append(chunk)
            delta = chunk.delta
            if delta is not None:
                calls = calls or bool(delta.tool_calls)
                if self._is_content(delta):
                    break
        else:
            self._check_end_without_text(calls=calls)
        self.first_token = self.elapsed

    async def next(self) -> ChatChunk | None:
        """Give the next chunk of a committed attempt, None at its proper end. Raises `APIError`."""
        chunk = self._held.popleft() if self._held else await self._pull()
        if chunk is not None and chunk.delta is not None and chunk.delta.content:
            self.shown += len(chunk.delta.content)
        return chunk

    async def aclose(self) -> None:
        """Stop the clock and close the connection."""
        self._watchdog.stop()
        if self._stream is not None:
            await self._stream.aclose()

    def _is_content(self, delta: ChoiceDelta) -> bool:
        if delta.content and not delta.content.isspace():
            return True
        return bool(delta.refusal) and self._settings.on_refusal is OnRefusal.STOP

    async def _pull(self) -> ChatChunk | None:
        """Give the provider's next chunk within the phase's time, None at its proper end."""
        if self._ended:
            return None
        watchdog = self._watchdog
        watchdog.budget = allowed = (
            self._phase_left if self._total_left is None else min(self._phase_left, self._total_left)
        )
        try:
            chunk = await watchdog.wait(self._read)
        except StopAsyncIteration:
            chunk = None
        except (TimeoutError, APIError) as error:
            if self._phase is not Phase.TAIL:
                raise (error if isinstance(error, APIError) else self._timed_out()) from error.__cause__
            chunk = None
        except (Exception, ProviderCancelledError) as error:
            logger.exception("%s raised what a provider must not raise", self.llm.label)
            raise APIError(f"{type(error).__name__}: {error}", kind=ErrorKind.BUG) from error
        if self._total_left is not None:
            self._total_left -= allowed - watchdog.budget
        self._phase_left -= allowed - watchdog.budget
        if chunk is None:
            self._ended = True
        else:
            self._follow(chunk)
        return chunk

    def _read(self) -> Awaitable[ChatChunk]:
        """Start the stream with the first read, so that connecting counts into the first-token time."""
        if self._stream is None:
            self._stream = self._open_stream()
        return self._stream.__anext__()

    def _follow(self, chunk: ChatChunk) -> None:
        """Move to the phase that `chunk` begins, and wind up its clock."""
        delta = chunk.delta
        if delta is not None and self._phase is not Phase.TAIL:
            if self._is_content(delta) or delta.tool_fragment or delta.tool_calls:
                self._phase, self._phase_left = Phase.ANSWERING, self._settings.idle_timeout
            elif delta.reasoning:
                self._follow_thinking()
            if delta.tool_calls:
                check_arguments(delta.tool_calls)
        if chunk.finish_reason is not None and self.finish_reason is None:
            self.finish_reason = chunk.finish_reason
            self._phase, self._phase_left = Phase.TAIL, TAIL

    def _follow_thinking(self) -> None:
        """Give the next reasoning delta idle_timeout, and all of them together thinking_timeout."""
        now = self._clock()
        if self._phase is Phase.FIRST:
            self._phase = Phase.THINKING
            self._thinking_until = now + self._settings.thinking_timeout
        if self._phase is Phase.THINKING:
            self._phase_left = min(self._settings.idle_timeout, self._thinking_until - now)

    def _timed_out(self) -> APIError:
        """Name the clock that ran out."""
        settings = self._settings
        never_retry = ErrorDetails(retryable=False)
        if self._total_left is not None and self._total_left <= self._phase_left:
            return APITimeoutError("the time for the whole answer is over", details=never_retry)
        if self._phase is Phase.FIRST:
            return APITimeoutError(f"no content within {self._first_token_budget:.3g} s", details=never_retry)
        if self._phase is Phase.THINKING and self._clock() >= self._thinking_until:
            return APITimeoutError(f"still thinking after {settings.thinking_timeout:.3g} s", details=never_retry)
        return APIStreamError(f"nothing for {settings.idle_timeout:.3g} s", kind=ErrorKind.STALLED)

    def _check_end_without_text(self, *, calls: bool) -> None:
        """Tell a tool turn and a labelled refusal from an answer that is none. Raises `APIStreamError`."""
        finish = self.finish_reason
        refusal = REFUSALS.get(finish) if finish else None
        if calls or (refusal and self._settings.on_refusal is OnRefusal.STOP):
            return
        if refusal:
            raise APIStreamError("refused to answer", kind=refusal)
        if finish is FinishReason.CONTEXT_EXCEEDED:
            raise APIStreamError("the conversation fills the context window", kind=ErrorKind.CONTEXT_EXCEEDED)
        if finish is FinishReason.LENGTH:
            raise APIStreamError(
                "all output tokens went into reasoning",
                kind=ErrorKind.EMPTY,
                hint="raise max_tokens or lower the effort",
            )
        raise APIStreamError("the answer has no text", kind=ErrorKind.EMPTY)


def check_arguments(calls: Sequence[ToolCall]) -> None:
    """Raise `APIStreamError` when the arguments of a tool call are not a JSON object: such a call must not run."""
    for call in calls:
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise APIStreamError(f"the arguments of the tool call {call.name!r} are not a JSON object")
