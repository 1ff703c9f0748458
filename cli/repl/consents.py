"""The user's consent in a chat: to switches, and to a border that the chain never leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fallback_chat.cli.consent import question
from fallback_chat.core.errors import NobodyInsideError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.cli.repl.session import Plan, Session
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.events import Switch


class Consents:
    """Puts switches to the user with `ask`; `session` remembers what was agreed to."""

    def __init__(self, ask: Callable[[str], object], session: Session) -> None:
        self._ask = ask
        self._session = session
        self.always = False
        """Whether the user agrees to everything."""
        self._open: asyncio.Future[bool] | None = None

    async def decide(self, switch: Switch) -> bool:
        """Return whether the turn may cross over; Ctrl-C ends the wait with the turn."""
        name = switch.to_llm.label
        if self.always or name in self._session.consents:
            return True
        self._open = asyncio.get_running_loop().create_future()
        self._ask(f"{question(switch)} /yes or /no")
        try:
            agreed = await self._open
        finally:
            self._open = None
        if agreed:
            self._session.consents.add(name)
        return agreed

    def is_open(self) -> bool:
        """Whether a question waits for its answer."""
        return self._open is not None

    def answer(self, *, agreed: bool) -> bool:
        """Take the user's answer; False when nothing was asked."""
        if self._open is None or self._open.done():
            return False
        self._open.set_result(agreed)
        return True


def inside(plan: Plan, tag: str | None, providers: Sequence[ProviderSettings]) -> tuple[Plan, str]:
    """Return a turn that only asks providers tagged `tag`, and why there are none, or ""."""
    if tag is None:
        return plan, ""
    outside = frozenset(one.name for one in providers if tag not in one.tags)
    start_with = None if plan.start_with in outside else plan.start_with
    insist = plan.insist and start_with is not None
    kept = replace(plan, without=plan.without | outside, start_with=start_with, insist=insist)
    if plan.only in outside or len(outside) == len(providers):
        return kept, NobodyInsideError(tag, (known for one in providers for known in one.tags)).message
    return kept, ""
