"""The failover loop of one turn: ask, wait for the first content, hand it on, or ask the next provider.

The stream is the turn, from the question to the final word. It goes through rounds; in a round every
candidate is asked at most once, and perhaps again by `max_retry_per_llm`. When a round has failed and
waiting would help, the turn pauses and begins a new round.

What may happen in which order, told by events:

    turn    = round (Waiting round)* AllFailed?
    round   = (AttemptStarted ending)+
    ending  = content and a proper end                     → the turn is over
            | AttemptFailed (pause AttemptStarted ending)  → the same provider once more
            | AttemptFailed | ProviderGivenUp              → FailedOver, then the next provider

A failure after content ends the turn, unless `on_stream_failure` says otherwise. Then the text shown is
void (StreamRestarted, as soon as another provider has content), or another provider continues it: what it
sends is held back until the seam is proven (StreamContinued). Where it is not proven, that provider is
asked once more, to start over. Text that the consumer cannot take back is never restarted.

Who closes what: each request is a `Call`, an async context manager that settles its permit and closes
its connection on every way out. `aclose()` closes the loop, and so the call that is open in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.account import Account
from fallback_chat.core.engine.attempt import Attempt
from fallback_chat.core.engine.budget import Budget, BudgetReason
from fallback_chat.core.engine.call import Call
from fallback_chat.core.engine.clocks import TotalTimeoutError
from fallback_chat.core.engine.order import Order
from fallback_chat.core.engine.patience import Patience
from fallback_chat.core.engine.policy import rule
from fallback_chat.core.engine.reading import GeneratedStream
from fallback_chat.core.engine.seam import SeamUnprovenError
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.engine.shown import ShownText
from fallback_chat.core.engine.turn import Failure
from fallback_chat.core.engine.watchdog import GivenUpError
from fallback_chat.core.errors import AllProvidersFailed, APIError, APIStreamError, ErrorKind
from fallback_chat.core.events import (
    AllFailed,
    AttemptFailed,
    AttemptSkipped,
    AttemptStarted,
    FailedOver,
    Notice,
    Outcome,
    ProviderGivenUp,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.engine.turn import Services, TurnOptions
    from fallback_chat.core.events import AttemptRecord, Segment
    from fallback_chat.core.llm import LLM, ChatChunk, LLMStream

LONGEST_ANSWER: Final = 300.0
"""Seconds for which a provider on trial that has begun to answer keeps its trial to itself."""
SHORTEST_PAUSE: Final = 1.0
"""Seconds between two rounds, even where a provider asks for less."""


class FallbackLLMStream(GeneratedStream):
    """The answer of the chain. `attempts` tells at any time how it came about."""

    def __init__(self, options: TurnOptions, services: Services, open_stream: Callable[[LLM, str], LLMStream]) -> None:
        super().__init__()
        self._options = options
        self._services = services
        self._open_stream = open_stream
        self._account = Account()
        self._patience = Patience(
            deadline=options.deadline,
            total_timeout=options.total_timeout,
            max_wait=options.max_wait,
            sleep=services.sleep,
        )
        self._given_up: set[str] = set()
        self._skips_told: set[str] = set()
        self._order = self._new_order(insist=options.insist)
        self._number = 0
        self._retries = 0
        """Requests beyond the first that the provider being asked has had."""
        self._latest: Call | None = None
        """The request that was started last, whether or not it has shown content."""
        self._failure: Failure | None = None
        self._last_error: APIError | None = None
        may_continue = any(one.settings.on_stream_failure is OnStreamFailure.CONTINUE for one in options.candidates)
        self._shown = ShownText(services.emit, may_continue=may_continue, can_discard=options.can_discard)

    @property
    def llm(self) -> LLM | None:
        """The provider that gave the text there is; None before the first content."""
        return self._shown.llm

    @property
    def gives_up_in(self) -> float | None:
        """Seconds that the provider being asked still has for its next sign of life; None when nobody is."""
        return None if self._latest is None else self._latest.attempt.gives_up_in

    @property
    def thought_ago(self) -> float | None:
        """Seconds since the last sign of thinking of a provider that has not begun to answer; None when none thinks.

        Its reasoning itself is handed out with its first content: until then the attempt may be forgotten.
        """
        return None if self._latest is None else self._latest.attempt.thought_ago

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every request so far, in order; in each round the providers that were passed over come first."""
        return self._account.attempts(self._order)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Who gave which part of the text, where another provider was proven to continue it; else empty."""
        return self._shown.segments

    @property
    def can_give_up(self) -> bool:
        """Whether another provider is left that could take over."""
        return not self.ended and self._latest is not None and bool(self._order.left())

    def give_up(self) -> bool:
        """Leave the provider that is being asked, and go on to the next; False when there is none."""
        if self._latest is None or not self.can_give_up:
            return False
        self._given_up.add(self._latest.candidate.key)
        if not self._patience.skip():
            self._latest.attempt.give_up()
        return True

    async def _run(self) -> AsyncGenerator[ChatChunk]:
        await self._services.board.refresh()
        self._tell_skips()
        shown = self._shown
        while True:
            async with await self._next_call() as call:
                llm, attempt = call.candidate.llm, call.attempt
                try:
                    await self._commit(call)
                    if (mark := shown.begin(llm)) is not None:
                        yield mark
                    while (chunk := await attempt.next()) is not None:
                        yield chunk if shown.passes else shown.take(chunk, llm)
                    shown.end()
                except GivenUpError:
                    self._leave(call)
                except SeamUnprovenError:
                    self._start_over(call)
                except APIError as error:
                    self._fail(call, error)
                else:
                    call.succeed()
                    self._services.note_answer(call.candidate)
                    return

    async def _next_call(self) -> Call:
        """Return the next request: a retry, the next provider, or the first of a new round after a pause.

        Raises `AllProvidersFailed` when there is none.
        """
        self._patience.begin()
        if (call := await self._retry()) is not None:
            return call
        while True:
            taken = None if self._patience.is_over else await self._order.take()
            self._tell(taken[0] if taken else None)
            self._tell_skips()
            if taken is not None:
                self._retries = 0
                return self._start(*taken)
            if (pause := self._pause_before_next_round()) is None:
                raise self._all_failed()
            await self._begin_next_round(*pause)

    async def _retry(self) -> Call | None:
        """Ask the same provider once more, after a pause, where its last failure allows it."""
        failure = self._failure
        if failure is None or failure.retry_in is None:
            return None
        candidate, board = failure.candidate, self._services.board
        self._tell(candidate)
        await self._patience.pause(failure.retry_in)
        permit = await board.admit(candidate.key, lease=candidate.lease) or board.force(candidate.key)
        if permit is None or candidate.key in self._given_up:
            return None  # switched off or given up during the pause
        self._retries += 1
        return self._start(candidate, permit)

    def _start(self, candidate: Candidate, permit: Permit) -> Call:
        self._number += 1
        self._services.emit(AttemptStarted(candidate.llm, self._number))
        left = self._patience.left
        successors = self._order.left()
        # One with successors leaves them half of the time; once it shows that it is at work, what the next one needs.
        share = left / 2 if successors else left
        reserve = min(left / 2, successors[0].settings.attempt_timeout) if successors else 0.0
        budget = self._services.budget(candidate, permit)
        if share < budget.seconds:
            budget = Budget(share, BudgetReason.DEADLINE)
        attempt = Attempt(
            candidate.llm,
            lambda: self._open_stream(candidate.llm, self._shown.partial),
            candidate.settings,
            budget=budget,
            total_left=self._patience.total_left,
            commit_left=left - reserve,
        )
        account, board = self._account, self._services.board
        self._latest = Call(candidate, permit, attempt, board=board, record=account.note, round_=account.round)
        return self._latest

    async def _commit(self, call: Call) -> None:
        """Wait for the first content of `call`. Raises `APIError`."""
        try:
            await call.attempt.commit()
        finally:
            for text in call.attempt.notices:
                self._services.emit(Notice(call.candidate.llm, text))
        assert call.attempt.first_token is not None
        self._patience.end()
        self._services.note_first_content(call.candidate, call.attempt.first_token)
        self._services.board.renew(call.candidate.key, call.permit, seconds=LONGEST_ANSWER)

    def _fail(self, call: Call, error: APIError) -> None:
        """Settle a failed call and decide what follows. Raises `error` where the turn ends with it."""
        candidate, attempt = call.candidate, call.attempt
        self._patience.total_left = attempt.total_left
        self._failure = Failure(candidate, error, attempt.elapsed, self._pause_before_retry(call, error))
        if isinstance(error, TotalTimeoutError):
            self._patience.total_is_over = True
            call.fail_without_blame(error)
        elif self._failure.retry_in is not None:
            call.fail_without_blame(error)
        else:
            self._order.note_failure(candidate, error)
            call.fail(error, alone=self._order.alone)
        if attempt.committed:
            self._break_off(self._failure, attempt)

    def _break_off(self, failure: Failure, attempt: Attempt) -> None:
        """Decide what becomes of the text that was shown. Raises the error where it is the last word of the turn."""
        self._failure = failure = self._shown.break_off(failure, attempt.shown)
        policy = failure.candidate.settings.on_stream_failure
        others = not self._patience.total_is_over and bool(self._order.left())
        if not (others and self._shown.hand_over(policy, only_text=attempt.only_text)):
            self._tell(None)
            raise failure.error

    def _start_over(self, call: Call) -> None:
        """Ask a provider once more that did not continue the text where it broke off. Raises where that cannot be shown."""
        error = APIStreamError("it did not continue the answer where it broke off")
        call.fail_without_blame(error, Outcome.FAILED)  # nothing of it was shown
        self._patience.total_left = call.attempt.total_left
        self._failure = Failure(call.candidate, error, call.attempt.elapsed, retry_in=0.0)
        if not self._shown.discard():
            self._failure = self._failure._replace(retry_in=None)
            self._tell(None)
            raise self._shown.broken.error

    def _leave(self, call: Call) -> None:
        """Go on to the next provider by the user's wish; what this one has shown is void."""
        attempt = call.attempt
        self._patience.total_left = attempt.total_left
        if attempt.committed:
            error = APIError("given up by you", kind=ErrorKind.CANCELLED)
            self._shown.discard(Failure(call.candidate, error, attempt.elapsed, shown=attempt.shown))

    def _tell_skips(self) -> None:
        for candidate in self._options.candidates:
            error = self._order.skips.get(candidate.key)
            if error is not None and candidate.key not in self._skips_told:
                self._skips_told.add(candidate.key)
                self._services.emit(AttemptSkipped(candidate.llm, error))

    def _pause_before_retry(self, call: Call, error: APIError) -> float | None:
        from fallback_chat.core.engine.backoff import retry_wait  # only needed once something has failed

        if call.attempt.committed or self._patience.is_over:
            return None
        return retry_wait(
            error,
            self._retries,
            last=not self._order.left(),
            settings=call.candidate.settings,
            max_wait=self._patience.pauses_left,
            random=self._services.random,
        )

    def _pause_before_next_round(self) -> tuple[float, LLM] | None:
        """Return after how many seconds it makes sense to ask the chain again, and for whose sake."""
        if self._order.stopped or self._patience.is_over:
            return None
        pauses = [
            (max(self._services.board.rest(one.key, error), SHORTEST_PAUSE), one.llm)
            for one in self._options.candidates
            if one.key not in self._given_up
            and (error := self._account.error_of(one)) is not None
            and (rule(error.kind).waiting_helps or error.retry_after is not None)
        ]
        shortest = min(pauses, key=lambda pause: pause[0], default=None)
        return shortest if shortest is not None and shortest[0] <= self._patience.pauses_left else None

    async def _begin_next_round(self, seconds: float, llm: LLM) -> None:
        self._patience.end()
        self._services.emit(Waiting(seconds, self._services.board.now() + seconds, llm))
        await self._patience.pause(seconds)
        self._account.begin_round(self._order)
        self._order = self._new_order()
        self._patience.begin()

    def _new_order(self, *, insist: bool = False) -> Order:
        left = [one for one in self._options.candidates if one.key not in self._given_up]
        return Order(left, self._services.board, tokens=self._options.tokens, insist=insist)

    def _tell(self, following: Candidate | None) -> None:
        """Emit what the last failure, or the user's wish, leads to; once."""
        failure, self._failure = self._failure, None
        llm, latest = following.llm if following else None, self._latest
        if failure is not None:
            self._last_error = failure.error
            after = failure.shown is not None
            self._services.emit(
                AttemptFailed(
                    failure.candidate.llm, failure.error, failure.elapsed, llm, failure.retry_in, after_content=after
                )
            )
            if llm is not None and llm is not failure.candidate.llm:
                self._services.emit(FailedOver(failure.candidate.llm, llm, failure.error))
        elif latest is not None and llm is not None and latest.candidate.key in self._given_up:
            self._services.emit(ProviderGivenUp(latest.candidate.llm, llm))

    def _all_failed(self) -> AllProvidersFailed:
        error = AllProvidersFailed(self.attempts, deadline_exceeded=self._patience.was_exceeded)
        error.__cause__ = self._last_error
        self._services.emit(AllFailed(error))
        return error
