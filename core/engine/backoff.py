"""When a provider is asked again within a turn: alone after a short pause, or in a new round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine.breaker import JITTER_OF_RESETS
from fallback_chat.core.engine.policy import Retry, may_retry, rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fallback_chat.core.engine.account import Account
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.llm import LLM

FIRST_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 8.0
WAIT_WITH_SUCCESSOR: Final = 2.0
"""Seconds; a provider that asks for more loses the turn to the next one."""

SHORTEST_PAUSE: Final = 1.0
"""Seconds between two rounds, even if a provider asks for less."""


class RoundWait(NamedTuple):
    """The pause before the next round."""

    seconds: float
    llm: LLM
    """The provider that is expected to be back by then."""
    error: APIError
    """Why it could not answer."""


def backoff(retry: int, interval: float, random: Callable[[], float]) -> float:
    """Return the seconds before retry number `retry` (from 0).

    Full jitter over 0.5 · 2ⁿ, capped by `interval` and by 8.
    """
    return random() * min(FIRST_BACKOFF * 2.0 ** min(retry, 10), interval, MAX_BACKOFF)


def retry_wait(  # noqa: PLR0913 - the decision depends on these six facts alone
    error: APIError,
    retry: int,
    *,
    last: bool,
    settings: AttemptSettings,
    max_wait: float,
    random: Callable[[], float],
) -> float | None:
    """Return the seconds to wait before asking the same provider again, or None not to.

    `retry` counts the retries so far, `last` means that no other provider is left for this turn,
    and `max_wait` is how long the user is willing to wait for the last one.
    """
    allowed = settings.max_retry_per_llm
    if allowed is None:
        allowed = 1 if last else 0
    if retry >= allowed or not may_retry(error):
        return None
    how = rule(error.kind).retry
    if (how is Retry.LAST and not last) or (how is Retry.ONCE and retry >= 1):
        return None
    wait = error.retry_after
    if wait is None:
        return backoff(retry, settings.retry_interval, random)
    return max(wait, 0.0) if wait <= (max_wait if last else min(WAIT_WITH_SUCCESSOR, max_wait)) else None


def round_wait(
    candidates: Iterable[Candidate],
    account: Account,
    board: HealthBoard,
    *,
    max_wait: float,
    random: Callable[[], float],
) -> RoundWait | None:
    """Return when to ask `candidates` again, and for whose sake; None if waiting helps nobody.

    It may be later than the `max_wait` seconds that the user would wait. If a server has named the
    time, up to a second is added, as far as `max_wait` allows: clients that were told the same
    moment must not all come back at once.
    """
    waits = [
        RoundWait(max(board.rest(one.key, error), SHORTEST_PAUSE), one.llm, error)
        for one in candidates
        if (error := account.error_of(one)) is not None
        and (rule(error.kind).waiting_helps or error.retry_after is not None)
    ]
    wait = min(waits, key=lambda wait: wait.seconds, default=None)
    if wait is None or wait.seconds > max_wait or wait.error.retry_after is None:
        return wait
    return wait._replace(seconds=min(wait.seconds + JITTER_OF_RESETS * random(), max_wait))
