"""The health of the chain's providers: where the records live, and the board on which requests sign in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from fallback_chat.core.engine import breaker
from fallback_chat.core.engine.breaker import Health, Permit, Result
from fallback_chat.core.engine.policy import Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.errors import APIError


class HealthStore(Protocol):
    """Keeps one `Health` per provider key."""

    def read(self, key: str) -> Health:
        """Give the record of `key`; a new, closed one where there is none."""
        ...

    def update(self, key: str, change: Callable[[Health], Health]) -> tuple[Health, Health]:
        """Replace the record of `key` by `change(record)`, with nobody in between; gives the old and the new one."""
        ...


class MemoryHealthStore:
    """Health records of this process alone."""

    def __init__(self) -> None:
        self._records: dict[str, Health] = {}

    def read(self, key: str) -> Health:
        """Give the record of `key`."""
        return self._records.get(key, Health())

    def update(self, key: str, change: Callable[[Health], Health]) -> tuple[Health, Health]:
        """Replace the record of `key` by `change(record)`."""
        before = self.read(key)
        after = self._records[key] = change(before)
        return before, after


class Change(NamedTuple):
    """A provider's availability changed."""

    key: str
    health: Health
    reason: str
    """The kind of the failure behind it, or what brought it back: `success`, `probe`, `user`."""
    cause: APIError | None
    """The failure behind it; None when it came back, or by the user."""


class HealthBoard:
    """Applies the circuit breaker to the stored records and reports every change of availability, once."""

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
        self._on_change = on_change

    def read(self, key: str) -> Health:
        """Give the record of one provider."""
        return self._store.read(key)

    def admit(self, key: str, *, lease: float) -> Permit | None:
        """Ask for a permit in the ordinary way: closed, or the first one after the time is over (for `lease` seconds)."""
        permit: Permit | None = None

        def change(health: Health) -> Health:
            nonlocal permit
            health, permit = breaker.admit(health, self._clock(), lease)
            return health

        self._update(key, change)
        return permit

    def renew(self, key: str, permit: Permit, *, seconds: float) -> None:
        """Let the holder of a lease keep it for so long from now."""
        if permit.half_open:
            self._update(key, lambda health: breaker.renew(health, permit, self._clock(), seconds))

    def force(self, key: str) -> Permit | None:
        """Ask for a permit as the last resort; only a disabled provider refuses it."""
        return breaker.force(self._store.read(key))

    def succeed(self, key: str, permit: Permit) -> None:
        """Sign out after a whole answer."""
        self._settle(key, permit, Result(Verdict.SUCCESS))

    def fail(self, key: str, permit: Permit, error: APIError, *, alone: bool) -> None:
        """Sign out after a failure; `alone` says that no other provider could have been asked."""
        result = Result(
            verdict(error),
            reason=error.kind,
            retry_after=error.retry_after,
            alone=alone,
            jitter=2 * self._random() - 1,
        )
        self._settle(key, permit, result, cause=error)

    def hand_back(self, key: str, permit: Permit) -> None:
        """Sign out having learned nothing: the user cancelled."""
        self._settle(key, permit, Result(Verdict.NEUTRAL))

    def now(self) -> float:
        """Return the wall-clock time, in seconds."""
        return self._clock()

    def rest(self, key: str, error: APIError) -> float:
        """Return the seconds until a provider that failed with `error` is worth asking again."""
        if error.retry_after is not None:
            return error.retry_after
        until = self._store.read(key).until
        return breaker.FIRST_COOLDOWN if until is None else max(until - self._clock(), 0.0)

    def set_enabled(self, key: str, *, enabled: bool, reason: str = "user") -> None:
        """Take a provider out of use, or back into it."""
        change = breaker.enable if enabled else breaker.disable
        self._update(key, lambda health: change(health, self._clock()), reason=reason)

    def _settle(self, key: str, permit: Permit, result: Result, cause: APIError | None = None) -> None:
        reason = result.reason or "success"
        self._update(key, lambda health: breaker.settle(health, permit, result, self._clock()), reason, cause)

    def _update(
        self, key: str, change: Callable[[Health], Health], reason: str = "", cause: APIError | None = None
    ) -> None:
        before, after = self._store.update(key, change)
        if before.available is not after.available:
            self._on_change(Change(key, after, reason, cause))
