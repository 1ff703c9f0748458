"""What a turn is asked, what bounds it, and what it borrows from its adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.hedging import Hedge
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event


class TurnOptions(NamedTuple):
    """What is asked, and what bounds the turn; times in seconds."""

    candidates: Sequence[Candidate]
    """In the order in which they are to be asked."""
    tokens: int
    """About how many the conversation takes."""
    insist: bool
    """Ask the first candidate even while it rests."""
    deadline: float | None
    """To the first content of a round, over all providers."""
    total_timeout: float | None
    """For the whole answer, pauses not counted."""
    max_wait: float
    """For all pauses together."""
    can_discard: bool = True
    """Whether text that was shown can be taken back."""


class Services(NamedTuple):
    """What a turn borrows from its adapter."""

    board: HealthBoard
    emit: Callable[[Event], None]
    budget: Callable[[Candidate, Permit], Budget]
    hedge: Callable[[Candidate, Budget], Hedge]
    note_hedge: Callable[[], None]
    note_first_content: Callable[[Candidate, float], None]
    note_answer: Callable[[Candidate], None]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Failure(NamedTuple):
    """A call that failed and whose consequences have not been told yet."""

    candidate: Candidate
    error: APIError
    elapsed: float
    retry_in: float | None = None
    shown: int | None = None
    """Characters of it that had been handed out; None when it failed before its first content."""
