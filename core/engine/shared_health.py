"""Health records shared by processes: a dead provider costs a whole shell loop one time-out.

The records of this process's providers are mirrored in memory. A backend keeps the shared ones; it
may block, so it is only called in a thread, and the user waits at most `PATIENCE` for it. A backend
that fails is reported once, and the process keeps its own records from then on.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar, cast

from fallback_chat.core.engine.breaker import NOTHING_KNOWN, Health
from fallback_chat.core.engine.health import Samples
from fallback_chat.core.events import State
from fallback_chat.core.loop_lock import LoopLock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from fallback_chat.core.engine.health import HealthChange

T = TypeVar("T")
PATIENCE: Final = 0.1
"""Seconds that a turn, or closing, waits for the store."""

CLOSING: Final = 1.0
"""Seconds that closing waits: on a busy machine a lost record costs the next run a time-out."""
RETRY: Final = 30.0
"""Seconds after which a backend that failed is tried again."""


class Label(NamedTuple):
    """How a provider appears to people who read the shared records; position in the chain."""

    position: int
    name: str
    kind: str
    model: str


class KnownProvider(NamedTuple):
    """One provider in the shared records."""

    key: str
    name: str
    kind: str
    model: str
    health: Health


class HealthBackend(Protocol):
    """Keeps records outside this process.

    Every method may block, and raises `OSError` if it fails.
    """

    notes: list[str]
    """Messages for the user; emptied by their reader."""

    def load(self, keys: Iterable[str]) -> dict[str, Health]:
        """Return the existing records."""

    def samples(self, keys: Iterable[str]) -> list[tuple[str, int, float]]:
        """Return the existing first-content times, the oldest first: key, size class, seconds."""

    def add_samples(self, samples: Iterable[tuple[str, int, float]]) -> None:
        """Add first-content times; only the last `MOST_SAMPLES` of each kind have to be kept."""

    def update(self, key: str, change: HealthChange) -> Health:
        """Replace a record by `change(record)` atomically; return the result."""

    def close(self) -> None:
        """Release the store."""


class SharedHealthStore:
    """A `HealthStore` that mirrors the records of `keys` in a backend.

    `connect` creates the backend once there is something to read, as `exists` reports, or to write;
    `run` calls it in a thread. `records`, the mirror, may outlive the store.
    """

    def __init__(  # noqa: PLR0913 - the outside world is passed in
        self,
        connect: Callable[[], HealthBackend],
        exists: Callable[[], bool],
        keys: Iterable[str],
        *,
        warn: Callable[[str], object],
        records: dict[str, Health] | None = None,
        run: Callable[..., Awaitable[Any]] = asyncio.to_thread,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._exists = exists
        self._keys = frozenset(keys)
        self._warn = warn
        self._records = {} if records is None else records
        self._run = run
        self._backend: HealthBackend | None = None
        self._clock = clock
        self._lost_at: float | None = None
        """When the backend failed, unless it has done its work since."""
        self._alone: set[str] = set()
        """The records that have changed while it failed."""
        self._unwritten: dict[str, list[HealthChange]] = {}
        """Changes that no other process can see yet."""
        self._samples = Samples()
        self._new_samples: list[tuple[str, int, float]] = []
        self._claimed: set[str] = set()
        """Records with a shared change in progress."""
        self._busy = LoopLock()
        self._using_backend = Lock()
        """Another loop's thread may be at it."""
        self._writing: asyncio.Task[None] | None = None

    def read(self, key: str) -> Health:
        """Return the record of `key`."""
        return self._records.get(key, NOTHING_KNOWN)

    def keep(self, key: str, health: Health) -> None:
        """Replace the record of `key` in this process only."""
        self._records[key] = health

    def update(self, key: str, change: HealthChange) -> tuple[Health, Health]:
        """Change the record of `key` at once, and in the backend soon."""
        before = self.read(key)
        after = change(before)
        if after != before:
            self._records[key] = after
            if not self._shares:
                self._alone.add(key)
            elif key in self._keys:
                self._unwritten.setdefault(key, []).append(change)
                self._write_soon()
        return before, after

    @property
    def _shares(self) -> bool:
        """Whether the backend is used: unless it failed a moment ago."""
        return self._lost_at is None or self._clock() - self._lost_at >= RETRY

    def samples(self, key: str, size: int) -> Sequence[float]:
        """Return the first-content times of one provider and size class."""
        return self._samples.of(key, size)

    def note_sample(self, key: str, size: int, seconds: float) -> None:
        """Add a first-content time; this alone does not create a file."""
        self._samples.add(key, size, seconds)
        if self._shares and key in self._keys and (self._backend is not None or self._exists()):
            self._new_samples.append((key, size, seconds))
            self._write_soon()

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            with suppress(RuntimeError):  # without a running loop, the next turn writes it
                self._writing = asyncio.get_running_loop().create_task(self._write_behind())

    async def refresh(self) -> tuple[str, ...]:
        """Load what other processes have learned; return the keys of the changed records."""
        if not self._shares or (self._backend is None and not self._exists()):
            return ()
        found, samples = await self._in_time(
            lambda backend: (backend.load(self._keys), backend.samples(self._keys))
        ) or ({}, [])
        if not self._new_samples:
            self._samples.replace(samples)
        changed = []
        for key, health in found.items():
            known = self.read(key)
            if key not in self._unwritten and known.state is not State.DISABLED and known != health:
                self._records[key] = health
                changed.append(key)
        return tuple(changed)

    async def claim(self, key: str, change: HealthChange) -> bool:
        """Change the record of `key` in the backend first.

        Otherwise two processes could both take a lease.
        """
        if not self._shares or key not in self._keys:
            return self._claim_here(key, change)
        if key in self._claimed:
            return False  # another task of this process was quicker
        self._claimed.add(key)
        try:
            await self._written()
            stands = await self._in_time(lambda backend: backend.update(key, change))
            if stands is None:  # a backend that is only slow may have given the lease to another
                return not self._shares and self._claim_here(key, change)
            self._records[key] = stands
            return True
        finally:
            self._claimed.discard(key)

    def _claim_here(self, key: str, change: HealthChange) -> bool:
        self._records[key] = change(self.read(key))
        return True

    async def aclose(self) -> None:
        """Write pending changes, for at most `CLOSING` seconds, or `PATIENCE` if interrupted.

        Samples alone are not worth more than that, either.
        """
        task = asyncio.current_task()
        hurried = not self._unwritten or (task is not None and task.cancelling())
        if self._unwritten or self._new_samples:
            self._write_soon()
        await self._written(PATIENCE if hurried else CLOSING)
        if self._busy.here().locked():
            return  # the thread hangs: leave it alone
        backend, self._backend = self._backend, None
        if backend is not None:
            await self._run(backend.close)

    async def _written(self, patience: float = PATIENCE) -> None:
        if self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing], timeout=patience)

    async def _write_behind(self) -> None:
        await self._write_records()
        if self._new_samples and self._shares:
            samples, self._new_samples = self._new_samples, []
            await self._do(lambda backend: backend.add_samples(samples))

    async def _write_records(self) -> None:
        while self._unwritten and self._shares:
            key, changes = next(iter(self._unwritten.items()))
            pending = tuple(changes)
            stands = await self._do(lambda backend: backend.update(key, partial(_all_of, pending)))  # noqa: B023
            if stands is None:
                continue
            del changes[: len(pending)]
            if not changes:
                del self._unwritten[key]
                if self.read(key).state is not State.DISABLED:
                    self._records[key] = stands

    async def _in_time(self, work: Callable[[HealthBackend], T]) -> T | None:
        """Run `work` in a thread; return None if it fails or takes too long."""
        task = asyncio.ensure_future(self._do(work))
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        return task.result() if done else None

    async def _do(self, work: Callable[[HealthBackend], T]) -> T | None:
        async with self._busy.here():
            try:
                done = cast("T", await self._run(self._with_backend, work))
            except OSError as error:
                self._degrade(error)
                return None
            else:
                if self._lost_at is not None:
                    self._note_return()
                return done
            finally:
                while self._backend is not None and self._backend.notes:
                    self._warn(self._backend.notes.pop(0))

    def _with_backend(self, work: Callable[[HealthBackend], T]) -> T:
        """Run `work` with the backend; called in a thread."""
        with self._using_backend:
            if self._backend is None:
                self._backend = self._connect()
            return work(self._backend)

    def _degrade(self, error: OSError) -> None:
        is_news = self._lost_at is None
        self._lost_at = self._clock()
        self._alone.update(self._unwritten)
        self._unwritten.clear()
        if is_news:
            where = f"{error.filename}: " if error.filename else ""
            self._warn(f"providers' health is not shared with other processes: {where}{error.strerror or error}")

    def _note_return(self) -> None:
        """Share again, and hand on what was found alone where it is newer."""
        self._lost_at = None
        self._warn("providers' health is shared with other processes again")
        for key in self._alone & self._keys:
            self._unwritten.setdefault(key, []).append(partial(_newer, self.read(key)))
        self._alone.clear()
        self._write_soon()


def _newer(own: Health, stored: Health) -> Health:
    """Return this process's record if it is newer, with a generation that is new to everyone."""
    if own.since <= stored.since or own.state in (State.DISABLED, State.HALF_OPEN):
        return stored
    return replace(own, generation=max(own.generation, stored.generation) + 1)


def _all_of(changes: tuple[HealthChange, ...], health: Health) -> Health:
    for change in changes:
        health = change(health)
    return health
