"""The rounds of a turn: which provider is asked next, and after which pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.engine.backoff import retry_wait, round_wait
from fallback_chat.core.engine.order import Order
from fallback_chat.core.events import AttemptLate, Waiting

if TYPE_CHECKING:
    from collections.abc import Collection

    from fallback_chat.core.engine.account import Account
    from fallback_chat.core.engine.backoff import RoundWait
    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.call import Call
    from fallback_chat.core.engine.consent import Consent
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.engine.patience import Patience
    from fallback_chat.core.engine.turn import Failure, Services, TurnOptions
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.llm import LLM


class Rounds:
    """Walks along the chain, once per round; `order` is the current walk."""

    def __init__(
        self, options: TurnOptions, services: Services, patience: Patience, account: Account, consent: Consent
    ) -> None:
        self._consent = consent
        self._options = options
        self._services = services
        self._patience = patience
        self._account = account
        self._given_up: set[str] = set()
        self._retries = 0
        """Requests beyond the first to the current provider."""
        self.order = self._new_order(insist=options.insist)
        self.too_far: float | None = None
        """Seconds to the next round, if that is longer than the user would wait."""

    def give_up(self, candidate: Candidate) -> None:
        """Do not ask this provider again in this turn."""
        self._given_up.add(candidate.key)

    def steer(self, without: Collection[LLM], first: LLM | None) -> None:
        """Skip all of `without` from the next attempt on, and ask `first` next if possible."""
        self._consent.chosen = first
        for one in self._options.candidates:
            if one.llm is first:
                self.order.prefer(one)
            elif any(one.llm is llm for llm in without):
                self.give_up(one)
                self.order.leave_out(one)

    async def take(self, failure: Failure | None) -> tuple[Candidate, Permit] | None:
        """Return the next provider of this round with a permit to ask it; None at the end.

        `failure` is the reason for the switch.
        """
        while not self._patience.is_over and (taken := await self.order.take()) is not None:
            if await self._may_ask(*taken, failure):
                self._retries = 0
                return taken
        return None

    async def take_beside(self, late: Call) -> tuple[Candidate, Permit] | None:
        """Return a provider to ask in parallel with a late one, or None if none suits.

        One on the same machine is asked instead of it, once its time is over: the two would only
        slow each other down.
        """
        taken = None if self._patience.is_over else await self.order.take_serving()
        if taken is None:
            return None
        candidate, _ = taken
        machine = late.candidate.llm.machine
        shares_machine = machine is not None and candidate.llm.machine == machine
        needs_consent = self._consent.is_needed(candidate)
        if needs_consent or shares_machine:
            self.order.put_back(*taken)
            if not needs_consent and late.attempt.late.is_set():
                late.attempt.time_out()
            return None
        if not late.attempt.late.is_set():
            self._services.note_hedge()
        self._services.emit(AttemptLate(late.candidate.llm, candidate.llm, late.attempt.elapsed))
        return taken

    async def _may_ask(self, candidate: Candidate, permit: Permit, failure: Failure | None) -> bool:
        """Ask for consent if needed, while no clock runs; without it the provider is skipped."""
        if not self._consent.is_needed(candidate):
            return True
        agreed = False
        try:
            with self._patience.standing_still():
                refusal = await self._consent.refusal(candidate, None if failure is None else failure.error)
            agreed = refusal is None
        finally:
            if not agreed:  # nor if the question was cancelled
                self._services.board.hand_back(candidate.key, permit)
        if refusal is not None:
            self.order.refuse(candidate, refusal)
        return agreed

    def pause_before_retry(self, call: Call, error: APIError) -> float | None:
        """Return the seconds until the same provider is asked again; None if it is not."""
        if call.attempt.committed or self._patience.is_over:
            return None
        return retry_wait(
            error,
            self._retries,
            last=not self.order.left(),
            settings=call.candidate.settings,
            max_wait=self._patience.pauses_left,
            random=self._services.random,
        )

    async def retry(self, failure: Failure) -> tuple[Candidate, Permit] | None:
        """Return the provider of `failure` again after its pause, or None if it has left."""
        assert failure.retry_in is not None
        candidate, board = failure.candidate, self._services.board
        await self._patience.pause(failure.retry_in)
        if self._patience.is_over or candidate.key in self._given_up:
            return None  # closing the last request took too long, or it was given up in the pause
        permit = await board.admit(candidate.key, lease=candidate.lease) or board.force(candidate.key)
        if permit is None:
            return None  # disabled during the pause
        self._retries += 1
        return candidate, permit

    def pause_before_next(self) -> RoundWait | None:
        """Return how long to wait for the next round; None if there is none."""
        if self.order.stopped or self._patience.is_over:
            return None
        services, left = self._services, self._patience.pauses_left
        wait = round_wait(self._not_given_up(), self._account, services.board, max_wait=left, random=services.random)
        if wait is not None and wait.seconds > left:
            self.too_far = wait.seconds
            return None
        return wait

    async def begin_next(self, wait: RoundWait) -> None:
        """Wait, and start the next round."""
        self._patience.end()
        until = self._services.board.now() + wait.seconds
        self._services.emit(Waiting(wait.seconds, until, wait.llm, wait.error))
        await self._patience.pause(wait.seconds)
        self._account.begin_round(self.order)
        self.order = self._new_order()
        self._patience.begin()

    def _new_order(self, *, insist: bool = False) -> Order:
        return Order(
            self._not_given_up(),
            self._services.board,
            tokens=self._options.tokens,
            insist=insist,
            rules_out=self._consent.rules_out,
        )

    def _not_given_up(self) -> list[Candidate]:
        return [one for one in self._options.candidates if one.key not in self._given_up]
