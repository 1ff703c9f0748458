"""Several processes over one store of health, in any order of events: what must hold whatever is killed in between."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from fallback_chat.core.engine.breaker import Health, Permit
from fallback_chat.core.engine.health import HealthBoard
from fallback_chat.core.engine.shared_health import Label, SharedHealthStore
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.engine.news import Change
    from fallback_chat.core.engine.shared_health import HealthBackend

KEY = "a"
LABELS = {KEY: Label(0, "primary", "openai", "big")}
LEASE = 20.0
KINDS = [ErrorKind.TIMEOUT, ErrorKind.RATE_LIMITED, ErrorKind.AUTH, ErrorKind.EMPTY, ErrorKind.BAD_REQUEST]
RETRY_AFTER = st.sampled_from([None, 0.0, 3.0, 100.0, 500.0]) | st.floats(0, 3_000_000)


async def inline(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do at once what the program does in a thread."""
    return work(*arguments)


@dataclass
class Process:
    """One process: its board, and what it was told."""

    board: HealthBoard
    store: SharedHealthStore
    told: list[tuple[float, Change]] = field(default_factory=list)
    """When, and what."""


class Processes(RuleBasedStateMachine):
    """Three processes with one provider; `backend()` opens the store that they share."""

    permits = Bundle("permits")
    AHEAD = (0.0, 0.0, 0.0)
    """Seconds by which the clock of each process's machine is ahead of the store's."""

    def backend(self, ahead: float = 0.0) -> HealthBackend:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.now = 1_700_000_000.0
        self.runner = asyncio.Runner()
        self.watcher = self.backend()
        self.processes = [self.started(ahead) for ahead in self.AHEAD]
        self.leases: list[tuple[float, Permit]] = []
        self.before = Health()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            for process in self.processes:
                self.end(process)
            self.watcher.close()
            self.runner.close()

    def started(self, ahead: float) -> Process:
        told: list[tuple[float, Change]] = []

        def note(change: Change) -> None:
            told.append((self.now, change))

        store = SharedHealthStore(lambda: self.backend(ahead), lambda: True, LABELS, warn=self.warned, run=inline)
        board = HealthBoard(store, clock=lambda: self.now + ahead, random=lambda: 0.5, on_change=note)
        return Process(board, store, told)

    def warned(self, text: str) -> None:
        raise AssertionError(text)

    def stored(self) -> Health:
        return self.watcher.load([KEY]).get(KEY, Health())

    def flushed(self, process: Process) -> None:
        self.runner.run(process.store._write_behind())

    @rule(seconds=st.sampled_from([0.0, 1.0, 14.0, 16.0, 25.0, 61.0, 400.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(index=st.integers(0, 2))
    def look(self, index: int) -> None:
        self.runner.run(self.processes[index].board.refresh())

    @rule(target=permits, index=st.integers(0, 2), looks=st.booleans())
    def ask(self, index: int, looks: bool) -> Any:
        return self.asked(index, looks=looks) or multiple()

    @rule(index=st.integers(0, 2), kind=st.none() | st.sampled_from(KINDS), retry_after=RETRY_AFTER)
    def turn(self, index: int, kind: ErrorKind | None, retry_after: float | None) -> None:
        """Answer a whole question, or fail to; a provider that rests is asked as the last resort."""
        asked = self.asked(index, looks=True) or self.forced(index)
        if asked is not None and kind is None:
            self.succeed(asked)
        elif asked is not None and kind is not None:
            self.fail(asked, kind, retry_after)

    def asked(self, index: int, *, looks: bool) -> tuple[Process, Permit] | None:
        process = self.processes[index]
        if looks:
            self.runner.run(process.board.refresh())
        before = self.stored()
        permit = self.runner.run(process.board.admit(KEY, lease=LEASE))
        if permit is None:
            return None
        if permit.half_open:
            held = [until for until, lease in self.leases if until > self.now and lease.generation == before.generation]
            assert not held, "two hold one lease"
            assert self.stored().generation == permit.generation, "nobody else knows of the lease"
            self.leases.append((self.now + LEASE, permit))
        return process, permit

    @rule(target=permits, index=st.integers(0, 2))
    def insist(self, index: int) -> Any:
        return self.forced(index) or multiple()

    def forced(self, index: int) -> tuple[Process, Permit] | None:
        process = self.processes[index]
        permit = process.board.force(KEY)
        return None if permit is None else (process, permit)

    @rule(asked=permits, kind=st.sampled_from(KINDS), retry_after=RETRY_AFTER)
    def fail(self, asked: tuple[Process, Permit], kind: ErrorKind, retry_after: float | None) -> None:
        process, permit = asked
        if process not in self.processes:
            return  # it was killed meanwhile
        before = self.stored()
        error = APIError("down", kind=kind, details=ErrorDetails(retry_after=retry_after))
        process.board.fail(KEY, permit, error, alone=False)
        self.flushed(process)
        self.release(permit)
        self.check_until(before, permit)

    @rule(asked=permits)
    def succeed(self, asked: tuple[Process, Permit]) -> None:
        process, permit = asked
        if process not in self.processes:
            return
        before = self.stored()
        process.board.succeed(KEY, permit)
        self.flushed(process)
        self.release(permit)
        self.check_until(before, permit)

    @rule(asked=permits)
    def cancel(self, asked: tuple[Process, Permit]) -> None:
        process, permit = asked
        if process not in self.processes:
            return
        before = self.stored()
        process.board.hand_back(KEY, permit)
        self.flushed(process)
        self.release(permit)
        self.check_until(before, permit)

    @rule(index=st.integers(0, 2))
    def kill(self, index: int) -> None:
        """Whatever it held, it will never say how it ended."""
        self.end(self.processes[index])
        self.processes[index] = self.started(self.AHEAD[index])

    def end(self, process: Process) -> None:
        """Let go of what the system would take from it; nothing is written any more."""
        if process.store._backend is not None:
            process.store._backend.close()

    def release(self, permit: Permit) -> None:
        self.leases = [lease for lease in self.leases if lease[1] is not permit]

    def check_until(self, before: Health, permit: Permit) -> None:
        after = self.stored()
        if permit.generation != before.generation:
            assert after == before, "a result of an older generation changed something"
        if before.state is State.OPEN and after.state is State.OPEN and not before.is_due(self.now):
            assert before.until is not None
            assert after.until is not None
            assert after.until >= before.until, "a rest was shortened"

    @invariant()
    def nothing_is_told_without_a_change(self) -> None:
        for process in getattr(self, "processes", ()):
            said = [change.health.available for _, change in process.told]
            assert all(one is not other for one, other in itertools.pairwise(said))
            assert said[:1] in ([], [False], [True])

    @invariant()
    def two_changes_a_minute_are_told_at_most(self) -> None:
        for process in getattr(self, "processes", ()):
            times = [at for at, _ in process.told]
            assert all(third - first >= 60 for first, third in zip(times, times[2:], strict=False))

    @invariant()
    def the_generation_only_grows(self) -> None:
        if hasattr(self, "watcher"):
            after = self.stored()
            assert after.generation >= self.before.generation
            self.before = after
