"""Consent to a switch: some providers want to be asked about, or are never switched to.

The user's own choice, first in the turn, needs no consent; crossing over to another does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.settings import Switching
from fallback_chat.core.errors import NoConsentError
from fallback_chat.core.events import Switch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.llm import LLM

CHOOSE: Final = "begin with it: --provider, or /use in the chat; see `switch`"


class Consent:
    """The switches of one turn that begins with `first`; without `decide` the answer is no."""

    def __init__(self, first: Candidate | None, decide: Callable[[Switch], Awaitable[bool]] | None) -> None:
        self._first = first
        self._decide = decide
        self._agreed: set[str] = set()
        self.chosen: LLM | None = None
        """The provider that the user has named during the turn."""

    def is_needed(self, candidate: Candidate) -> bool:
        """Whether a switch to `candidate` needs consent."""
        if self._first is None or candidate.key == self._first.key or candidate.key in self._agreed:
            return False
        if candidate.llm is self.chosen:
            return False
        return candidate.settings.switch in (Switching.ASK, Switching.NEVER)

    def rules_out(self, candidate: Candidate) -> APIError | None:
        """Return why this turn cannot switch to `candidate`; None if it can."""
        if not self.is_needed(candidate):
            return None
        if candidate.settings.switch is Switching.NEVER:
            return NoConsentError("the chain never switches to it", hint=CHOOSE)
        return NoConsentError("switching to it needs your consent") if self._decide is None else None

    async def refusal(self, candidate: Candidate, reason: APIError | None) -> APIError | None:
        """Ask the user; return why `candidate` may not be asked, or None if it may.

        `reason` is the failure that leads to the switch.
        """
        assert self._first is not None, "no consent is needed without a first"
        assert self._decide is not None, "without anyone to ask it is ruled out"
        if not await self._decide(Switch(self._first.llm, candidate.llm, reason)):
            return NoConsentError("you did not agree to switch to it")
        self._agreed.add(candidate.key)
        return None
