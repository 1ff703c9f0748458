"""Conversations in SQLite: a question is stored before it is sent, its answer while it comes, and both for good.

Each process adds to a conversation of its own: `begin_turn` refuses one that somebody else has continued meanwhile. Times are
wall-clock seconds; the order of turns is that of their numbers, so a clock that is set back mixes nothing up.
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Any, Final, Self

from fallback_chat.core.conversations import search
from fallback_chat.core.conversations.records import (
    ANSWER_COLUMNS,
    Conversation,
    Hit,
    SessionId,
    StoredTurn,
    Summary,
    TurnId,
    answer_from,
    answer_values,
    is_answer,
    parts_of,
    question_from,
    storable,
    title_from,
)
from fallback_chat.core.conversations.schema import MIGRATIONS
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.sqlite import connect, open_database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.records import AnswerRecord
    from fallback_chat.core.storage.sqlite import Database

PATIENCE: Final = 1.0
"""Seconds to wait for another process that is writing; its transactions take milliseconds."""
_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that looks like a digit."""
_TIME_DIGITS: Final = 7
_RANDOM_DIGITS: Final = 4
_LAST: Final = "SELECT coalesce(max(id), 0) FROM turns WHERE session = ? AND removed = 0"
_SUMMARY: Final = """
    SELECT sessions.id, title, created, forked_from, max(max(coalesce(ended, asked)), created), count(*),
        (SELECT question FROM turns AS first WHERE first.session = sessions.id AND removed = 0 ORDER BY id LIMIT 1)
    FROM sessions JOIN turns ON turns.session = sessions.id AND turns.removed = 0
"""
_SET_ANSWER: Final = ", ".join(f"{column} = ?" for column in ANSWER_COLUMNS)
_COPIED: Final = ", ".join(("asked", "question", "parts", "ended", *ANSWER_COLUMNS))


class SessionMovedError(Exception):
    """Somebody else has added to the conversation, or removed it."""


