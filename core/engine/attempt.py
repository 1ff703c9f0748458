"""One request to one provider: held back until its first content, bounded in time, every way to fail named.

Phases and what ends the wait in each, in seconds spent waiting for the provider:

    FIRST      attempt_timeout to the first text, reasoning or tool-call delta; nothing else counts as a sign of life
    THINKING   from the first reasoning delta: thinking_timeout in all, and idle_timeout between deltas
    ANSWERING  idle_timeout between deltas
    TAIL       after the finish: `TAIL` for usage and terminator; only a failure that the provider reports counts
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.settings import OnRefusal
from fallback_chat.core.engine.watchdog import OutOfTimeError, Watchdog
from fallback_chat.core.errors import APIError, APIStreamError, APITimeoutError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import FinishReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.core.chat_context import ToolCall
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.llm import LLM, ChatChunk, ChoiceDelta, LLMStream

logger = logging.getLogger(__name__)

FOREVER: Final = float("inf")
TAIL: Final = 1.0
CLOSING: Final = 1.0
"""Seconds that a provider may take to close its stream."""
REFUSALS: Final = {
    FinishReason.CONTENT_FILTER: ErrorKind.CONTENT_FILTER,
    FinishReason.REFUSAL: ErrorKind.REFUSAL,
}


class TotalTimeoutError(APITimeoutError):
    """The caller's time for the whole answer is over, which says nothing about the provider that was answering."""


class Phase(Enum):
    """What the attempt is waiting for."""

    FIRST = auto()
    THINKING = auto()
    ANSWERING = auto()
    TAIL = auto()


ANSWERING: Final = Phase.ANSWERING
"""The same, without the look-up in the enumeration for every token."""


