"""Searching all conversations.

With FTS5, turns are found by words and ranked; without it, by substring.

The index is a copy that the search updates, not the answer: a chat never waits for it.
"""

from __future__ import annotations

import re
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.conversations.answer_text import WHOLE
from fallback_chat.core.conversations.records import Hit, SessionId, TurnId
from fallback_chat.core.conversations.rows import moment, shown
from fallback_chat.core.conversations.summaries import FIRST_QUESTION, KEPT, NAMED, title_of
from fallback_chat.core.storage.connection import StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from fallback_chat.core.storage.sqlite import Database

AROUND: Final = 40
"""Characters of context on each side of a hit."""
SLICE: Final = 1000
"""Turns that are indexed in one transaction."""
PAUSE: Final = 0.005
"""Seconds between two of them."""
MOST_LITERAL: Final = 20
"""Words of one search that are compared letter by letter."""
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, Chinese and Japanese."""
_HIT: Final = f"sessions.id, sessions.title, {FIRST_QUESTION}, turns.id, turns.asked"
_BY_WORD: Final = f"""
    SELECT {_HIT}, snippet(turn_text, -1, '', '', '…', 16)
    FROM turn_text JOIN turns ON turns.id = turn_text.rowid JOIN sessions ON sessions.id = turns.session
    WHERE turn_text MATCH ? AND {KEPT} AND {NAMED} {{literally}}
    ORDER BY turn_text.rank, turns.id DESC LIMIT ?
"""  # noqa: S608 - only constants
_LITERALLY: Final = f" AND (instr(lower(turns.question), lower(?)) OR instr(lower({WHOLE}), lower(?)))"
_BY_LETTER: Final = f"""
    WITH sought (text) AS (SELECT lower(?))
    SELECT {_HIT}, CAST(CASE WHEN instr(lower(question), sought.text) THEN question ELSE {WHOLE} END AS TEXT)
    FROM sought, turns JOIN sessions ON sessions.id = turns.session
    WHERE {KEPT} AND {NAMED}
        AND (instr(lower(question), sought.text) OR instr(lower({WHOLE}), sought.text)) {{literally}}
    ORDER BY turns.id DESC LIMIT ?
"""  # noqa: S608 - only constants

_INDEX: Final = "SELECT 1 FROM sqlite_master WHERE name = 'turn_text'"


def has_full_text(database: Database) -> bool:
    """Whether this SQLite was built with FTS5."""
    return bool(database.query("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"))


def search(database: Database, text: str, limit: int, *, full_text: bool) -> tuple[Hit, ...]:
    """Find the turns that hold all words of `text`, or words beginning with them, best first.

    The index knows letters and digits alone, and words by the spaces between them. So what it would
    overlook, such as the signs of `C++` or a word within a Chinese sentence, is compared literally.
    If nothing is found, the index alone decides, and then `text` as a whole. Nothing in `text` acts
    as query syntax.
    """
    words = text.replace("\0", " ").split()
    if not words:
        return ()
    hits: tuple[Hit, ...] = ()
    if full_text:
        hits = _strictly(database, words, limit) or _by_word(database, words, limit)
    return hits or _by_letter(database, text.strip(), limit)


def _strictly(database: Database, words: Sequence[str], limit: int) -> tuple[Hit, ...]:
    """Find the turns that hold all words, comparing literally what the index would overlook.

    Return none if it overlooks nothing.
    """
    indexed = [word for word in words if any(map(str.isalnum, word)) and not _UNSPACED.search(word)]
    whole = {word for word in indexed if word[0].isalnum() and word[-1].isalnum()}
    odd = [word for word in words if word not in whole][:MOST_LITERAL]
    if not odd:
        return ()
    if indexed:
        return _by_word(database, indexed, limit, odd)
    return _by_letter(database, odd[0], limit, odd[1:])


def forget(connection: sqlite3.Connection, rows: Iterable[tuple[int]]) -> None:
    """Remove whole conversations, given by row, from the index and from its pages."""
    if not connection.execute(_INDEX).fetchall():
        return
    connection.executemany(
        "DELETE FROM turn_text WHERE rowid IN"
        " (SELECT turns.id FROM turns JOIN sessions ON turns.session = sessions.id WHERE sessions.rowid = ?)",
        rows,
    )
    # Deleted words stay in FTS5's segments until they are merged.
    connection.execute("INSERT INTO turn_text (turn_text) VALUES ('optimize')")


def _by_word(database: Database, words: Iterable[str], limit: int, literally: Sequence[str] = ()) -> tuple[Hit, ...]:
    # FTS5 takes each word as a quoted string; the star makes it a prefix.
    query = " ".join('"' + word.replace('"', '""') + '"*' for word in words)
    try:
        _update_index(database)
        rows = _query(database, _BY_WORD, query, literally, limit)
    except StorageError:  # the disk is full or the index damaged: the conversations can still be read
        return ()
    return tuple(_hit(*row) for row in rows)


def _by_letter(database: Database, text: str, limit: int, literally: Sequence[str] = ()) -> tuple[Hit, ...]:
    rows = _query(database, _BY_LETTER, text, literally, limit)
    return tuple(
        _hit(session, title, first, turn, asked, _around(text, shown(found)))
        for session, title, first, turn, asked, found in rows
    )


def _query(
    database: Database, sql: str, sought: str, literally: Sequence[str], limit: int
) -> Sequence[tuple[Any, ...]]:
    """Run a search for `sought` that also holds every one of `literally`."""
    twice = (word for word in literally for _ in range(2))  # in the question or in the answer
    return database.query(sql.format(literally=_LITERALLY * len(literally)), sought, *twice, limit)


def _hit(session: str, title: Any, first: Any, turn: int, asked: Any, snippet: Any) -> Hit:  # noqa: PLR0913, PLR0917
    return Hit(SessionId(session), title_of(title, first), TurnId(turn), moment(asked), shown(snippet))


def _around(text: str, found: str) -> str:
    start = max(found.lower().find(text.lower()), 0)
    begin, end = max(start - AROUND, 0), start + len(text) + AROUND
    return ("…" if begin else "") + found[begin:end] + ("…" if end < len(found) else "")


def _has_index(database: Database) -> bool:
    return bool(database.query(_INDEX))


def _update_index(database: Database) -> None:
    """Index new turns in slices: a chat in another process waits for one slice at most."""
    while not _has_index(database) or database.query("SELECT 1 FROM turns WHERE indexed = 0 LIMIT 1"):
        with database.transaction() as connection:
            connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS turn_text USING fts5 (question, answer)")
            rows = connection.execute("SELECT id FROM turns WHERE indexed = 0 LIMIT ?", (SLICE,)).fetchall()
            connection.executemany("DELETE FROM turn_text WHERE rowid = ?", rows)
            connection.executemany(
                f"INSERT INTO turn_text (rowid, question, answer) SELECT id, question, {WHOLE} FROM turns WHERE id = ?",  # noqa: S608
                rows,
            )
            connection.executemany("UPDATE turns SET indexed = 1 WHERE id = ?", rows)
        if len(rows) == SLICE:
            sleep(PAUSE)  # those who wait for the lock look for it from time to time only
