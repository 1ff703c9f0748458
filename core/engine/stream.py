"""The failover loop of one turn: ask, wait for the first content, hand it on, or ask the next provider."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine.attempt import FOREVER, Attempt, TotalTimeoutError
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.errors import AllProvidersFailed, APIError, ErrorKind
from fallback_chat.core.events import (
    AllFailed,
    AttemptFailed,
    AttemptRecord,
    AttemptSkipped,
    AttemptStarted,
    FailedOver,
    Notice,
    Outcome,
    StreamRestarted,
)
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, LLMStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.continuation import Transcript
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.order import Candidate, Turn
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM

MAX_WAIT: Final = 60.0
"""Seconds that the last provider left may make the user wait."""
LONGEST_ANSWER: Final = 300.0
"""Seconds for which a provider on trial that has begun to answer keeps its trial to itself."""


class TurnOptions(NamedTuple):
    """What bounds one turn; times in seconds."""

    deadline: float | None
    """To the first content, over all providers."""
    total_timeout: float | None = None
    """For the whole answer."""
    max_wait: float = MAX_WAIT
    """How long the last provider left may make the user wait before it is asked again."""


class Engine(NamedTuple):
    """What a turn borrows from its adapter."""

    board: HealthBoard
    emit: Callable[[Event], None]
    first_token_budget: Callable[[Candidate, Permit], float]
    note_first_token: Callable[[Candidate, float], None]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Failure(NamedTuple):
    """An attempt that failed."""

    candidate: Candidate
    error: APIError
    elapsed: float
    shown: int | None = None
    """Characters of it that had been handed out; None when it failed before its first content."""


class FallbackLLMStream(LLMStream):
    """The answer of the chain. `attempts` tells at any time how it came about."""

    def __init__(
        self, turn: Turn, engine: Engine, open_stream: Callable[[LLM, str], LLMStream], options: TurnOptions
    ) -> None:
        self._turn = turn
        self._engine = engine
        self._open_stream = open_stream
        self._options = options
        self._total_left = FOREVER if options.total_timeout is None else options.total_timeout
        self._out_of_time = False
        """The total time is spent."""
        self._deadline_at = FOREVER
        self._number = 0
        self._records: list[AttemptRecord] = []
        self._candidate: Candidate | None = None
        self._answering: LLM | None = None
        self._permit: Permit | None = None
        self._attempt: Attempt | None = None
        self._latest: Attempt | None = None
        """The request that was started last, whether or not it has shown content."""
        self._failure: Failure | None = None
        """The last failure, until it has been told."""
        self._superseded: Failure | None = None
        """The attempt whose text is void once another provider has shown content."""
        self._last_error: APIError | None = None
        self._too_small = [AttemptSkipped(one.llm, _does_not_fit(one.llm, turn.tokens)) for one in turn.too_small]
        may_continue = any(one.settings.on_stream_failure is OnStreamFailure.CONTINUE for one in turn.left())
        self._transcript = _transcript() if may_continue else None
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._ended = False
        self._reader: asyncio.Task[object] | None = None
        """The task that is in `__anext__`."""
        self._interrupted: asyncio.Future[None] | None = None
        """Another task closes the stream under the reader, and waits until the reader has left."""

    @property
    def llm(self) -> LLM | None:
        """Who gave the text that there is; None before the first content."""
        return self._answering

    @property
    def gives_up_in(self) -> float | None:
        """Seconds that whoever is asked still has for its next sign of life; None when nobody is waited for."""
        return None if self._latest is None else self._latest.gives_up_in

    @property
    def thought_ago(self) -> float | None:
        """Seconds since the last piece of reasoning of a provider that has not begun to answer; None when none thinks.

        Its reasoning itself is handed out with its first content: until then the attempt may be forgotten.
        """
        return None if self._latest is None else self._latest.thought_ago

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every request so far, in order, after the providers that were passed over."""
        passed_over = [candidate.llm for candidate in self._turn.passed_over]
        why = {id(skip.llm): skip.error for skip in self._too_small}
        skipped = [
            AttemptRecord(llm.label, llm.kind, llm.model, Outcome.SKIPPED, why.get(id(llm))) for llm in passed_over
        ]
        return (*skipped, *self._records)

    async def __anext__(self) -> ChatChunk:
        self._begin_reading()
        try:
            while not self._ended:
                if (attempt := self._attempt) is None:
                    await self._commit_next()
                    if self._superseded is not None:
                        return self._restarted(self._superseded)
                    continue
                try:
                    chunk = await attempt.next()
                except APIError as error:
                    await self._broken_off(attempt, error)
                    continue
                if chunk is not None:
                    return chunk if self._transcript is None else self._transcript.take(chunk)
                await self._end(attempt, Outcome.OK)
                if self._transcript is not None and (rest := self._transcript.rest()):
                    return ChatChunk(ChoiceDelta(rest))
        except BaseException as error:
            await self._stop()
            if not (isinstance(error, asyncio.CancelledError) and self._is_only_interrupted()):
                raise
        finally:
            reader, self._reader = self._reader, None
            if self._interrupted is not None and not self._interrupted.done():
                await self._leave(reader, self._interrupted)
        raise StopAsyncIteration

    def _begin_reading(self) -> None:
        if self._reader is not None:
            raise RuntimeError("another task is reading this answer: one stream has one reader")
        self._reader = asyncio.current_task(self._loop)

    async def aclose(self) -> None:
        """Stop here: close the connection; an unfinished attempt counts as cancelled, which blames nobody.

        A task that is reading at this moment finds the stream at its end.
        """
        if self._reader is None:
            await self._stop()
            return
        if self._interrupted is None:
            self._interrupted = self._loop.create_future()
            self._reader.cancel()
        await asyncio.shield(self._interrupted)

    def _is_only_interrupted(self) -> bool:
        """Say whether the reader was cancelled by `aclose()` alone: that is no news to whoever runs the reader."""
        return self._interrupted is not None and self._reader is not None and self._reader.cancelling() == 1

    async def _leave(self, reader: asyncio.Task[object] | None, interrupted: asyncio.Future[None]) -> None:
        """Take the interruption back, which the provider may have swallowed, and let `aclose()` return."""
        assert reader is not None
        reader.uncancel()
        await self._stop()
        interrupted.set_result(None)

    async def _stop(self) -> None:
        self._ended = True
        if self._attempt is not None:
            await self._end(self._attempt, Outcome.CANCELLED)

    async def _commit_next(self) -> None:
        """Ask one provider after the other until one has shown content. Raises `AllProvidersFailed`."""
        if self._options.deadline is not None:
            self._deadline_at = self._now() + self._options.deadline
        if self._number == 0:
            for skip in self._too_small:
                self._engine.emit(skip)
        while True:
            taken = None if self._out_of_time or self._now() >= self._deadline_at else self._turn.take()
            if self._failure is not None:
                self._tell(self._failure, taken[0] if taken else None)
            if taken is None:
                raise self._all_failed()
            self._candidate, self._permit = taken
            try:
                self._attempt = await self._ask(*taken)
            except BaseException:
                self._engine.board.hand_back(taken[0].key, taken[1])
                self._ended = True
                raise
            if self._attempt is not None:
                self._answering = self._candidate.llm
                if self._transcript is not None:
                    self._transcript.begin()
                return

    async def _ask(self, candidate: Candidate, permit: Permit) -> Attempt | None:
        """Ask one provider, again where the policy allows it; None when it gave nothing."""
        retry = 0
        while True:
            attempt = self._start(candidate, permit)
            try:
                await attempt.commit()
            except APIError as error:
                self._record(attempt, Outcome.FAILED, error)
                failure = Failure(candidate, error, attempt.elapsed)
                await attempt.aclose()
                self._total_left = attempt.total_left
                wait = self._wait_before_retry(candidate, error, retry)
            except BaseException:
                self._record(attempt, Outcome.CANCELLED)
                await attempt.aclose()
                raise
            else:
                assert attempt.first_token is not None
                self._engine.note_first_token(candidate, attempt.first_token)
                self._engine.board.renew(candidate.key, permit, seconds=LONGEST_ANSWER)
                return attempt
            finally:
                for text in attempt.notices:
                    self._engine.emit(Notice(candidate.llm, text))
            if wait is None:
                self._blame(failure, permit)
                return None
            self._tell(failure, candidate, retry_in=wait)
            await self._engine.sleep(wait)
            self._total_left -= wait
            retry += 1

    def _start(self, candidate: Candidate, permit: Permit) -> Attempt:
        self._number += 1
        self._engine.emit(AttemptStarted(candidate.llm, self._number))
        left = self._deadline_at - self._now()
        successors = self._turn.left()
        # One that has successors leaves them half of the time; once it shows that it is at work, what the next one needs.
        share = left / 2 if successors else left
        reserve = min(left / 2, successors[0].settings.attempt_timeout) if successors else 0.0
        self._latest = Attempt(
            candidate.llm,
            lambda: self._open_stream(candidate.llm, self._transcript.partial if self._transcript else ""),
            candidate.settings,
            first_token_budget=min(self._engine.first_token_budget(candidate, permit), share),
            total_budget=self._total_left,
            commit_budget=left - reserve,
        )
        return self._latest

    def _wait_before_retry(self, candidate: Candidate, error: APIError, retry: int) -> float | None:
        from fallback_chat.core.engine.backoff import retry_wait  # nobody needs it while all goes well

        wait = retry_wait(
            error,
            retry,
            last=not self._turn.left(),
            settings=candidate.settings,
            max_wait=self._options.max_wait,
            random=self._engine.random,
        )
        left = min(self._deadline_at - self._now(), self._total_left)
        return wait if wait is not None and wait < left else None

    async def _broken_off(self, attempt: Attempt, error: APIError) -> None:
        """Decide what follows a failure after content. Raises `error`, or makes way for the next provider."""
        assert self._candidate is not None
        assert self._permit is not None
        self._attempt = None
        self._record(attempt, Outcome.PARTIAL, error)
        shown = attempt.shown if self._transcript is None else self._transcript.length
        self._blame(Failure(self._candidate, error, attempt.elapsed, shown), self._permit)
        assert self._failure is not None
        await attempt.aclose()
        self._total_left = attempt.total_left
        policy = self._candidate.settings.on_stream_failure
        goes_on = policy in (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE)
        if not goes_on or self._out_of_time or not self._turn.left():
            self._tell(self._failure, None)
            self._ended = True
            raise error
        if policy is OnStreamFailure.RESTART:
            self._superseded = self._failure
        if self._transcript is not None:
            self._transcript.break_off(keep=policy is OnStreamFailure.CONTINUE)

    def _restarted(self, superseded: Failure) -> ChatChunk:
        assert self._candidate is not None
        self._superseded = None
        self._engine.emit(StreamRestarted(superseded.candidate.llm, self._candidate.llm, superseded.shown or 0))
        return ChatChunk(restarted=True)

    async def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        assert self._candidate is not None
        assert self._permit is not None
        self._ended = True
        self._attempt = None
        self._record(attempt, outcome)
        sign_out = self._engine.board.succeed if outcome is Outcome.OK else self._engine.board.hand_back
        sign_out(self._candidate.key, self._permit)
        await attempt.aclose()

    def _blame(self, failure: Failure, permit: Permit) -> None:
        self._failure = failure
        if isinstance(failure.error, TotalTimeoutError):
            self._out_of_time = True
            self._engine.board.hand_back(failure.candidate.key, permit)
            return
        self._turn.note_failure(failure.candidate, failure.error)
        self._engine.board.fail(failure.candidate.key, permit, failure.error, alone=self._turn.alone)

    def _record(self, attempt: Attempt, outcome: Outcome, error: APIError | None = None) -> None:
        llm = attempt.llm
        self._records.append(
            AttemptRecord(llm.label, llm.kind, llm.model, outcome, error, attempt.first_token, attempt.elapsed)
        )

    def _tell(self, failure: Failure, following: Candidate | None, *, retry_in: float | None = None) -> None:
        """Emit what a failure leads to, once."""
        self._failure = None
        self._last_error = failure.error
        llm, following_llm = failure.candidate.llm, following.llm if following else None
        after_content = failure.shown is not None
        self._engine.emit(
            AttemptFailed(llm, failure.error, failure.elapsed, following_llm, retry_in, after_content=after_content)
        )
        if following_llm is not None and following_llm is not llm:
            self._engine.emit(FailedOver(llm, following_llm, failure.error))

    def _all_failed(self) -> AllProvidersFailed:
        self._ended = True
        # A timer may fire a moment before its time.
        exceeded = self._out_of_time or self._now() >= self._deadline_at - 0.005
        error = AllProvidersFailed(self.attempts, deadline_exceeded=exceeded)
        error.__cause__ = self._last_error
        self._engine.emit(AllFailed(error))
        return error


def _transcript() -> Transcript:
    from fallback_chat.core.engine.continuation import Transcript  # for the few who want it

    return Transcript()


def _does_not_fit(llm: LLM, tokens: int) -> APIError:
    return APIError(
        f"about {tokens} tokens do not fit into its window of {llm.context_window}", kind=ErrorKind.CONTEXT_EXCEEDED
    )
