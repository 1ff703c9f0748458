"""Provider health: the stores of the records, and the board on which requests report.

Reads come from memory and never wait. A change takes effect in memory at once and reaches a shared
store in the background; only taking a half-open lease waits for the store, because two processes
must not hold one at the same time.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from fallback_chat.core.engine import breaker
from fallback_chat.core.engine.breaker import NOTHING_KNOWN, Health, Permit, Result
from fallback_chat.core.engine.news import BY_USER, Change, News
from fallback_chat.core.engine.policy import Verdict, verdict
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from fallback_chat.core.errors import APIError


HealthChange = Callable[[Health], Health]
"""Changes a record. It may be applied more than once, to the record as it is by then."""


@runtime_checkable
class HealthStore(Protocol):
    """Keeps one `Health` per provider key."""

    def read(self, key: str) -> Health:
        """Return the record of `key`, a closed one if it is new. Never waits."""

    def update(self, key: str, change: HealthChange) -> tuple[Health, Health]:
        """Change the record of `key` here at once, elsewhere soon; return old and new record."""

    def keep(self, key: str, health: Health) -> None:
        """Replace the record of `key` in this process only."""

    def samples(self, key: str, size: int) -> Sequence[float]:
        """Return the first-content times of the last answers in one size class, in seconds."""

    def note_sample(self, key: str, size: int, seconds: float) -> None:
        """Add a first-content time."""

    async def refresh(self) -> tuple[str, ...]:
        """Load what other processes have learned; return the keys of the changed records."""

    async def claim(self, key: str, change: HealthChange) -> bool:
        """Change the shared record of `key` first; return False if that takes too long."""

    async def aclose(self) -> None:
        """Store pending changes and release the store."""


MOST_SAMPLES: Final = 50
"""First-content times kept per provider and size class."""


class Samples:
    """The latest first-content times by provider and size class, in seconds."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, int], deque[float]] = defaultdict(lambda: deque(maxlen=MOST_SAMPLES))

    def of(self, key: str, size: int) -> Sequence[float]:
        """Return the times of one provider and size class."""
        return self._seconds[key, size]

    def add(self, key: str, size: int, seconds: float) -> None:
        """Add a first-content time."""
        self._seconds[key, size].append(seconds)

    def replace(self, found: Iterable[tuple[str, int, float]]) -> None:
        """Replace what is known of the same providers and size classes by `found`."""
        fresh: dict[tuple[str, int], list[float]] = defaultdict(list)
        for key, size, seconds in found:
            fresh[key, size].append(seconds)
        for place, seconds_ in fresh.items():
            self._seconds[place].clear()
            self._seconds[place].extend(seconds_)


class MemoryHealthStore:
    """Health records of this process only; `records` may outlive the store."""

    def __init__(self, records: dict[str, Health] | None = None) -> None:
        self._records = {} if records is None else records
        self._samples = Samples()

    def read(self, key: str) -> Health:
        """Return the record of `key`."""
        return self._records.get(key, NOTHING_KNOWN)

    def update(self, key: str, change: HealthChange) -> tuple[Health, Health]:
        """Change the record of `key`."""
        before = self.read(key)
        after = self._records[key] = change(before)
        return before, after

    def keep(self, key: str, health: Health) -> None:
        """Replace the record of `key`."""
        self._records[key] = health

    def samples(self, key: str, size: int) -> Sequence[float]:
        """Return the times noted so far."""
        return self._samples.of(key, size)

    def note_sample(self, key: str, size: int, seconds: float) -> None:
        """Add a sample."""
        self._samples.add(key, size, seconds)

    async def refresh(self) -> tuple[str, ...]:
        """Return nothing: no other process shares the records."""
        return ()

    async def claim(self, key: str, change: HealthChange) -> bool:
        """Change the record of `key`."""
        self.update(key, change)
        return True

    async def aclose(self) -> None:
        """Do nothing."""


_RESTS: Final = (State.OPEN, State.HALF_OPEN, State.BLOCKED)


