"""The tables of the conversations: one migration per released version, never changed later.

A migration only adds: an older release can read what a newer one wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fallback_chat.core.storage.schema import Migration

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        """
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            title TEXT,
            created REAL NOT NULL,
            forked_from TEXT
        )
        """,
        # `parts` is only filled if the question is more than its text; empty JSON columns are NULL.
        # AUTOINCREMENT: the number of a removed turn is never reused.
        """
        CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            asked REAL NOT NULL,
            question TEXT NOT NULL,
            parts TEXT,
            ended REAL,
            answer TEXT NOT NULL DEFAULT '',
            reasoning TEXT NOT NULL DEFAULT '',
            refusal TEXT NOT NULL DEFAULT '',
            tool_calls TEXT,
            extras TEXT,
            provider TEXT,
            kind TEXT,
            model TEXT,
            attempts TEXT,
            usage TEXT,
            first_token REAL,
            elapsed REAL,
            finish_reason TEXT,
            complete INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            removed INTEGER NOT NULL DEFAULT 0,
            indexed INTEGER NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX turns_of_session ON turns (session, id)",
        "CREATE INDEX turns_to_index ON turns (id) WHERE indexed = 0",
        """
        CREATE TABLE attachments (
            turn INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (turn, number)
        )
        """,
    ),
    # A JSON object for every field without a column above: a new field needs no migration.
    ("ALTER TABLE turns ADD COLUMN more TEXT",),
    # The parts of a long answer that follow `answer`, by the number of characters before them.
    (
        """
        CREATE TABLE answer_parts (
            turn INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (turn, number)
        )
        """,
    ),
)
"""The search index is not included: `core/conversations/search.py` creates it on first use."""