class Attempt:
    """Drives one `LLMStream`. `commit()` waits for the first content, then `next()` gives the chunks."""

    def __init__(  # noqa: PLR0913 - one clock each for three promises
        self,
        llm: LLM,
        open_stream: Callable[[], LLMStream],
        settings: AttemptSettings,
        *,
        first_token_budget: float,
        total_budget: float,
        commit_budget: float = FOREVER,
    ) -> None:
        self.llm = llm
        self._settings = settings
        self._idle_timeout = settings.idle_timeout
        self._watchdog = Watchdog()
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._open_stream = open_stream
        self._stream: LLMStream | None = None
        self._held: deque[ChatChunk] = deque()
        self._phase = Phase.FIRST
        self._phase_left = self._first_token_budget = first_token_budget
        self._thinking_until = 0.0
        self._thought_at = 0.0
        self._commit_left = commit_budget
        """Seconds left to the first content, however lively the provider is until then."""
        self.total_left = total_budget
        """Seconds of the turn's total time that are left."""
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
    def gives_up_in(self) -> float | None:
        """Seconds that the provider still has for its next sign of life; None when nobody waits for one."""
        return self._watchdog.left

    @property
    def thought_ago(self) -> float | None:
        """Seconds since the last piece of reasoning, while the provider thinks and has not begun to answer; else None."""
        return self._clock() - self._thought_at if self._phase is Phase.THINKING else None

    @property
    def notices(self) -> tuple[str, ...]:
        """What the provider was not given of the request."""
        return getattr(self._stream, "notices", ())  # a provider's stream may be anything that can be iterated

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
        self._commit_left = FOREVER

    def next(self) -> Awaitable[ChatChunk | None]:
        """Give the next chunk of a committed attempt, None at its proper end. Raises `APIError`.

        A tool call, and what follows it, is held back until the answer is known to be whole: it must not run otherwise.
        """
        # Handing on the coroutine instead of awaiting it here saves one of them for every token.
        return self._next_held() if self._held else self._pull(hand_out=True)

    async def _next_held(self) -> ChatChunk:
        chunk = self._held.popleft()
        await self._hand_out(chunk.delta)
        return chunk

    async def _hand_out(self, delta: ChoiceDelta | None) -> None:
        if delta is not None:
            self.shown += len(delta.content or "")
            if delta.tool_calls:
                await self._hold_the_rest()

    async def aclose(self) -> None:
        """Stop the clock and close the connection; a provider that cannot do so is logged and left behind."""
        self._watchdog.stop()
        if self._stream is None:
            return
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(CLOSING):
                await self._stream.aclose()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling() > cancelled:
                raise  # this one is ours, not one that the provider raised
            logger.exception("closing the stream of %s failed", self.llm.label)

    async def _hold_the_rest(self) -> None:
        while self.finish_reason is None and (more := await self._pull()) is not None:
            self._held.append(more)

    def _is_content(self, delta: ChoiceDelta) -> bool:
        if delta.content and not delta.content.isspace():
            return True
        return bool(delta.refusal) and self._settings.on_refusal is OnRefusal.STOP

    async def _pull(self, *, hand_out: bool = False) -> ChatChunk | None:
        """Give the provider's next chunk within the phase's time, None at its proper end."""
        if self._ended:
            return None
        watchdog = self._watchdog
        budget = min(self.total_left, self._phase_left, self._commit_left)
        try:
            if self._stream is None:
                # Connecting counts into the first-token time: the request goes out with the first read.
                self._stream = self._open_stream()
            chunk: ChatChunk | None = await watchdog.wait(self._stream.__anext__, budget)
        except StopAsyncIteration:
            chunk = None
        except Exception as error:  # noqa: BLE001 - whatever a provider raises becomes a named failure
            failure = self._named(error)
            # What the connection does after the finish is harmless; what the provider itself says is not.
            if self._phase is not Phase.TAIL or failure.body is not None:
                raise failure from (error.__cause__ if failure is error else error)
            chunk = None
        finally:
            self._phase_left -= watchdog.waited
            self.total_left -= watchdog.waited
            self._commit_left -= watchdog.waited
        if chunk is None:
            self._ended = True
        elif (
            hand_out
            and self._phase is ANSWERING
            and chunk.finish_reason is None
            and (delta := chunk.delta) is not None
            and delta.content
            and not delta.tool_calls
        ):
            # Nearly every chunk is this one: the short way to what the branch below would do.
            self._phase_left = self._idle_timeout
            self.shown += len(delta.content)
        else:
            self._follow(chunk)
            if hand_out:
                await self._hand_out(chunk.delta)
        return chunk

    def _follow(self, chunk: ChatChunk) -> None:
        """Move to the phase that `chunk` begins, and wind up its clock."""
        delta = chunk.delta
        if delta is not None:
            if self._phase is not Phase.TAIL:
                self._follow_delta(delta)
            if delta.tool_calls:
                check_arguments(delta.tool_calls)
        if chunk.finish_reason is not None and self.finish_reason is None:
            self.finish_reason = chunk.finish_reason
            self._phase, self._phase_left = Phase.TAIL, TAIL

    def _follow_delta(self, delta: ChoiceDelta) -> None:
        if self._is_progress(delta):
            self._phase, self._phase_left = Phase.ANSWERING, self._settings.idle_timeout
        elif delta.reasoning:
            self._follow_thinking()

    def _is_progress(self, delta: ChoiceDelta) -> bool:
        """Say whether `delta` is a step of the answer itself: once that has begun, blanks and thoughts in between count too."""
        if delta.content and (self._phase is Phase.ANSWERING or not delta.content.isspace()):
            return True
        if delta.reasoning and self._phase is Phase.ANSWERING:
            return True
        return bool(delta.refusal or delta.tool_fragment or delta.tool_calls)

    def _follow_thinking(self) -> None:
        """Give the next reasoning delta idle_timeout, and all of them together thinking_timeout."""
        now = self._thought_at = self._clock()
        if self._phase is Phase.FIRST:
            self._phase = Phase.THINKING
            self._thinking_until = now + self._settings.thinking_timeout
        self._phase_left = min(self._settings.idle_timeout, self._thinking_until - now)

    def _named(self, error: Exception) -> APIError:
        """Give the failure that `error` stands for."""
        match error:
            case APIError():
                return error
            case OutOfTimeError():
                return self._timed_out()
            case _:
                logger.error("%s raised what a provider must not raise", self.llm.label, exc_info=error)
                return APIError(f"{type(error).__name__}: {error}", kind=ErrorKind.BUG)

    def _timed_out(self) -> APIError:
        """Name the clock that ran out."""
        settings = self._settings
        never_retry = ErrorDetails(retryable=False)
        if self._commit_left < min(self._phase_left, self.total_left):
            return APITimeoutError(
                "no content in the time that the chain's deadline leaves it",
                details=never_retry,
                hint="raise deadline if it is only slow",
            )
        if self.total_left <= self._phase_left:
            return TotalTimeoutError("the time for the whole answer is over", details=never_retry)
        if self._phase is Phase.FIRST:
            cut = self._first_token_budget < settings.attempt_timeout
            hint = "it had less than attempt_timeout, because the chain's deadline allows no more" if cut else None
            return APITimeoutError(
                f"no content within {self._first_token_budget:.3g} s", details=never_retry, hint=hint
            )
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
