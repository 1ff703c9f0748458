"""The circuit breaker of one provider: a pure state machine with the clock passed in.

    CLOSED ──failure──▶ OPEN(until) ──time──▶ HALF_OPEN(lease) ──success──▶ CLOSED
       └──auth, quota, unknown model──▶ BLOCKED(until)               DISABLED: by the user

A request needs a `Permit`, which carries the generation of the state it started in. Its result is
settled with that permit, and a result from an older generation changes nothing. So five requests
that fail together open the breaker once. `TRANSITIONS` is the whole machine: what happens in each
state for each verdict. Times are wall-clock seconds, because the record may be shared between
processes and outlive them.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.engine.policy import DAY, Verdict, rule
from fallback_chat.core.events import State
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.core.errors import ErrorKind

FIRST_REST: Final = 15.0
"""Seconds; doubles with every further opening."""
LONGEST_REST: Final = 300.0
"""Seconds; only a server may ask for a longer one."""
JITTER: Final = 0.2
JITTER_OF_RESETS: Final = 1.0
"""Seconds by which a rest may be longer than the server asked for."""
FAILURES_WHEN_ALONE: Final = 3
"""Failures in a row that open the breaker of a provider without alternative."""
EMPTIES_IN_A_ROW: Final = 2
RELAPSE: Final = 60.0
"""Seconds; a provider that fails again so soon after it came back is flapping."""
RELAPSE_REST: Final = 120.0
"""Minimum rest of a flapping provider in seconds, unless it names its own: each return of it may
cost a turn."""
LONGEST_CREDIBLE_REST: Final = 32 * DAY
"""Seconds; only another program or a wrong clock can have written a longer one."""
CLOCKS_DIFFER: Final = 5.0
"""Seconds by which the moments of two processes may differ without a clock having been set back."""
LATEST: Final = 1e11
"""Seconds since the epoch; a moment in the year 5138, near the end of our calendars."""
MOST: Final = 2**53
"""No counter gets there; beyond it, adding one would no longer fit into a column."""


@dataclass(frozen=True, slots=True)
class Health:
    """The health record of one provider."""

    state: State = State.CLOSED
    reason: str | None = None
    """The kind of failure that led here."""
    since: float = 0.0
    until: float | None = None
    """OPEN and BLOCKED: end of the rest. HALF_OPEN: end of the lease."""
    opens: int = 0
    """Openings since the last success: the n of the rest."""
    failures: int = 0
    empties: int = 0
    generation: int = 0
    holder: str = ""
    """HALF_OPEN: the holder of the lease."""

    @property
    def available(self) -> bool:
        """Whether the chain asks this provider by default."""
        return self.state is State.CLOSED

    def left(self, now: float) -> float | None:
        """Return the seconds until its time is over, 0.0 from then on; None if it has no end.

        It is over if the clock was set back to before `since`, and no longer than
        `LONGEST_CREDIBLE_REST`: better to ask in vain than never.
        """
        if self.until is None:
            return None
        if now < self.since - CLOCKS_DIFFER:
            return 0.0
        return max(0.0, min(self.since + LONGEST_CREDIBLE_REST, self.until) - now)  # in this order, NaN is none

    def is_due(self, now: float) -> bool:
        """Whether its time is over."""
        return self.left(now) == 0.0


NOTHING_KNOWN: Final = Health()
"""The record of a provider that has no record."""
COLUMNS: Final = tuple(field.name for field in fields(Health))
"""A record as stores keep it: a row of plain values, which anybody may have written."""


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


class Permit(NamedTuple):
    """Permission to send one request."""

    generation: int
    half_open: bool = False


class Result(NamedTuple):
    """The result of a permitted request."""

    verdict: Verdict
    reason: ErrorKind | None = None
    retry_after: float | None = None
    """Seconds."""
    alone: bool = False
    """Whether no other provider could have been asked."""
    jitter: float = 0.0
    """Between -1 and 1."""
    cut_short: bool = False
    """A trial that ran out of less than the provider's full time."""


def rest(opens: int, *, jitter: float = 0.0, retry_after: float | None = None) -> float:
    """Return the seconds for which a provider rests after `opens` earlier rests.

    `jitter` is between -1 and 1. A server's `retry_after` prevails, plus up to a second. Without
    one it is 15 · 2ⁿ ± 20 %, at most 300; likewise if the server was asked at the time it gave, and
    failed again.
    """
    told = retry_after if retry_after is not None and retry_after > 0 else None
    if told is not None and opens == 0:
        return told + JITTER_OF_RESETS * (1 + jitter) / 2
    doubled = FIRST_REST * 2.0 ** min(opens if told is None else opens - 1, 10)
    return max(min(doubled * (1 + JITTER * jitter), LONGEST_REST), told or 0.0)


def _rest(health: Health, result: Result, now: float) -> float:
    """Return the seconds for which a provider that has failed rests.

    A trial that was cut short proves little, so it repeats the rest instead of doubling it.
    """
    opens = health.opens - 1 if result.cut_short and health.state is State.HALF_OPEN else health.opens
    seconds = rest(max(opens, 0), jitter=result.jitter, retry_after=result.retry_after)
    came_back = health.state is State.CLOSED and health.generation > 0
    if came_back and result.retry_after is None and 0 <= now - health.since < RELAPSE:
        return max(seconds, RELAPSE_REST)
    return seconds


def block_time(opens: int, result: Result) -> float:
    """Return the seconds after which a blocked provider is worth another try.

    A server's `retry_after` prevails.
    """
    if result.retry_after is not None and result.retry_after > 0:
        return result.retry_after
    first = DAY if result.reason is None else rule(result.reason).first_block
    return min(first * 2.0 ** min(opens, 10), DAY)


