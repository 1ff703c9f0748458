"""When a second provider is asked in parallel with a late one: by the settings, within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine.budget import ENOUGH_SAMPLES, p95
from fallback_chat.core.engine.settings import HedgeAfter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.engine.budget import Budget


class Hedge(NamedTuple):
    """When another provider is asked in parallel; in seconds."""

    after: float | None
    """Time without content from the first one; None for the end of its budget."""
    grace: float = 0.0
    """Extra time that the first one then gets."""


NEVER: Final = Hedge(None)
TURNS: Final = 10
"""Turns that earn one early second request, which may be paid for in vain."""
MOST_SAVED: Final = 5
"""Early second requests that quiet turns can save up: stalls rarely come alone."""


class Hedging:
    """Decides for one chain, and counts its turns."""

    def __init__(self, hedge_after: float | str) -> None:
        self._after = hedge_after
        self._earned = TURNS - 1
        """Turns that have not been spent yet; the first turn may hedge."""

    def begin_turn(self) -> None:
        """Count one more turn."""
        self._earned = min(self._earned + 1, MOST_SAVED * TURNS)

    def hedge(self, budget: Budget, samples: Sequence[float]) -> Hedge:
        """Return when another provider is asked in parallel with one that has this budget."""
        match self._after:
            case HedgeAfter.OFF:
                return NEVER
            case HedgeAfter.P95 if len(samples) >= ENOUGH_SAMPLES:
                return self._early(p95(samples), budget)
            case float() | int() as seconds:
                return self._early(seconds, budget)
            case _:
                return Hedge(None, grace=budget.seconds)

    def note_hedge(self) -> None:
        """Count a second request sent before the first one's time was over."""
        self._earned -= TURNS

    def _early(self, seconds: float, budget: Budget) -> Hedge:
        if self._earned < TURNS or seconds >= budget.seconds:
            return Hedge(None, grace=budget.seconds)
        return Hedge(seconds, grace=budget.seconds)
