"""Conversations without their content: selecting and reading the rows of a list."""

from __future__ import annotations

from typing import Any, Final

from fallback_chat.core.conversations.records import SessionId, Summary, title_from
from fallback_chat.core.conversations.rows import LAST_MOMENT, UNREADABLE, is_text, moment, shown


def _moment(value: str) -> str:
    """Return SQL for a moment, which is 0 if the column holds anything else."""
    return f"CASE WHEN typeof({value}) IN ('integer', 'real') AND {value} BETWEEN 0 AND {LAST_MOMENT} THEN {value} ELSE 0 END"


KEPT: Final = "turns.removed IS NOT 1"
"""Turns that were not undone; the flag may hold anything."""
NAMED: Final = "typeof(sessions.id) = 'text'"
"""Conversations with a usable id."""
FIRST_QUESTION: Final = """
    (SELECT question FROM turns AS first WHERE first.session = sessions.id AND removed IS NOT 1 ORDER BY id LIMIT 1)
"""
UPDATED: Final = f"max(coalesce(max({_moment('coalesce(ended, asked)')}), 0), {_moment('created')})"
"""The time of the last activity; 0 if unknown."""
SUMMARIES: Final = f"""
    SELECT sessions.id, title, created, forked_from, {UPDATED}, count(*), {FIRST_QUESTION}
    FROM sessions JOIN turns ON turns.session = sessions.id AND {KEPT} AND {NAMED}
    GROUP BY sessions.id ORDER BY max(turns.id) DESC LIMIT ?
"""  # noqa: S608 - only constants
LATEST: Final = f"""
    SELECT sessions.id FROM turns JOIN sessions ON sessions.id = turns.session
    WHERE {KEPT} AND {NAMED} ORDER BY turns.id DESC LIMIT 1
"""  # noqa: S608 - only constants
"""The most recent conversation."""


def summary_from(  # noqa: PLR0913, PLR0917 - the columns of one row
    session: str, title: Any, created: Any, forked_from: Any, updated: Any, turns: int, first: Any
) -> Summary:
    """Read a summary; unreadable values become unknown."""
    origin = SessionId(forked_from) if is_text(forked_from) else None
    name = title_of(title, first)
    return Summary(SessionId(session), name, moment(created), moment(updated) or None, turns, origin)


def title_of(title: Any, first: Any) -> str:
    """Return a conversation's title: its own, or else its `first` question."""
    return shown(title) or title_from(shown(first, UNREADABLE))
