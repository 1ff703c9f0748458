"""One request of a turn: its provider, its permit and its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from fallback_chat.core.attempts import AttemptRecord, Outcome
from fallback_chat.core.engine.budget import BudgetReason
from fallback_chat.core.errors import APITimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from fallback_chat.core.engine.attempt import Attempt
    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError


class Call:
    """An attempt together with its permit.

    It is settled once, by `succeed()` or a `fail` method. A call that leaves its `async with`
    unsettled was interrupted from outside: it is recorded as cancelled and releases its permit,
    which blames nobody. Leaving closes the connection in any case.
    """

    def __init__(  # noqa: PLR0913 - everything a request holds, and where it is settled
        self,
        candidate: Candidate,
        permit: Permit,
        attempt: Attempt,
        *,
        board: HealthBoard,
        record: Callable[[AttemptRecord], None],
        round_: int,
    ) -> None:
        self.candidate = candidate
        self.permit = permit
        self.attempt = attempt
        self._board = board
        self._record = record
        self._round = round_
        self._settled = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not self._settled:
            self._settle(Outcome.CANCELLED)
            self._board.hand_back(self.candidate.key, self.permit)
        await self.attempt.aclose()

    def succeed(self) -> None:
        """Settle the call after a complete answer."""
        self._settle(Outcome.OK)
        self._board.succeed(self.candidate.key, self.permit)

    def fail(self, error: APIError, *, alone: bool) -> None:
        """Settle the call with a failure that counts against the provider.

        `alone` means that no other provider could be asked.
        """
        self._settle(self._failed, error)
        budget = self.attempt.budget.reason
        cut_short = isinstance(error, APITimeoutError) and budget in (BudgetReason.TRIAL, BudgetReason.DEADLINE)
        self._board.fail(self.candidate.key, self.permit, error, alone=alone, cut_short=cut_short)

    def blame(self, error: APIError) -> None:
        """Let a failure that blamed nobody count against the provider after all."""
        if (permit := self._board.force(self.candidate.key)) is not None:
            self._board.fail(self.candidate.key, permit, error, alone=False)

    def fail_without_blame(self, error: APIError, outcome: Outcome | None = None) -> None:
        """Settle the call with a failure that says nothing about the provider, or nothing yet."""
        self._settle(outcome or self._failed, error)
        self._board.hand_back(self.candidate.key, self.permit)

    @property
    def _failed(self) -> Outcome:
        return Outcome.PARTIAL if self.attempt.committed else Outcome.FAILED

    def _settle(self, outcome: Outcome, error: APIError | None = None) -> None:
        assert not self._settled, "a call is settled once"
        self._settled = True
        llm, attempt = self.candidate.llm, self.attempt
        self._record(
            AttemptRecord(
                provider=self.candidate.name,
                kind=llm.kind,
                model=llm.model,
                outcome=outcome,
                error=error,
                first_token=attempt.first_token,
                elapsed=attempt.elapsed,
                budget=attempt.budget.seconds,
                budget_reason=attempt.budget.reason.value,
                round=self._round,
            )
        )