class HealthBoard:
    """Applies the circuit breaker to the stored records; reports changes of availability."""

    def __init__(
        self,
        store: HealthStore,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
        on_change: Callable[[Change], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._news = News(on_change, clock)
        self._holder = os.urandom(8).hex()

    def read(self, key: str) -> Health:
        """Return the record of one provider."""
        return self._store.read(key)

    def now(self) -> float:
        """Return the wall-clock time in seconds."""
        return self._clock()

    def rest(self, key: str, error: APIError) -> float:
        """Return the seconds until a provider that failed with `error` is worth asking again."""
        if error.retry_after is not None:
            return error.retry_after
        left = self.read(key).left(self._clock())
        return breaker.FIRST_REST if left is None else left

    def samples(self, key: str, size: int) -> Sequence[float]:
        """Return the first-content times of the last answers in one size class, in seconds."""
        return self._store.samples(key, size)

    def note_sample(self, key: str, size: int, seconds: float) -> None:
        """Record the time that an answer took to its first content."""
        self._store.note_sample(key, size, seconds)

    async def refresh(self) -> None:
        """Load what other processes have learned about the providers; report held changes."""
        for key in await self._store.refresh():
            health = self.read(key)
            self._news.note(Change(key, health, health.reason or "success", None))
        self._news.catch_up(self.read)

    async def admit(self, key: str, *, lease: float) -> Permit | None:
        """Return a regular permit, or None: breaker closed, or the first request when due.

        The first request holds a lease for `lease` seconds.
        """
        now = self._clock()
        _, permit = breaker.admit(self.read(key), now, lease)
        if permit is None or not permit.half_open:
            return permit

        awaited = True

        def take_lease(health: Health) -> Health:
            nonlocal permit
            if awaited:  # a slow store may get here when nobody would use the lease any more
                health, permit = breaker.admit(health, now, lease, holder=self._holder)
            return health

        try:
            return permit if await self._store.claim(key, take_lease) else None
        finally:
            awaited = False

    def due(self, keys: Iterable[str]) -> list[str]:
        """Return those of `keys` that are out of use though their rest is over: worth a check."""
        now = self._clock()
        return [key for key in keys if (health := self.read(key)).state in _RESTS and health.is_due(now)]

    def renew(self, key: str, permit: Permit, *, seconds: float) -> None:
        """Extend the lease to `seconds` from now."""
        if permit.half_open:
            now = self._clock()
            self._change(key, lambda health: breaker.renew(health, permit, now, seconds))

    def force(self, key: str) -> Permit | None:
        """Return a permit as the last resort; None only for a disabled provider."""
        return breaker.force(self.read(key))

    def succeed(self, key: str, permit: Permit) -> None:
        """Report a complete answer."""
        self._settle(key, permit, Result(Verdict.SUCCESS))

    def fail(self, key: str, permit: Permit, error: APIError, *, alone: bool, cut_short: bool = False) -> None:
        """Report a failure.

        `alone` means that no other provider could have been asked, `cut_short` that it had less
        than its full time.
        """
        result = Result(
            verdict(error),
            reason=error.kind,
            retry_after=error.retry_after,
            alone=alone,
            jitter=2 * self._random() - 1,
            cut_short=cut_short,
        )
        self._settle(key, permit, result, cause=error)

    def hand_back(self, key: str, permit: Permit) -> None:
        """Release a permit without a result: the user cancelled."""
        self._settle(key, permit, Result(Verdict.NEUTRAL))

    def note_check(self, key: str, error: APIError | None, permit: Permit | None = None) -> None:
        """Record the result of a health check, on `permit` if it holds one: None, or a failure.

        A disabled provider stays disabled.
        """
        permit = permit or self.force(key)
        if permit is None:
            return
        if error is None:
            self._settle(key, permit, Result(Verdict.SUCCESS), came_back="probe")
        else:
            self.fail(key, permit, error, alone=False)

    def set_enabled(self, key: str, *, enabled: bool) -> None:
        """Disable a provider in this process, or enable it with a clean record."""
        before, now = self.read(key), self._clock()
        if enabled:
            self._change(key, lambda health: breaker.enable(health, now), BY_USER)
        else:
            self._news.assume(key, available=before.available)
            self._store.keep(key, breaker.disable(before, now))
            self._news.note(Change(key, self.read(key), BY_USER, None))

    async def aclose(self) -> None:
        """Store pending changes."""
        await self._store.aclose()

    def _settle(
        self, key: str, permit: Permit, result: Result, cause: APIError | None = None, *, came_back: str = "success"
    ) -> None:
        now = self._clock()
        self._change(key, lambda health: breaker.settle(health, permit, result, now), result.reason or came_back, cause)

    def _change(self, key: str, change: HealthChange, reason: str = "", cause: APIError | None = None) -> None:
        before, after = self._store.update(key, change)
        self._news.assume(key, available=before.available)
        self._news.note(Change(key, after, reason, cause))
