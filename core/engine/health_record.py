"""A health record as stores keep it: a row of plain values, which anybody may have written."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = tuple(field.name for field in fields(Health))
LATEST: Final = 1e11
"""Seconds since the epoch; a moment in the year 5138, near the end of our calendars."""
MOST: Final = 2**53
"""No counter gets there; beyond it, adding one would no longer fit into a column."""


def record_of(columns: Sequence[Any]) -> Health | None:
    """Return the record in a row of `COLUMNS`; None where it makes no sense."""
    try:
        state, reason, since, until, opens, failures, empties, generation, holder = columns
        health = Health(State(state), reason, float(since), until, opens, failures, empties, generation, holder)
    except (TypeError, ValueError):
        return None
    sensible = (
        health.state is not State.DISABLED  # which is one process's own, and never stored
        and isinstance(reason, str | None)
        and isinstance(until, float | int | None)
        and (until is not None or health.available)
        and all(0 <= moment < LATEST for moment in (health.since, until or 0))
        and all(type(number) is int and 0 <= number < MOST for number in (opens, failures, empties, generation))
        and isinstance(holder, str)
    )
    return health if sensible else None
