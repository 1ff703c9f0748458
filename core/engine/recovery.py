"""Recovery in the background: checking providers once their rest is over."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.engine import breaker
from fallback_chat.core.engine.check import check
from fallback_chat.core.engine.link import is_local, lacks_route
from fallback_chat.core.engine.policy import HOUR, RULES, rule
from fallback_chat.core.engine.settings import Recovery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.link import Link
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event

ROUND: Final = 5.0
"""Seconds between two looks at the records, those of other processes included."""
CHECK_TIME: Final = 10.0
"""Seconds for one check."""
LEASE: Final = 3 * CHECK_TIME
TOKENS_PER_CHECK: Final = 16
TOKENS_PER_HOUR: Final = 64
LONGEST_OFFLINE_PAUSE: Final = 30.0
CURED_BY_LIST: Final = frozenset(kind for kind, row in RULES.items() if row.cured_by_list)
"""A recorded reason, which is a string, is found among them, too."""


class World(NamedTuple):
    """The services that the watch borrows from its chain."""

    board: HealthBoard
    link: Link
    emit: Callable[[Event], None]
    is_idle: Callable[[], bool]
    """Whether the chain is in use, and nobody waits for an answer right now."""
    sleep: Callable[[float], Awaitable[None]]


class Watch:
    """Looks after the providers of a chain; `run()` until it is cancelled."""

    def __init__(self, candidates: Sequence[Candidate], mode: Recovery, world: World) -> None:
        self._candidates = {one.key: one for one in candidates}
        self._mode = mode
        self._world = world
        self._spent: deque[float] = deque()
        """When completions were asked for, within the last hour."""
        self._unproven: dict[str, tuple[float, float]] = {}
        """When the check of a provider proved nothing, and for how long it gets no other."""
        self._offline_pause = ROUND

    async def run(self) -> None:
        """Look after them, round after round."""
        while True:
            await self._world.sleep(self._offline_pause if self._world.link.is_offline else ROUND)
            if self._world.is_idle():
                await self.round()

    async def round(self) -> None:
        """Take over what other processes found, and check whoever is due, one after the other."""
        board = self._world.board
        await board.refresh()
        if self._mode is Recovery.OFF or (self._world.link.is_offline and not await self._is_back_online()):
            return
        for key in board.due(self._candidates):
            if not self._world.is_idle():
                return
            since, pause = self._unproven.get(key, (0.0, 0.0))
            if not 0 <= board.now() - since < pause:
                await self._try(self._candidates[key])

    async def _is_back_online(self) -> bool:
        """Try the link with the list of the first provider that is not on this machine."""
        remote = next((one for one in self._candidates.values() if not is_local(one.llm)), None)
        report = None if remote is None else await check(remote.llm, CHECK_TIME, light=True)
        if report is not None and (report.check == "none" or lacks_route(report.error)):
            self._note_link(offline=True)
            self._offline_pause = min(self._offline_pause * 1.5, LONGEST_OFFLINE_PAUSE)
            return False
        self._offline_pause = ROUND
        self._note_link(offline=False)
        return True

    def _note_link(self, *, offline: bool) -> None:
        self._world.link.note(self._world.emit, offline=offline)

    async def _try(self, candidate: Candidate) -> None:
        board, key = self._world.board, candidate.key
        reason, opens = board.read(key).reason, board.read(key).opens
        permit = await board.admit(key, lease=LEASE)
        if permit is None:
            return  # another process is at it
        settled = False
        try:
            proven, error = await self._examine(candidate, reason)
            if lacks_route(error):
                self._note_link(offline=True)
            elif proven:
                board.note_check(key, error, permit)
                settled = True
            else:
                self._unproven[key] = board.now(), breaker.rest(opens)
        finally:
            if not settled:
                board.hand_back(key, permit)

    async def _examine(self, candidate: Candidate, reason: str | None) -> tuple[bool, APIError | None]:
        """Return whether a check proved anything, and the failure that it found."""
        report = await check(candidate.llm, CHECK_TIME, light=True)
        error = report.error
        if error is not None and rule(error.kind).shown_by_list:
            return True, error
        if error is None and report.check != "none" and reason in CURED_BY_LIST:
            return True, None
        if report.check == "none" or not self._may_spend(candidate):
            return False, None
        if not is_local(candidate.llm):
            self._spent.append(self._world.board.now())
        return True, (await check(candidate.llm, CHECK_TIME, light=False)).error

    def _may_spend(self, candidate: Candidate) -> bool:
        if is_local(candidate.llm):
            return True
        now = self._world.board.now()
        while self._spent and not 0 <= now - self._spent[0] < HOUR:
            self._spent.popleft()
        affordable = (len(self._spent) + 1) * TOKENS_PER_CHECK <= TOKENS_PER_HOUR
        return self._mode is Recovery.TOKENS and affordable
