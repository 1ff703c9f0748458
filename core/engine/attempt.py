"""One request to one provider: held back until its first content, bounded in time.

An attempt goes through three stages, in this order:

    commit()   Pulls chunks and holds them until the provider has proved itself: by text that is
               not blank, by a labelled refusal if `on_refusal = "stop"`, or by complete tool calls
               at a proper end. Nothing has reached the consumer yet, so a failure leaves no trace.
    next()     Hands out what was held, then each chunk as it arrives. A tool call, and everything
               after it, waits for a proper end: a call from a broken answer must not run.
    aclose()   Stops the clocks and closes the provider's stream, whatever happened before.

A pull can end in five ways:

    a chunk            checked (`wellformed`), then followed by the clocks
    a proper end       StopAsyncIteration from the provider
    a failure          anything else that the provider raises, returns or lets time out; it becomes
                       an `APIError`, unless the answer is already whole, as many servers drop the
                       connection after the finish
    `GivenUpError`     the user does not want to wait for this provider
    a cancellation     passed on; one that the provider made up itself is a failure

Every wait is bounded by `clocks`, connecting included, and no clock runs while the consumer is
slow. With hedging, an attempt whose time to the first content is over sets `late` and gets a
period of grace, during which another provider may be asked in parallel.

The `Call` that holds an attempt closes it. The attempt closes the one stream that it opened.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, cast

from fallback_chat.core.engine.clocks import FOREVER, Clocks, Phase
from fallback_chat.core.engine.hedging import NEVER
from fallback_chat.core.engine.held import HeldChunks
from fallback_chat.core.engine.settings import OnRefusal
from fallback_chat.core.engine.watchdog import GivenUpError, OutOfTimeError, Watchdog
from fallback_chat.core.engine.wellformed import (
    check_arguments,
    check_chunk,
    check_notices,
    check_stream,
    is_only_text,
    named,
)
from fallback_chat.core.errors import APIError, APIStreamError, APITimeoutError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, FinishReason
from fallback_chat.core.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.engine.hedging import Hedge
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.llm import LLM, LLMStream

logger = logging.getLogger(__name__)

ANSWERING: Final = Phase.ANSWERING
"""A shortcut that saves an enumeration look-up for every token."""
CLOSING: Final = 1.0
"""Seconds that a provider may take to close its stream."""
MOST_NOTHINGS: Final = 10_000
REFUSALS: Final = {
    FinishReason.CONTENT_FILTER: ErrorKind.CONTENT_FILTER,
    FinishReason.REFUSAL: ErrorKind.REFUSAL,
}
ENDS_OF_TOOL_CALLS: Final = (None, FinishReason.TOOL_CALLS, FinishReason.STOP, FinishReason.PAUSE)
"""Finish reasons after which tool calls may run: any other means that something went wrong."""


class Attempt:
    """Drives one `LLMStream`.

    `commit()` waits for the first content, then `next()` returns the chunks.
    """

    def __init__(  # noqa: PLR0913 - one clock for each of three promises
        self,
        llm: LLM,
        open_stream: Callable[[], LLMStream],
        settings: AttemptSettings,
        *,
        budget: Budget,
        total_left: float = FOREVER,
        commit_left: float = FOREVER,
        hedge: Hedge = NEVER,
    ) -> None:
        self.llm = llm
        self.budget = budget
        self._settings = settings
        self._watchdog = Watchdog(self._grant_grace if hedge.grace else None)
        self.hedge = hedge
        self.late_failure = APITimeoutError(
            f"nothing for {budget.seconds:.3g} s", details=ErrorDetails(retryable=False)
        )
        """The failure of an attempt whose time to the first content ran out."""
        self.late = asyncio.Event()
        """Set when the time to the first content is over and grace was granted."""
        self._now = asyncio.get_running_loop().time
        self._started = self._now()
        self._open_stream = open_stream
        self._stream: LLMStream | None = None
        self._held = HeldChunks()
        self._clocks = Clocks(settings, budget, total_left=total_left, commit_left=commit_left)
        self._thought_at: float | None = None
        self._ended = False
        self._nothings = 0
        self._timed_out = False
        self.first_token: float | None = None
        """Seconds from the start to the first content."""
        self.shown = 0
        """Characters of text handed out."""
        self.only_text = True
        """Whether all chunks were text or reasoning: neither a refusal nor part of a tool call."""
        self.finish_reason: FinishReason | None = None
        self._finish_word: str | None = None
        self._finish_said: str | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._now() - self._started

    @property
    def total_left(self) -> float:
        """Seconds of the turn's total time that are left."""
        return self._clocks.total_left - self._watchdog.waiting

    @property
    def committed(self) -> bool:
        """Whether the first content has arrived."""
        return self.first_token is not None

    @property
    def gives_up_in(self) -> float | None:
        """Seconds until the provider must send a sign of life; None while nothing is awaited."""
        return self._watchdog.left

    @property
    def thought_ago(self) -> float | None:
        """Seconds since the last sign of thinking before the answer; None if there was none."""
        return None if self.committed or self._thought_at is None else self._now() - self._thought_at

    @property
    def notices(self) -> tuple[str, ...]:
        """Request options that this provider did not receive."""
        return check_notices(getattr(self._stream, "notices", ()))  # a third-party stream may be any async iterator

    @property
    def hedge_in(self) -> float | None:
        """Seconds until another provider is asked in parallel; None if `late` decides."""
        return None if self.hedge.after is None else max(self.hedge.after - self.elapsed, 0.0)

    def time_out(self) -> None:
        """End the wait for the first content: the grace is withdrawn."""
        self._timed_out = True
        self._watchdog.time_out()

    def give_up(self) -> None:
        """Make the current or the next wait raise `GivenUpError`."""
        self._watchdog.give_up()

    async def commit(self) -> None:
        """Wait until the provider has proved itself.

        That takes text, a labelled refusal, or complete tool calls at a proper end. Raises
        `APIError` if it fails before; nothing of it has been handed out then.
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
        self._clocks.commit()

    def next(self) -> Awaitable[ChatChunk | None]:
        """Return the next chunk of a committed attempt, None at its proper end. Raises `APIError`.

        A tool call and everything after it is held back until the answer is known to be whole.
        """
        # Return the coroutine instead of awaiting it here, which saves one coroutine per token.
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
        """Stop the clocks and close the connection.

        A provider that fails to close is logged and abandoned.
        """
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
                raise  # this cancellation is ours, not one that the provider raised
            logger.exception("closing the stream of %s failed", self.llm.label)

    async def _hold_the_rest(self) -> None:
        while self.finish_reason is None and (more := await self._pull()) is not None:
            self._held.append(more)
        if self.finish_reason not in ENDS_OF_TOOL_CALLS:
            word = self._finish_word or self.finish_reason
            raise APIStreamError(f"the answer ended with {quoted(word)} after a tool call, which is not run")

    def _is_content(self, delta: ChoiceDelta) -> bool:
        if delta.content and not delta.content.isspace():
            return True
        return bool(delta.refusal) and self._settings.on_refusal is OnRefusal.STOP

    async def _pull(self, *, hand_out: bool = False) -> ChatChunk | None:
        """Return the provider's next chunk within the time left, or None at its proper end."""
        chunk: Any = None
        while chunk is None and not self._ended:
            try:
                if self._stream is None:
                    # Connecting counts towards the first content: the first read sends the request.
                    self._stream = check_stream(self._open_stream())
                with self._watchdog.within(self._clocks.left):
                    chunk = await self._stream.__anext__()
            except StopAsyncIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001 - anything that a provider raises becomes a named failure
                self._end_with(error)
            else:
                if chunk is None:
                    await self._note_nothing()
            finally:
                self._clocks.spend(self._watchdog.waited)
        if chunk is None:
            return None
        if hand_out and self._clocks.phase is ANSWERING and is_only_text(chunk):
            # Nearly every chunk takes this short cut, which does the same as the branch below.
            self._clocks.follow_text()
            self.shown += len(chunk.delta.content)
        else:
            self._follow(check_chunk(chunk))
            if hand_out:
                await self._hand_out(chunk.delta)
        return cast("ChatChunk", chunk)

    def _timed_out_with(self, error: Exception) -> APIError | None:
        if not isinstance(error, OutOfTimeError):
            return None
        return self.late_failure if self._timed_out else self._clocks.failure()

    def _grant_grace(self) -> float:
        if self.late.is_set() or not self._clocks.grant(self.hedge.grace):
            return 0.0
        self.late.set()
        return self.hedge.grace

    def _end_with(self, error: Exception) -> None:
        """End with an exception from the provider.

        Raises `APIError` unless the answer is already whole, or `GivenUpError`.
        """
        if isinstance(error, GivenUpError):
            raise error
        failure = self._timed_out_with(error) or named(error, self.llm, committed=self.committed)
        if not self._is_harmless(failure):
            raise failure from (error.__cause__ if failure is error else error)
        self._ended = True

    async def _note_nothing(self) -> None:
        """Skip a None in place of a chunk, and let other tasks run.

        Raises `APIError` after many.
        """
        self._nothings += 1
        if self._nothings > MOST_NOTHINGS:
            raise APIError(f"it returned None {MOST_NOTHINGS} times", kind=ErrorKind.BUG)
        await asyncio.sleep(0)

    def _follow(self, chunk: ChatChunk) -> None:
        delta = chunk.delta
        if delta is not None:
            was_over = self._clocks.phase is Phase.TAIL
            self._clocks.follow(delta)
            if was_over and self._clocks.phase is ANSWERING:
                self.finish_reason = None
            if delta.reasoning or delta.thinking:
                self._thought_at = self._now()
            if delta.tool_calls or delta.tool_fragment or delta.refusal:
                self.only_text = False
            if delta.tool_calls:
                check_arguments(delta.tool_calls)
        if chunk.finish_reason is not None:
            self.finish_reason, self._finish_word = chunk.finish_reason, chunk.finish_raw
            self._finish_said = chunk.finish_words
            self._clocks.finish()

    def _is_harmless(self, failure: APIError) -> bool:
        """Whether a failure after the finish is ignored: the answer is whole, the server silent."""
        if self._clocks.phase is not Phase.TAIL or failure.body is not None:
            return False
        # If text has followed a finish before, more may be missing.
        return not (self._clocks.finish_taken_back and failure.kind is ErrorKind.STALLED)

    def _check_end_without_text(self, *, calls: bool) -> None:
        """Accept a tool turn or a labelled refusal. Raises `APIStreamError` for an empty answer."""
        finish = self.finish_reason
        refusal = REFUSALS.get(finish) if finish else None
        if calls or (refusal and self._settings.on_refusal is OnRefusal.STOP):
            return
        if refusal:
            raise APIStreamError(self._finish_said or "refused to answer", kind=refusal)
        if finish is FinishReason.CONTEXT_EXCEEDED:
            raise APIStreamError("the conversation fills the context window", kind=ErrorKind.CONTEXT_EXCEEDED)
        if finish is FinishReason.LENGTH:
            raise APIStreamError(
                "all output tokens went into reasoning",
                kind=ErrorKind.EMPTY,
                hint="raise max_tokens or lower the effort",
            )
        raise APIStreamError("the answer has no text", kind=ErrorKind.EMPTY)
