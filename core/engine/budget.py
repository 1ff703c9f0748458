"""The time limit for a provider's first content: one rule, applied once per request.

The first line that applies decides:

    asked      the user set `attempt_timeout` for this provider or for this run
    thinks     the model may think silently: `thinking_timeout`, if that is longer
    asked      the user set `attempt_timeout` for the chain
    local      the server runs on this machine and may have to load the model: 120 s
    learned    three times the 95th percentile of its last answers, between 5 s and
               `thinking_timeout`
    default    10 s

A provider on trial after an outage gets half of that, or three times its usual time, because the
user waits for it. If it had timed out, a learned limit is doubled instead, so that a limit that is
too short does not exclude a provider for ever. A provider that shares a deadline may get less.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine.settings import TimeoutSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.engine.settings import AttemptSettings


class BudgetReason(StrEnum):
    """The rule that set the budget."""

    ASKED = "asked"
    DEFAULT = "default"
    LOCAL = "local"
    THINKS = "thinks"
    LEARNED = "learned"
    TRIAL = "trial"
    DEADLINE = "deadline"


class Budget(NamedTuple):
    """The time limit up to the first content."""

    seconds: float
    reason: BudgetReason


ENOUGH_SAMPLES: Final = 10
SHORTEST_LEARNED: Final = 5.0
SIZE_CLASSES: Final = (1_000, 8_000, 64_000)
"""Upper bounds in prompt tokens; times are only compared within a class: long prompts take longer.
"""
_REASON_OF: Final = {
    TimeoutSource.ASKED: BudgetReason.ASKED,
    TimeoutSource.CHAIN: BudgetReason.ASKED,
    TimeoutSource.LOCAL: BudgetReason.LOCAL,
    TimeoutSource.DEFAULT: BudgetReason.DEFAULT,
}


def first_content_budget(
    settings: AttemptSettings,
    *,
    thinks: bool = False,
    trial: bool = False,
    timed_out: bool = False,
    samples: Sequence[float] = (),
) -> Budget:
    """Return the time limit up to the first content.

    `samples` are the seconds that its last answers took to get there; `timed_out` means that the
    trial follows a time-out.
    """
    budget = Budget(settings.attempt_timeout, _REASON_OF[settings.attempt_timeout_source])
    if thinks and settings.attempt_timeout_source is not TimeoutSource.ASKED:
        budget = max(budget, Budget(settings.thinking_timeout, BudgetReason.THINKS), key=lambda one: one.seconds)
    if budget.reason is BudgetReason.DEFAULT and len(samples) >= ENOUGH_SAMPLES:
        usual = 3 * p95(samples) * (2 if timed_out else 1)
        learned = min(max(usual, SHORTEST_LEARNED), settings.thinking_timeout)
        return Budget(learned, BudgetReason.LEARNED)
    if trial and samples and budget.reason is not BudgetReason.THINKS:
        fair = max(budget.seconds / 2, 3 * p95(samples))
        budget = min(budget, Budget(fair, BudgetReason.TRIAL), key=lambda one: one.seconds)
    return budget


def size_class(tokens: int) -> int:
    """Return the size class of a prompt with about `tokens` tokens, 0 for the smallest."""
    return sum(tokens > limit for limit in SIZE_CLASSES)


def p95(samples: Sequence[float]) -> float:
    """Return the value that at most one in twenty `samples` exceeds."""
    # Not from `statistics`, which pulls in decimal fractions: 3 ms at import.
    return sorted(samples)[(19 * len(samples) - 1) // 20]