class History:
    """All conversations of a user. Unless said otherwise, methods raise `StorageError` (an OSError) when the file fails."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float],
        random: Callable[[], float] = random_module.random,
        full_text: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._full_text = full_text

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], object],
        connect: Callable[[Path, float], sqlite3.Connection] = connect,
    ) -> Self:
        """Open the conversations in `path`, private from the first byte.

        A file that is damaged, or of a newer version, is kept under another name and a new one begun; `warn` is told.
        """
        database = open_database(path, MIGRATIONS, patience=PATIENCE, clock=clock, warn=warn, connect=connect)
        return cls(database, clock=clock, full_text=search.has_full_text(database))

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_session(self, title: str | None = None) -> SessionId:
        """Begin a conversation; it is listed once it has a turn."""
        with self._database.transaction() as connection:
            return self._insert_session(connection, title, forked_from=None)

    def begin_turn(self, session: SessionId, question: ChatMessage, *, after: TurnId | None = None) -> TurnId:
        """Store a question: once this returns, killing the program does not lose it.

        Raises `SessionMovedError` when `after` is given and is not the last turn, or when the conversation is gone.
        """
        layout, blobs = parts_of(question)
        with self._database.transaction() as connection:
            exists = connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone()
            if not exists or after not in (None, _last_turn(connection, session)):
                raise SessionMovedError(session)
            turn = connection.execute(
                "INSERT INTO turns (session, asked, question, parts) VALUES (?, ?, ?, ?)",
                (session, self._clock(), storable(question.text), layout),
            ).lastrowid
            assert turn is not None
            connection.executemany(
                "INSERT INTO attachments (turn, number, data) VALUES (?, ?, ?)",
                [(turn, number, data) for number, data in enumerate(blobs)],
            )
        return TurnId(turn)

    def save_partial(self, turn: TurnId, text: str) -> None:
        """Store what has come of an answer so far, in place of what was stored before."""
        self._database.write("UPDATE turns SET answer = ?, indexed = 0 WHERE id = ?", storable(text), turn)

    def finish_turn(self, turn: TurnId, answer: AnswerRecord) -> None:
        """Store how a turn ended, whether or not it has an answer."""
        self._database.write(
            f"UPDATE turns SET {_SET_ANSWER}, ended = ?, indexed = 0 WHERE id = ?",  # noqa: S608 - only constants
            *answer_values(answer),
            self._clock(),
            turn,
        )

    def undo(self, session: SessionId) -> TurnId | None:
        """Take the last answered turn out of the conversation, and what was asked in vain behind it.

        Gives its number, or None when no answer is left.
        """
        with self._database.transaction() as connection:
            turns = connection.execute(
                "SELECT id, answer, refusal FROM turns WHERE session = ? AND removed = 0 ORDER BY id DESC", (session,)
            )
            answered = (turn for turn, *said in turns if is_answer(*said))
            last = next(answered, None)
            connection.execute("UPDATE turns SET removed = 1 WHERE session = ? AND id >= ?", (session, last))
        return None if last is None else TurnId(last)

    def fork(self, session: SessionId, at_turn: TurnId | None = None) -> SessionId:
        """Copy a conversation up to and including `at_turn` (all of it when None); both go on apart. Raises `InputError`."""
        with self._database.transaction() as connection:
            found = connection.execute("SELECT title FROM sessions WHERE id = ?", (session,)).fetchone()
            if found is None:
                raise _unknown(session)
            copy = self._insert_session(connection, found[0], forked_from=session)
            for turn in connection.execute(
                "SELECT id FROM turns WHERE session = ? AND removed = 0 AND id <= coalesce(?, id) ORDER BY id",
                (session, at_turn),
            ).fetchall():
                _copy_turn(connection, turn[0], copy)
        return copy

    def last_turn(self, session: SessionId) -> TurnId:
        """Give the number of the last turn, `BEFORE_THE_FIRST` when there is none."""
        return TurnId(self._database.query(_LAST, session)[0][0])

    def load(self, session: SessionId) -> Conversation:
        """Read a conversation. Raises `InputError` when there is none of this id."""
        row = self._database.query("SELECT id, title, created, forked_from FROM sessions WHERE id = ?", session)
        if not row:
            raise _unknown(session)
        turns = self._turns(session)
        _, title, created, forked_from = row[0]
        updated = max((turn.ended or turn.asked for turn in turns), default=created)
        first = turns[0].question.text if turns else ""
        summary = _summary(session, title, created, forked_from, max(updated, created), len(turns), first)
        return Conversation(summary, turns)

    def resolve(self, text: str) -> SessionId:
        """Give the id that `text` is, or the only one that it begins. Raises `InputError`."""
        wanted = text.strip().lower()
        # `substr` instead of LIKE: the text may hold LIKE's own signs.
        found = [
            SessionId(row[0])
            for row in self._database.query(
                "SELECT id FROM sessions WHERE substr(id, 1, ?) = ? ORDER BY id", len(wanted), wanted
            )
        ]
        if wanted in found:
            return SessionId(wanted)
        if not wanted or not found:
            raise _unknown(text)
        if len(found) > 1:
            raise InputError(f"{text!r} is the beginning of {len(found)} conversations: {', '.join(found[:5])}")
        return found[0]

    def latest(self) -> SessionId | None:
        """Give the conversation that was continued last."""
        rows = self._database.query("SELECT session FROM turns WHERE removed = 0 ORDER BY id DESC LIMIT 1")
        return SessionId(rows[0][0]) if rows else None

    def list(self, limit: int | None = None) -> tuple[Summary, ...]:
        """Give the conversations that have turns, the one continued last first."""
        rows = self._database.query(
            f"{_SUMMARY} GROUP BY sessions.id ORDER BY max(turns.id) DESC LIMIT ?", -1 if limit is None else limit
        )
        return tuple(_summary(*row) for row in rows)

    def search(self, text: str, limit: int = 20) -> tuple[Hit, ...]:
        """Find turns by their words, best first; nothing in `text` is taken for a query language."""
        return search.search(self._database, storable(text), limit, full_text=self._full_text)

    def rename(self, session: SessionId, title: str) -> None:
        """Give a conversation a title; an empty one makes it the first question again."""
        self._database.write(
            "UPDATE sessions SET title = ? WHERE id = ?", storable(" ".join(title.split())) or None, session
        )

    def remove(self, *sessions: SessionId) -> None:
        """Delete conversations for good: their text is overwritten, in the search index and the log as well."""
        with self._database.transaction() as connection:
            if self._full_text:
                # In the same transaction, or another process could put into the index what is about to go.
                search.forget(connection, sessions)
            connection.executemany("DELETE FROM sessions WHERE id = ?", [(session,) for session in sessions])
        self._database.checkpoint()

    def purge(self, older_than: float) -> int:
        """Delete the conversations that nobody has continued for so many seconds; gives their number."""
        old = self._database.query(
            """
            SELECT sessions.id FROM sessions LEFT JOIN turns ON turns.session = sessions.id
            GROUP BY sessions.id HAVING max(created, coalesce(max(coalesce(ended, asked)), created)) <= ?
            """,
            self._clock() - older_than,
        )
        self.remove(*(SessionId(row[0]) for row in old))
        return len(old)

    def _insert_session(
        self, connection: sqlite3.Connection, title: str | None, *, forked_from: SessionId | None
    ) -> SessionId:
        while True:
            session = self._new_id()
            inserted = connection.execute(
                "INSERT OR IGNORE INTO sessions (id, title, created, forked_from) VALUES (?, ?, ?, ?)",
                (session, title and storable(title), self._clock(), forked_from),
            )
            if inserted.rowcount:
                return session

    def _new_id(self) -> SessionId:
        """Make an id of the second and some chance: ids sort by time, and two processes do not hit on the same."""
        number = int(self._clock()) * 32**_RANDOM_DIGITS + int(self._random() * 32**_RANDOM_DIGITS)
        digits = [_DIGITS[number >> 5 * place & 31] for place in reversed(range(_TIME_DIGITS + _RANDOM_DIGITS))]
        return SessionId("".join(digits))

    def _turns(self, session: SessionId) -> tuple[StoredTurn, ...]:
        rows = self._database.query(
            f"SELECT id, asked, ended, question, parts, {', '.join(ANSWER_COLUMNS)} FROM turns"  # noqa: S608 - constants
            " WHERE session = ? AND removed = 0 ORDER BY id",
            session,
        )
        return tuple(
            StoredTurn(TurnId(turn), asked, self._question(turn, question, parts), answer_from(answer), ended)
            for turn, asked, ended, question, parts, *answer in rows
        )

    def _question(self, turn: int, text: str, parts: str | None) -> ChatMessage:
        blobs = self._database.query("SELECT number, data FROM attachments WHERE turn = ?", turn) if parts else ()
        return question_from(text, parts, dict(blobs))


def _last_turn(connection: sqlite3.Connection, session: SessionId) -> TurnId:
    return TurnId(connection.execute(_LAST, (session,)).fetchone()[0])


def _copy_turn(connection: sqlite3.Connection, turn: int, session: SessionId) -> None:
    copy = connection.execute(
        f"INSERT INTO turns (session, {_COPIED}) SELECT ?, {_COPIED} FROM turns WHERE id = ?",  # noqa: S608
        (session, turn),
    ).lastrowid
    connection.execute(
        "INSERT INTO attachments (turn, number, data) SELECT ?, number, data FROM attachments WHERE turn = ?",
        (copy, turn),
    )


def _summary(  # noqa: PLR0913, PLR0917 - the columns of one row
    session: str, title: str | None, created: float, forked_from: str | None, updated: float, turns: int, first: str
) -> Summary:
    origin = None if forked_from is None else SessionId(forked_from)
    return Summary(SessionId(session), title or title_from(first), created, updated, turns, origin)


def _unknown(session: Any) -> InputError:
    return InputError(f"there is no conversation {session!r}: `fallback-chat sessions list` shows them", missing=True)
