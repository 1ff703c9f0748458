"""`fallback-chat stats`: each provider's figures in the stored conversations. No network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.cli.render.lines import say
from fallback_chat.cli.render.listing import write
from fallback_chat.cli.words.amounts import money
from fallback_chat.cli.words.failures import duration
from fallback_chat.cli.words.health import recorded
from fallback_chat.core.answer_json import milliseconds
from fallback_chat.core.conversations.stats import PERIODS, ProviderStats, stats_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.config.settings import Prices
    from fallback_chat.core.errors import Problem

STATS_SCHEMA: Final = "fallback-chat.stats/1"
TITLES: Final = {
    "session": "the last conversation",
    "day": "the last 24 hours",
    "week": "the last 7 days",
    "all": "ever",
}
HEADINGS: Final = ("provider", "answers", "first words", "slowest 5 %", "tokens in", "out", "cost", "failures")


def stats(  # noqa: PLR0913 - time and streams are passed in
    path: Path,
    prices: Mapping[str, Prices],
    now: float,
    out: TextIO,
    err: TextIO,
    *,
    currency: str = "$",
    mistake: Problem | None = None,
    as_json: bool = False,
) -> int:
    """Print a table for each period with anything new. Raises `StorageError`.

    `mistake` is why the prices are unknown.
    """
    found = stats_of(path, now)
    if mistake is not None:
        say(err, f"fallback-chat: no prices are known: {mistake}")
    if as_json:
        periods = {
            period: {name: _object(one, prices.get(name)) for name, one in providers.items()}
            for period, providers in found.items()
        }
        out.write(json.dumps({"schema": STATS_SCHEMA, "periods": periods}) + "\n")
    elif not found["all"]:
        say(err, "nothing is recorded: no conversation is stored yet")
    else:
        for number, period in enumerate(filter(found.get, PERIODS)):
            out.write("\n" * bool(number) + f"{TITLES[period]}\n")
            entries = [_entry(name, one, prices.get(name), currency) for name, one in found[period].items()]
            write(out, HEADINGS, entries, color="auto")
    return 0


def _entry(name: str, one: ProviderStats, price: Prices | None, currency: str) -> tuple[str, ...]:
    cost = one.cost(price)
    failures = ", ".join(f"{recorded(kind) or kind} {count}" for kind, count in one.failures.most_common())
    return (
        name,
        str(one.answers),
        _time(one.median),
        _time(one.p95),
        str(one.input),
        str(one.output),
        "-" if cost is None else money(cost, currency),
        failures or "-",
    )


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(max(seconds, 0.01))


def _object(one: ProviderStats, price: Prices | None) -> dict[str, Any]:
    return {
        "answers": one.answers,
        "first_content_ms": {"median": milliseconds(one.median), "p95": milliseconds(one.p95)},
        "failures": dict(one.failures),
        "tokens": {"input": one.input, "output": one.output, "cached": one.cached},
        "cost": one.cost(price),
    }
