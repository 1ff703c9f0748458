"""The state of the chat for its status row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.cli.repl.status import Status
from fallback_chat.cli.words.amounts import money

if TYPE_CHECKING:
    from fallback_chat.cli.repl.chain import Chain
    from fallback_chat.cli.repl.preferences import Preferences
    from fallback_chat.cli.repl.session import Session


def overview(  # noqa: PLR0913 - everything the row is about
    chain: Chain, session: Session, preferences: Preferences, now: float, asked: str | None, *, private: bool
) -> Status:
    """Return the status of a chat that is asking the provider `asked`, or none."""
    active = chain.names.index(asked) if asked in chain.names else chain.first(session, now)
    cost = session.cost(chain.prices)
    window = chain.window(chain.providers[active])
    flags = {
        f"{len(session.attachments)} attached": bool(session.attachments),
        "private": private,
        "pinned": session.pinned is not None,
        "multi-line": preferences.multiline,
        "vi": preferences.vi,
    }
    return Status(
        chain.entries(session, now),
        active,
        context=session.context_tokens / window if window else None,
        tokens=session.tokens,
        cost=money(cost, preferences.currency) if cost is not None else "",
        flags=tuple(flag for flag, is_on in flags.items() if is_on),
        hint="? help",
    )
