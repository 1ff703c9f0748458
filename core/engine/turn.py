"""The input of a turn: its options, its limits, and the services of its adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.core.engine.breaker import Permit
    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.hedging import Hedge
    from fallback_chat.core.engine.link import Link
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event, Switch


class TurnOptions(NamedTuple):
    """The options and limits of a turn; times in seconds."""

    candidates: Sequence[Candidate]
    """In the order to ask them."""
    tokens: int
    """Estimated tokens of the conversation."""
    insist: bool
    """Whether to ask the first candidate even while it rests."""
    deadline: float | None
    """Up to the first content of a round, for all providers together."""
    total_timeout: float | None
    """For the whole answer, pauses not counted."""
    max_wait: float
    """For all pauses together."""
    decide: Callable[[Switch], Awaitable[bool]] | None = None
    """Asks the user whether the turn may cross over to a provider that wants consent."""
    can_discard: bool = True
    """Whether text that was shown can be taken back."""


class Services(NamedTuple):
    """The services that a turn borrows from its adapter."""

    board: HealthBoard
    link: Link
    emit: Callable[[Event], None]
    budget: Callable[[Candidate, Permit], Budget]
    hedge: Callable[[Candidate, Budget], Hedge]
    note_hedge: Callable[[], None]
    note_first_content: Callable[[Candidate, float], None]
    note_answer: Callable[[Candidate], None]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Failure(NamedTuple):
    """A failed call whose consequence has not been reported yet."""

    candidate: Candidate
    error: APIError
    elapsed: float
    retry_in: float | None = None
    shown: int | None = None
    """Number of its characters handed out; None if it failed before its first content."""
