"""A provider's time limit to start answering, and its reason, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.budget import BudgetReason

if TYPE_CHECKING:
    from fallback_chat.core.engine.budget import Budget

_WHY: Final = {
    BudgetReason.ASKED: "as you wrote",
    BudgetReason.DEFAULT: "the default",
    BudgetReason.LOCAL: "a model on this machine may have to be loaded",
    BudgetReason.THINKS: "it may think silently",
    BudgetReason.LEARNED: "from its last answers",
    BudgetReason.TRIAL: "a trial after an outage",
    BudgetReason.DEADLINE: "the deadline left no more",
}


def budget_words(budget: Budget) -> str:
    """Return the time and its reason: `10 s (the default)`."""
    return f"{budget.seconds:.3g} s ({_WHY[budget.reason]})"
