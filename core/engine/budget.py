"""How long a provider has for its first content, and why: one rule, applied once per request.

The first line that applies decides:

    asked      the user set `attempt_timeout` for this provider or for this run
    thinks     the model may think silently: `thinking_timeout`, where that is longer
    asked      the user set `attempt_timeout` for the chain
    local      the server runs on this machine and may have to load the model: 120 s
    default    10 s

What that gives is cut for a provider on trial after an outage, because the user waits for it, and for
one that shares a deadline with others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine.settings import TimeoutSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.engine.settings import AttemptSettings


class BudgetReason(StrEnum):
    """Which rule set the budget."""

    ASKED = "asked"
    DEFAULT = "default"
    LOCAL = "local"
    THINKS = "thinks"
    LEARNED = "learned"
    TRIAL = "trial"
    DEADLINE = "deadline"


class Budget(NamedTuple):
    """The time to the first content."""

    seconds: float
    reason: BudgetReason


_REASON_OF: Final = {
    TimeoutSource.ASKED: BudgetReason.ASKED,
    TimeoutSource.CHAIN: BudgetReason.ASKED,
    TimeoutSource.LOCAL: BudgetReason.LOCAL,
    TimeoutSource.DEFAULT: BudgetReason.DEFAULT,
}


def first_content_budget(
    settings: AttemptSettings, *, thinks: bool = False, trial: bool = False, samples: Sequence[float] = ()
) -> Budget:
    """Return the time to the first content; `samples` are the seconds that the provider's last answers took to it."""
    budget = Budget(settings.attempt_timeout, _REASON_OF[settings.attempt_timeout_source])
    meant = settings.attempt_timeout_source is TimeoutSource.ASKED
    if thinks and not meant and settings.thinking_timeout > budget.seconds:
        return Budget(settings.thinking_timeout, BudgetReason.THINKS)
    if trial and samples:
        fair = max(budget.seconds / 2, 3 * p95(samples))
        if fair < budget.seconds:
            return Budget(fair, BudgetReason.TRIAL)
    return budget


def p95(samples: Sequence[float]) -> float:
    """Return the value that at most one in twenty `samples` exceeds."""
    # The module `statistics` would pull in decimal fractions: 3 ms at import.
    return sorted(samples)[(19 * len(samples) - 1) // 20]
