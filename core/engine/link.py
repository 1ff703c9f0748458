"""Whether this machine is connected at all, as shown by the requests of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.errors import APIConnectionError
from fallback_chat.core.events import LinkChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.core.engine.call import Call
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM

FRESH: Final = 60.0
"""Seconds for which the chain acts on being offline before it asks the others first again."""


class Link:
    """The link of this machine, shared by all turns of a chain. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._noted: float | None = None
        """When it was last seen to be down."""

    @property
    def is_offline(self) -> bool:
        """Whether it was down when it was last needed."""
        return self._noted is not None

    @property
    def is_freshly_offline(self) -> bool:
        """Whether it was down a moment ago: servers on this machine are asked first then."""
        return self._noted is not None and 0 <= self._clock() - self._noted < FRESH

    def note(self, emit: Callable[[Event], None], *, offline: bool, instead: LLM | None = None) -> None:
        """Note whether it is down; a change is emitted, with the provider asked `instead`."""
        was_offline = self.is_offline
        self._noted = self._clock() if offline else None
        if offline is not was_offline:
            emit(LinkChanged(offline, instead))


class Contact:
    """The state of the link by the requests of one turn; changes are passed to `emit`."""

    def __init__(self, link: Link, emit: Callable[[Event], None]) -> None:
        self._link = link
        self._emit = emit
        self._unrouted: list[tuple[Call, APIError]] = []
        """Failed calls that blame nobody so far."""
        self._made = False

    def note_failure(self, call: Call, error: APIError) -> bool:
        """Note a failure; return whether it is held back, because the link may be at fault."""
        if is_local(call.candidate.llm):
            return False
        if self._made or not lacks_route(error):
            self._note_made()
            return False
        self._unrouted.append((call, error))
        return True

    def note_answer(self, llm: LLM) -> None:
        """Note that a provider has begun to answer."""
        if not is_local(llm):
            self._note_made()
        elif not self._link.is_offline:
            self._blame()  # others might have been reached

    def nobody_else(self, following: Candidate | None, left: Sequence[Candidate]) -> None:
        """Decide when `following` is asked now, None for nobody, and `left` may still be."""
        remote = [one for one in (following, *left) if one is not None and not is_local(one.llm)]
        if self._unrouted and not remote:
            self._link.note(self._emit, offline=True, instead=None if following is None else following.llm)

    def _note_made(self) -> None:
        """Note that something arrived from another machine: unreachable providers are to blame."""
        self._made = True
        self._blame()
        self._link.note(self._emit, offline=False)

    def _blame(self) -> None:
        unrouted, self._unrouted = self._unrouted, []
        for call, error in unrouted:
            call.blame(error)


def lacks_route(error: APIError | None) -> bool:
    """Whether a failure may be the link's: the name did not resolve, or no route leads there."""
    return isinstance(error, APIConnectionError) and error.no_route


def is_local(llm: LLM) -> bool:
    """Whether a provider is on this machine, and so reached without a link."""
    return llm.machine == "local"
