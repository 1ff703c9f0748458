"""The order in which one round asks: the chain, narrowed by the providers' answers so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.core.engine.policy import Next, rule
from fallback_chat.core.engine.settings import OnRefusal
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.core.engine.breaker import Health, Permit
    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.llm import LLM

REJECTIONS_THAT_BLAME_THE_INPUT = 2


class Candidate(NamedTuple):
    """One provider of the chain."""

    llm: LLM
    settings: AttemptSettings
    key: str
    """The key of its health record."""
    name: str
    """Its label, followed by a number if several are equal."""

    @property
    def lease(self) -> float:
        """Seconds for which one half-open request keeps others away."""
        return 2 * self.settings.attempt_timeout


class Order:
    """Hands out the candidates of one round, each at most once.

    First come those that the breakers admit, in order. When none is left, the others follow as the
    last resort: the one that is due soonest first, blocked ones last.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        board: HealthBoard,
        *,
        tokens: int = 0,
        insist: bool = False,
        rules_out: Callable[[Candidate], APIError | None] = lambda _: None,
    ) -> None:
        self._untried = list(candidates)
        self._insisted_on = candidates[0].key if insist and candidates else None
        """The provider that the user wants to be asked first, even while it rests."""
        windows = [candidate.llm.context_window for candidate in candidates]
        # An estimate may skip a small window, but must not skip every provider: only a server can
        # refuse.
        self.tokens = tokens if any(window is None or window >= tokens for window in windows) else 0
        """Estimated tokens of the conversation; 0 if it exceeds every window by that estimate."""
        self._board = board
        self._rules_out = rules_out
        """Returns why the turn cannot switch to a candidate, or None."""
        self._passed: set[str] = set()
        self._refused: list[Candidate] = []
        """Those whose turn came and who may not be asked."""
        self._stopped = False
        self._rejections = 0
        self._too_small: int | None = None
        self.skips = {
            one.key: _does_not_fit(one.llm, self.tokens)
            for one in candidates
            if (one.llm.context_window or self.tokens) < self.tokens
        }
        """Why a candidate is skipped: its window is too small by the estimate, or it rests."""
        self.alone = len(self.left()) <= 1
        """Whether no other provider could be asked."""

    async def take(self) -> tuple[Candidate, Permit] | None:
        """Return the next candidate with its permit, or None if none is left."""
        if (taken := await self.take_serving()) is not None:
            return taken
        for candidate in sorted(self.left(), key=self._last_resort_order):
            if permit := self._board.force(candidate.key):
                self._hand_out(candidate)
                return candidate, permit
        self._hand_out(None)
        return None

    async def take_serving(self) -> tuple[Candidate, Permit] | None:
        """Return the next candidate that does not rest, with its permit; None if there is none."""
        candidates = self.left()
        serving = {one.key for one in candidates}
        self._passed.update(one.key for one in self._untried if one.key not in serving and not self._rules_out(one))
        for candidate in candidates:
            permit = await self._board.admit(candidate.key, lease=candidate.lease)
            if permit is None and candidate.key == self._insisted_on:
                permit = self._board.force(candidate.key)
            if permit:
                self._note_resting(candidates)
                self._hand_out(candidate)
                return candidate, permit
            self._passed.add(candidate.key)
        return None

    def put_back(self, candidate: Candidate, permit: Permit) -> None:
        """Take back what was handed out and has not been asked: it stays the next one."""
        self._board.hand_back(candidate.key, permit)
        self._untried.append(candidate)
        self.prefer(candidate)

    def _hand_out(self, candidate: Candidate | None) -> None:
        """Take `candidate` off the list, and those ruled out before it; None means the end."""
        keys = [one.key for one in self._untried]
        before = self._untried[: keys.index(candidate.key) if candidate else None]
        for one in before:
            if (error := self._rules_out(one)) is not None:
                self.refuse(one, error)
                self.leave_out(one)
        if candidate:
            self.leave_out(candidate)

    def _note_resting(self, candidates: Sequence[Candidate]) -> None:
        """Record why the skipped ones among `candidates` are not asked now."""
        for one in candidates:
            if one.key in self._passed:
                self.skips.setdefault(one.key, _rests(self._board.read(one.key), self._board.now()))

    def leave_out(self, candidate: Candidate) -> None:
        """Do not ask `candidate` again in this round."""
        # Compare by key: third-party LLMs may define `__eq__`.
        self._untried = [one for one in self._untried if one.key != candidate.key]

    def prefer(self, candidate: Candidate) -> None:
        """Ask `candidate` before the others that are left."""
        self._untried.sort(key=lambda one: one.key != candidate.key)

    def left(self) -> list[Candidate]:
        """Return the candidates that may still be asked, in order."""
        if self._stopped:
            return []
        return [candidate for candidate in self._untried if self._can_serve(candidate)]

    def refuse(self, candidate: Candidate, error: APIError) -> None:
        """Pass over `candidate`, whose turn came, because of `error`."""
        self.skips[candidate.key] = error
        self._refused.append(candidate)

    @property
    def passed_over(self) -> tuple[Candidate, ...]:
        """The candidates whose turn came but who were not asked."""
        return (*(one for one in self._untried if one.key in self._passed), *self._refused)

    @property
    def stopped(self) -> bool:
        """Whether an answer has made asking any other provider pointless."""
        return self._stopped

    def note_failure(self, candidate: Candidate, error: APIError) -> None:
        """Narrow the rest of the round after `candidate` failed with `error`."""
        match rule(error.kind).next:
            case Next.REFUSED:
                self._stopped = candidate.settings.on_refusal is OnRefusal.STOP
            case Next.UNTIL_AGREED:
                self._rejections += error.details.blames_input
                self._stopped = self._rejections >= REJECTIONS_THAT_BLAME_THE_INPUT
            case Next.BIGGER_WINDOW:
                self._too_small = max(self._too_small or 0, candidate.llm.context_window or 0)
            case Next.YES:
                pass

    def _can_serve(self, candidate: Candidate) -> bool:
        if self._board.read(candidate.key).state is State.DISABLED or self._rules_out(candidate):
            return False
        window = candidate.llm.context_window
        return window is None or (window >= self.tokens and window > (self._too_small or 0))

    def _last_resort_order(self, candidate: Candidate) -> tuple[bool, float]:
        health = self._board.read(candidate.key)
        return health.state is State.BLOCKED, health.until or 0.0


def _rests(health: Health, now: float) -> APIError:
    kind = ErrorKind(health.reason) if health.reason in set(ErrorKind) else ErrorKind.SERVER_ERROR
    return APIError("resting", kind=kind, details=ErrorDetails(retry_after=health.left(now)))


def _does_not_fit(llm: LLM, tokens: int) -> APIError:
    return APIError(
        f"about {tokens} tokens do not fit into its window of {llm.context_window}", kind=ErrorKind.CONTEXT_EXCEEDED
    )