def admit(health: Health, now: float, lease: float, *, holder: str = "") -> tuple[Health, Permit | None]:
    """Return a permit: freely while closed; one holder at a time, for `lease` seconds, when due."""
    if health.state is State.CLOSED:
        return health, Permit(health.generation)
    if health.state is State.DISABLED or not health.is_due(now):
        return health, None
    trying = _moved(health, State.HALF_OPEN, now, until=now + lease, holder=holder)
    return trying, Permit(trying.generation, half_open=True)


def force(health: Health) -> Permit | None:
    """Return a permit in any state but DISABLED: the last resort, or the user's explicit wish."""
    return None if health.state is State.DISABLED else Permit(health.generation)


def renew(health: Health, permit: Permit, now: float, seconds: float) -> Health:
    """Extend a lease by `seconds`: a long answer must not lose it to the next request."""
    if health.state is not State.HALF_OPEN or permit.generation != health.generation:
        return health
    return replace(health, until=now + seconds)


def settle(health: Health, permit: Permit, result: Result, now: float) -> Health:
    """Return the record after the request of `permit` ended with `result`."""
    stale = permit.generation != health.generation
    # A forced request that ran alongside the lease holder must not release the lease.
    beside = health.state is State.HALF_OPEN and not permit.half_open and result.verdict is Verdict.NEUTRAL
    if stale or beside:
        return health
    return TRANSITIONS[health.state, result.verdict](health, result, now)


def disable(health: Health, now: float) -> Health:
    """Disable the provider until `enable`."""
    return _moved(health, State.DISABLED, now)


def enable(health: Health, now: float) -> Health:
    """Enable the provider with a clean record."""
    return _closed(health, Result(Verdict.SUCCESS), now)


def _moved(health: Health, state: State, now: float, *, until: float | None = None, holder: str = "") -> Health:
    return replace(health, state=state, since=now, until=until, generation=health.generation + 1, holder=holder)


def _same(health: Health, _result: Result, _now: float) -> Health:
    return health


def _reset_counters(health: Health, _result: Result, _now: float) -> Health:
    return replace(health, opens=0, failures=0, empties=0)


def _closed(health: Health, _result: Result, now: float) -> Health:
    return Health(State.CLOSED, since=now, generation=health.generation + 1)


def _failed(health: Health, result: Result, now: float) -> Health:
    failures = health.failures + 1
    if result.alone and failures < FAILURES_WHEN_ALONE:
        return replace(health, failures=failures)
    return _opened(replace(health, failures=failures), result, now)


def _empty(health: Health, result: Result, now: float) -> Health:
    empties = health.empties + 1
    if empties < EMPTIES_IN_A_ROW:
        return replace(health, empties=empties)
    return _failed(replace(health, empties=empties), result, now)


def _opened(health: Health, result: Result, now: float) -> Health:
    until = now + _rest(health, result, now)
    if health.state is State.OPEN and health.until is not None and not health.is_due(now):
        until = max(until, health.until)
    opened = _moved(health, State.OPEN, now, until=until)
    repeated = result.cut_short and health.state is State.HALF_OPEN
    return replace(opened, reason=result.reason, opens=health.opens + (not repeated))


def _blocked(health: Health, result: Result, now: float) -> Health:
    blocked = _moved(health, State.BLOCKED, now, until=now + block_time(health.opens, result))
    return replace(blocked, reason=result.reason, opens=health.opens + 1)


def _handed_back(health: Health, _result: Result, now: float) -> Health:
    """Release the lease: the holder learned nothing, and the next request may try at once."""
    return _moved(health, State.OPEN, now, until=now)


TRANSITIONS: Final[dict[tuple[State, Verdict], Callable[[Health, Result, float], Health]]] = {
    (State.CLOSED, Verdict.SUCCESS): _reset_counters,
    (State.CLOSED, Verdict.OPEN): _failed,
    (State.CLOSED, Verdict.OPEN_ON_REPEAT): _empty,
    (State.CLOSED, Verdict.BLOCK): _blocked,
    (State.CLOSED, Verdict.NEUTRAL): _same,
    (State.HALF_OPEN, Verdict.SUCCESS): _closed,
    (State.HALF_OPEN, Verdict.OPEN): _opened,
    (State.HALF_OPEN, Verdict.OPEN_ON_REPEAT): _opened,
    (State.HALF_OPEN, Verdict.BLOCK): _blocked,
    (State.HALF_OPEN, Verdict.NEUTRAL): _handed_back,
    # Open or blocked and asked all the same: as the last resort, or by the user's wish.
    (State.OPEN, Verdict.SUCCESS): _closed,
    (State.OPEN, Verdict.OPEN): _opened,
    (State.OPEN, Verdict.OPEN_ON_REPEAT): _opened,
    (State.OPEN, Verdict.BLOCK): _blocked,
    (State.OPEN, Verdict.NEUTRAL): _same,
    (State.BLOCKED, Verdict.SUCCESS): _closed,
    (State.BLOCKED, Verdict.OPEN): _same,
    (State.BLOCKED, Verdict.OPEN_ON_REPEAT): _same,
    (State.BLOCKED, Verdict.BLOCK): _blocked,
    (State.BLOCKED, Verdict.NEUTRAL): _same,
    (State.DISABLED, Verdict.SUCCESS): _same,
    (State.DISABLED, Verdict.OPEN): _same,
    (State.DISABLED, Verdict.OPEN_ON_REPEAT): _same,
    (State.DISABLED, Verdict.BLOCK): _same,
    (State.DISABLED, Verdict.NEUTRAL): _same,
}
