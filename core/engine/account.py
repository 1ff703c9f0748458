"""The account of a turn: every request so far, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.core.attempts import AttemptRecord, Outcome

if TYPE_CHECKING:
    from fallback_chat.core.engine.order import Candidate, Order
    from fallback_chat.core.errors import APIError


class Account:
    """Collects attempt records; in each round the skipped providers come first."""

    def __init__(self) -> None:
        self.round = 1
        self._past: list[AttemptRecord] = []
        self._present: list[AttemptRecord] = []

    def note(self, record: AttemptRecord) -> None:
        """Add an attempt of the current round."""
        self._present.append(record)

    def attempts(self, order: Order) -> tuple[AttemptRecord, ...]:
        """Return all records; `order` is that of the current round."""
        return (*self._past, *self._passed_over(order), *self._present)

    def begin_round(self, order: Order) -> None:
        """Close the current round, which had `order`."""
        self._past += (*self._passed_over(order), *self._present)
        self._present = []
        self.round += 1

    def error_of(self, candidate: Candidate) -> APIError | None:
        """Return the last error of `candidate` in this round, or None."""
        return next((one.error for one in reversed(self._present) if one.provider == candidate.name), None)

    def _passed_over(self, order: Order) -> list[AttemptRecord]:
        return [
            AttemptRecord(
                one.name,
                one.llm.kind,
                one.llm.model,
                Outcome.SKIPPED,
                order.skips.get(one.key),
                round=self.round,
            )
            for one in order.passed_over
        ]
