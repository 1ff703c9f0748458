"""The text of an answer in the database.

Its beginning is in its turn's row, and whatever follows in rows of its own: adding to a long answer
takes no longer than adding to a short one, because SQLite writes a changed row anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

    from fallback_chat.core.conversations.records import TurnId

IN_ROW: Final = 1 << 16
"""Characters that are added to the turn's row; most answers are shorter."""
WHOLE: Final = """(
    SELECT CASE count(*) WHEN 0 THEN turns.answer ELSE turns.answer || group_concat(text, '') END
    FROM (SELECT text FROM answer_parts WHERE turn = turns.id ORDER BY number)
)"""
"""SQL for the whole text of the answer of a row of `turns`."""


def store_text(connection: sqlite3.Connection, turn: TurnId, text: str, after: int) -> None:
    """Store the text that follows the first `after` characters of an answer, which are stored."""
    if not after:
        connection.execute("DELETE FROM answer_parts WHERE turn = ?", (turn,))
        connection.execute("UPDATE turns SET answer = ?, indexed = 0 WHERE id = ?", (text, turn))
    elif after + len(text) <= IN_ROW:
        connection.execute("UPDATE turns SET answer = answer || ?, indexed = 0 WHERE id = ?", (text, turn))
    elif text:
        # Another process may have removed the conversation, or indexed the turn.
        connection.execute(
            "INSERT OR REPLACE INTO answer_parts (turn, number, text) SELECT id, ?, ? FROM turns WHERE id = ?",
            (after, text, turn),
        )
        connection.execute("UPDATE turns SET indexed = 0 WHERE id = ? AND indexed", (turn,))


def copy_text(connection: sqlite3.Connection, turn: int, copy: int) -> None:
    """Copy the parts of an answer that are not in its turn's row."""
    connection.execute(
        "INSERT INTO answer_parts (turn, number, text) SELECT ?, number, text FROM answer_parts WHERE turn = ?",
        (copy, turn),
    )
