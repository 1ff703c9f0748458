"""Each provider's figures in the stored turns: answers, times, failovers, tokens and cost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.conversations.summaries import KEPT, LATEST
from fallback_chat.core.storage.sqlite import read_only
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fallback_chat.core.config.settings import Prices

DAY: Final = 86_400.0
PERIODS: Final[dict[str, float | None]] = {"session": None, "day": DAY, "week": 7 * DAY, "all": float("inf")}
"""Seconds that each period covers; `session` is the most recent conversation."""
_TURNS: Final = f"SELECT asked, provider, attempts, usage FROM turns WHERE {KEPT}"  # noqa: S608 - only constants
_OF_LAST_SESSION: Final = f"{_TURNS} AND session = ({LATEST})"
LONGEST: Final = 1e6
"""Seconds; no first word took longer, whatever a damaged file says."""


@dataclass(slots=True)
class ProviderStats:
    """One provider in one period."""

    answers: int = 0
    first_content: list[float] = field(default_factory=list)
    """Seconds, of its answers."""
    failures: Counter[str] = field(default_factory=Counter)
    """Failed attempts by their kind, each of which led to a fail-over or to the end of the turn."""
    input: int = 0
    output: int = 0
    cached: int = 0
    charged: float | None = None
    """The charge that the provider reports."""

    @property
    def median(self) -> float | None:
        """The middle one of the first-content times."""
        return _quantile(self.first_content, 0.5)

    @property
    def p95(self) -> float | None:
        """The time within which 95 % of its answers had their first content."""
        return _quantile(self.first_content, 0.95)

    def cost(self, price: Prices | None) -> float | None:
        """Return the cost by the configured price, or as the provider reports it, or None."""
        if price is None:
            return self.charged
        cached = price.input if price.cached is None else price.cached
        paid = (self.input - self.cached) * price.input + self.cached * cached + self.output * price.output
        return paid / 1_000_000


def stats_of(path: Path, now: float) -> dict[str, dict[str, ProviderStats]]:
    """Return the figures of each provider by period, empty without a file.

    Raises `StorageError`.
    """
    with read_only(path) as connection:
        if connection is None:
            return {period: {} for period in PERIODS}
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        turns = connection.execute(_TURNS).fetchall()
        last = connection.execute(_OF_LAST_SESSION).fetchall()

    def since(seconds: float) -> Iterator[Any]:
        return (turn for turn in turns if isinstance(turn[0], float | int) and now - turn[0] < seconds)

    return {period: collected(last if seconds is None else since(seconds)) for period, seconds in PERIODS.items()}


def collected(turns: Iterable[Any]) -> dict[str, ProviderStats]:
    """Count turns: rows of moment, provider, attempts and usage; unreadable values are skipped."""
    found: dict[str, ProviderStats] = {}
    for _, provider, attempts, usage in turns:
        for attempt in _objects(attempts):
            _count(attempt, found)
        if isinstance(provider, str) and provider:
            for spent in _objects(usage):
                _spend(spent, found.setdefault(provider, ProviderStats()))
    return found


def _count(attempt: Mapping[str, Any], found: dict[str, ProviderStats]) -> None:
    name, outcome = attempt.get("provider"), attempt.get("outcome")
    if not isinstance(name, str) or outcome not in ("ok", "failed", "partial"):
        return
    one = found.setdefault(name, ProviderStats())
    if outcome != "ok":
        error = attempt.get("error")
        kind = error.get("kind") if isinstance(error, dict) else None
        one.failures[kind if isinstance(kind, str) else "unknown"] += 1
        return
    one.answers += 1
    first = attempt.get("first_token_ms")
    if isinstance(first, float | int) and 0 <= first <= LONGEST * 1000:
        one.first_content.append(first / 1000)


def _spend(usage: Mapping[str, Any], one: ProviderStats) -> None:
    one.input += _tokens(usage.get("input"))
    one.output += _tokens(usage.get("output"))
    one.cached += _tokens(usage.get("cached"))
    cost = usage.get("cost")
    if isinstance(cost, float | int) and 0 <= cost < float("inf"):
        one.charged = (one.charged or 0.0) + cost


def _tokens(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0


def _objects(text: object) -> list[Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return []
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else None
