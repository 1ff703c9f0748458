"""The failover loop of one turn: ask, wait for the first content, hand it on, or move on.

The stream is the turn, from the question to the final word. A turn consists of rounds. A round
walks along the chain and asks each provider at most once, apart from retries (`max_retry_per_llm`).
When a round has failed and waiting would help, the turn pauses and starts another one; all pauses
together take at most `max_wait`.

The order of events:

    turn     = round (Waiting round)* [AllFailed]
    round    = request+
    request  = AttemptStarted [AttemptLate AttemptStarted] ending

    ending                            what follows
    content and a proper end          nothing: the turn is over
    AttemptFailed with retry_in       a pause, then the same provider again
    AttemptFailed, FailedOver         the next provider, or the one already asked in parallel
    ProviderGivenUp                   the next provider, by the user's wish
    AttemptFailed without next        Waiting and a new round, or the end of the turn

Before its first content an attempt has shown nothing, so that providers change without a trace. A
late provider may keep running while the next one is asked as well (AttemptLate); the first content
wins, and the loser is closed before any text is handed out.

After content, a failure ends the turn with its error, unless `on_stream_failure` passes the text
on:

    restart     The text is void as soon as another provider has content (StreamRestarted).
    continue    The text of the next provider is held back until the seam is proven
                (StreamContinued). If it never is, that provider is asked once more, to start over.

Text that the consumer cannot take back is never restarted.

Each of these closes what stands beside it, from the inside out:

    Attempt     the provider's stream
    Call        its attempt; it also settles its permit and writes its record, once
    Contest     its calls and the tasks that wait for them, however it is left
    _run        its contest, of which at most one is open
    aclose()    the generator `_run`, from any task; it returns when all of the above is closed

So a turn that is read to its end, cancelled, or closed by another task leaves no open connection
and no unsettled permit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from fallback_chat.core.attempts import Outcome
from fallback_chat.core.engine.account import Account
from fallback_chat.core.engine.attempt import Attempt
from fallback_chat.core.engine.call import Call
from fallback_chat.core.engine.clocks import TotalTimeoutError
from fallback_chat.core.engine.consent import Consent
from fallback_chat.core.engine.contest import Contest
from fallback_chat.core.engine.hedging import NEVER
from fallback_chat.core.engine.link import Contact
from fallback_chat.core.engine.patience import Patience
from fallback_chat.core.engine.reading import AnswerStream
from fallback_chat.core.engine.rounds import Rounds
from fallback_chat.core.engine.seam import SeamUnprovenError
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.engine.shown import ShownText
from fallback_chat.core.engine.telling import Teller
from fallback_chat.core.engine.turn import Failure
from fallback_chat.core.engine.watchdog import GivenUpError
from fallback_chat.core.errors import APIError, APIStreamError, ErrorKind
from fallback_chat.core.events import AttemptStarted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection

    from fallback_chat.core.attempts import AttemptRecord, Segment
    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.engine.turn import Services, TurnOptions
    from fallback_chat.core.llm import LLM, ChatChunk, LLMStream

LONGEST_ANSWER: Final = 300.0
"""Seconds that a provider on trial keeps its lease once it has begun to answer."""


class FallbackLLMStream(AnswerStream):
    """The answer of the chain; `attempts` reports at any time how it came about."""

    def __init__(self, options: TurnOptions, services: Services, open_stream: Callable[[LLM, str], LLMStream]) -> None:
        super().__init__()
        self._options = options
        self._services = services
        self._open_stream = open_stream
        self._account = Account()
        self._patience = Patience(options, services.sleep)
        consent = Consent(next(iter(options.candidates), None), options.decide)
        self._rounds = Rounds(options, services, self._patience, self._account, consent)
        self._number = 0
        self._latest: Call | None = None
        """The request started last, whether or not it has shown content."""
        self._open: list[Call] = []
        """The open requests, the older one first."""
        self._teller = Teller(services.emit)
        self._contact = Contact(services.link, services.emit)
        may_continue = any(one.settings.on_stream_failure is OnStreamFailure.CONTINUE for one in options.candidates)
        self._shown = ShownText(services.emit, may_continue=may_continue, can_discard=options.can_discard)

    @property
    def llm(self) -> LLM | None:
        """The provider of the text so far; None before the first content."""
        return self._shown.llm

    @property
    def gives_up_in(self) -> float | None:
        """Seconds until the current provider must send a sign of life; None if none is asked."""
        return None if self._latest is None else self._latest.attempt.gives_up_in

    @property
    def thought_ago(self) -> float | None:
        """Seconds since the last sign of thinking before the answer; None if there was none."""
        return None if self._latest is None else self._latest.attempt.thought_ago

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every request so far, in order; in each round the skipped providers come first."""
        return self._account.attempts(self._rounds.order)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The parts of the text by provider, if another one was proven to continue it."""
        return self._shown.segments

    @property
    def is_under_way(self) -> bool:
        """Whether a provider has been asked and the turn is not over."""
        return self._latest is not None and not self.ended

    @property
    def can_give_up(self) -> bool:
        """Whether another provider, already asked or still left, could take over, text included."""
        call = self._current
        if self.ended or call is None or (call.attempt.committed and not self._shown.can_leave):
            return False
        return len(self._open) > 1 or bool(self._rounds.order.left())

    @property
    def _current(self) -> Call | None:
        """The request that the user would give up: the older of two."""
        return self._open[0] if self._open else self._latest

    def give_up(self) -> bool:
        """Leave the current provider, the older of two, for the next.

        Return False if there is no other, or if its text cannot be taken back.
        """
        call = self._current
        if call is None or not self.can_give_up:
            return False
        self._rounds.give_up(call.candidate)
        if not self._patience.skip():
            call.attempt.give_up()
        return True

    def steer(self, without: Collection[LLM], first: LLM | None) -> None:
        """Skip all of `without` from the next attempt on, and ask `first` next if possible."""
        self._rounds.steer(without, first)

    async def _run(self) -> AsyncGenerator[ChatChunk]:
        await self._services.board.refresh()
        self._teller.skips(self._options.candidates, self._rounds.order)
        shown = self._shown
        while True:
            async with Contest(await self._next_call(), second=self._hedge) as contest:
                self._open = contest.calls
                if (call := await self._first_to_speak(contest)) is None:
                    continue
                llm, attempt = call.candidate.llm, call.attempt
                try:
                    if (mark := shown.begin(llm)) is not None:
                        yield mark
                    while (chunk := await attempt.next()) is not None:
                        if chunk.restarted:
                            shown.restart(chunk)
                            attempt.shown = 0
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

    async def _first_to_speak(self, contest: Contest) -> Call | None:
        """Return the first call with content, or None once all have failed and are settled."""
        while contest.calls:
            try:
                call, error = await contest.next_outcome()
            finally:
                for one in contest.calls:
                    self._teller.notices(one)
            if error is None:
                for loser in [one for one in contest.calls if one is not call]:
                    self._lose(loser, call)
                    await contest.close(loser)
                self._commit(call)
                return call
            was_older = call is contest.calls[0]
            if isinstance(error, GivenUpError):
                self._leave(call)
            else:
                self._fail(call, error, alone=len(contest.calls) == 1)
            await contest.close(call)
            if contest.calls:
                self._teller.what_follows(contest.calls[0].candidate, moves_on=was_older)
        return None

    async def _hedge(self, late: Call) -> Call | None:
        """Ask the next provider in parallel with a late one, if that makes sense."""
        taken = await self._rounds.take_beside(late)
        return None if taken is None else self._start(*taken, beside=late)

    def _lose(self, loser: Call, winner: Call) -> None:
        """Settle a call that another one has beaten; it is only to blame if its time was over."""
        if not loser.attempt.late.is_set():
            return  # cancelled, which blames nobody
        error = loser.attempt.late_failure
        self._rounds.order.note_failure(loser.candidate, error)
        loser.fail(error, alone=False)
        self._teller.failure = Failure(loser.candidate, error, loser.attempt.elapsed)
        self._teller.what_follows(winner.candidate, overtaken=True)

    async def _next_call(self) -> Call:
        """Return the next request: a retry, the next provider, or the start of a new round.

        Raises `AllProvidersFailed` if there is none.
        """
        self._patience.begin()
        failure = self._teller.failure
        if failure is not None and failure.retry_in is not None:
            self._teller.what_follows(failure.candidate)
            if (taken := await self._rounds.retry(failure)) is not None:
                return self._start(*taken)
        while True:
            taken = await self._rounds.take(self._teller.failure)
            self._teller.what_follows(taken[0] if taken else None)
            self._contact.nobody_else(taken[0] if taken else None, self._rounds.order.left())
            self._teller.skips(self._options.candidates, self._rounds.order)
            if taken is not None:
                return self._start(*taken)
            if (pause := self._rounds.pause_before_next()) is None:
                exceeded, next_round = self._patience.was_exceeded, self._rounds.too_far
                raise self._teller.all_failed(self.attempts, deadline_exceeded=exceeded, next_round=next_round)
            await self._rounds.begin_next(pause)

    def _start(self, candidate: Candidate, permit: Permit, *, beside: Call | None = None) -> Call:
        self._number += 1
        self._services.emit(AttemptStarted(candidate.llm, self._number))
        successors = self._rounds.order.left()
        if beside is not None:
            self._patience.note_total(beside.attempt.total_left)
        budget, commit_left = self._patience.allot(
            self._services.budget(candidate, permit),
            next_needs=successors[0].settings.attempt_timeout if successors else None,
        )
        attempt = Attempt(
            candidate.llm,
            lambda: self._open_stream(candidate.llm, self._shown.partial),
            candidate.settings,
            budget=budget,
            total_left=self._patience.total_left,
            commit_left=commit_left,
            # Two that are late must not hold up the third.
            hedge=NEVER
            if beside and successors
            else self._patience.limit(self._services.hedge(candidate, budget), budget),
        )
        account, board = self._account, self._services.board
        self._latest = Call(candidate, permit, attempt, board=board, record=account.note, round_=account.round)
        return self._latest

    def _commit(self, call: Call) -> None:
        """Record that the first content of `call` has arrived."""
        assert call.attempt.first_token is not None
        self._latest = call
        self._patience.end()
        self._contact.note_answer(call.candidate.llm)
        self._services.note_first_content(call.candidate, call.attempt.first_token)
        self._services.board.renew(call.candidate.key, call.permit, seconds=LONGEST_ANSWER)

    def _fail(self, call: Call, error: APIError, *, alone: bool = True) -> None:
        """Settle a failed call and decide what follows. Raises `error` if it ends the turn.

        `alone` means that no other call is open: only then may it be retried.
        """
        candidate, attempt = call.candidate, call.attempt
        self._patience.note_total(attempt.total_left)
        retry_in = self._rounds.pause_before_retry(call, error) if alone else None
        self._teller.failure = Failure(candidate, error, attempt.elapsed, retry_in)
        if isinstance(error, TotalTimeoutError):
            self._patience.total_is_over = True
            call.fail_without_blame(error)
        elif retry_in is not None or self._contact.note_failure(call, error):
            call.fail_without_blame(error)
        else:
            self._rounds.order.note_failure(candidate, error)
            call.fail(error, alone=self._rounds.order.alone)
        if attempt.committed:
            self._break_off(self._teller.failure, attempt)

    def _break_off(self, failure: Failure, attempt: Attempt) -> None:
        """Decide what becomes of the text shown. Raises the error if it ends the turn."""
        failure = self._teller.failure = self._shown.break_off(failure, attempt.shown)
        policy = failure.candidate.settings.on_stream_failure
        others = not self._patience.total_is_over and bool(self._rounds.order.left())
        if not (others and self._shown.hand_over(policy, only_text=attempt.only_text)):
            self._end_with(failure, failure.error)

    def _start_over(self, call: Call) -> None:
        """Ask a provider once more, to start over, if it did not continue where the text broke off.

        Raises the error of the broken answer if the text cannot be taken back.
        """
        error = APIStreamError("it did not begin where the answer was cut", words="did not continue")
        call.fail_without_blame(error, Outcome.FAILED)  # none of it was shown
        self._patience.note_total(call.attempt.total_left)
        self._teller.failure = Failure(call.candidate, error, call.attempt.elapsed, retry_in=0.0)
        if not self._shown.discard():
            self._end_with(self._teller.failure._replace(retry_in=None), self._shown.broken.error)

    def _end_with(self, failure: Failure, error: APIError) -> NoReturn:
        """Report a failure that nothing follows, and raise the error that ends the turn."""
        self._teller.failure = failure
        self._teller.what_follows(None)
        raise error

    def _leave(self, call: Call) -> None:
        """Move on by the user's wish. Raises `APIError` if its text cannot be taken back."""
        attempt = call.attempt
        self._teller.left = call.candidate.llm
        self._patience.note_total(attempt.total_left)
        if attempt.committed:
            error = APIError("given up by you", kind=ErrorKind.CANCELLED)
            failure = Failure(call.candidate, error, attempt.elapsed, shown=attempt.shown)
            if not self._shown.leave(failure):
                call.fail_without_blame(error)
                self._end_with(failure, error)
