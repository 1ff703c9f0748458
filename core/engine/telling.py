"""The events of a turn about failures: what failed and what follows, and who was skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.events import (
    AllFailed,
    AttemptFailed,
    AttemptSkipped,
    FailedOver,
    Notice,
    ProviderGivenUp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.core.attempts import AttemptRecord
    from fallback_chat.core.engine.attempt import Attempt
    from fallback_chat.core.engine.call import Call
    from fallback_chat.core.engine.order import Candidate, Order
    from fallback_chat.core.engine.turn import Failure
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM


class Teller:
    """Emits the events of a turn that look back on what happened, each once."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._skips: set[str] = set()
        self._noticed: set[tuple[Attempt, str]] = set()
        self.failure: Failure | None = None
        """The last failure, until its consequence is reported."""
        self.left: LLM | None = None
        """The provider that the user has given up, until that is reported."""
        self.last_error: APIError | None = None

    def notices(self, call: Call) -> None:
        """Report the request options that a provider did not receive."""
        for text in call.attempt.notices:
            if (call.attempt, text) not in self._noticed:
                self._noticed.add((call.attempt, text))
                self._emit(Notice(call.candidate.llm, text))

    def skips(self, candidates: Sequence[Candidate], order: Order) -> None:
        """Report the skipped providers, with reasons."""
        for candidate in candidates:
            error = order.skips.get(candidate.key)
            if error is not None and candidate.key not in self._skips:
                self._skips.add(candidate.key)
                self._emit(AttemptSkipped(candidate.llm, error))

    def what_follows(self, following: Candidate | None, *, moves_on: bool = True, overtaken: bool = False) -> None:
        """Report the consequence of the last failure, or of the user's wish.

        Without `moves_on`, `following` was asked earlier and may still answer.
        """
        failure, self.failure = self.failure, None
        left, self.left = self.left, None
        llm = following.llm if following else None
        if failure is not None:
            self.last_error = failure.error
            self._emit(
                AttemptFailed(
                    failure.candidate.llm,
                    failure.error,
                    failure.elapsed,
                    llm,
                    failure.retry_in,
                    after_content=failure.shown is not None,
                    overtaken=overtaken,
                )
            )
            if moves_on and llm is not None and llm is not failure.candidate.llm:
                self._emit(FailedOver(failure.candidate.llm, llm, failure.error))
        elif left is not None and llm is not None:
            self._emit(ProviderGivenUp(left, llm))

    def all_failed(
        self, attempts: Sequence[AttemptRecord], *, deadline_exceeded: bool, next_round: float | None
    ) -> AllProvidersFailed:
        """Report that no provider is left; return the error to raise."""
        error = AllProvidersFailed(attempts, deadline_exceeded=deadline_exceeded, next_round=next_round)
        error.__cause__ = self.last_error
        self._emit(AllFailed(error))
        return error
