"""News of availability: each change of a provider once, and at most two of them a minute."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.engine.breaker import Health
    from fallback_chat.core.errors import APIError

MOST: Final = 2
WINDOW: Final = 60.0
"""Seconds in which at most `MOST` changes of one provider are reported."""
BY_USER: Final = "user"
"""The reason of a change that the user made, which is reported at once."""


class Change(NamedTuple):
    """A change in a provider's availability."""

    key: str
    health: Health
    reason: str
    """The kind of failure, or the reason for coming back: `success`, `probe`, `user`."""
    cause: APIError | None
    """The failure behind it; None when it came back, by the user, or in another process."""


class News:
    """Passes changes to `on_change`.

    A further change within the minute is held until it is over, and dropped if it has been undone.
    `clock` is in seconds.
    """

    def __init__(self, on_change: Callable[[Change], None], clock: Callable[[], float]) -> None:
        self._on_change = on_change
        self._clock = clock
        self._known: dict[str, bool] = {}
        """The availability of each provider as last reported."""
        self._times: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST))
        """When the last changes were reported."""
        self._held: dict[str, Change] = {}

    def assume(self, key: str, *, available: bool) -> None:
        """Take this for the known availability, unless one was reported or assumed before."""
        self._known.setdefault(key, available)

    def note(self, change: Change) -> None:
        """Report `change`, or hold it, if the availability differs from the last report."""
        key, available = change.key, change.health.available
        self._held.pop(key, None)
        if self._known.get(key, True) is available:
            return
        if change.reason != BY_USER and self._is_busy(key):
            self._held[key] = change
            return
        self._known[key] = available
        self._times[key].append(self._clock())
        self._on_change(change)

    def catch_up(self, read: Callable[[str], Health]) -> None:
        """Report held changes whose time has come, with the providers' present records."""
        for held in tuple(self._held.values()):
            self.note(held._replace(health=read(held.key)))

    def _is_busy(self, key: str) -> bool:
        times = self._times[key]
        return len(times) == MOST and 0 <= self._clock() - times[0] < WINDOW
