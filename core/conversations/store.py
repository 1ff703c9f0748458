"""Conversations in SQLite.

A question is stored before it is sent, its answer while it arrives, and both for good.

Each process adds to its own conversation: `begin_turn` refuses one that another process has
continued meanwhile. Times are wall-clock seconds; turns are ordered by number, so setting the clock
back does no harm.
"""

from __future__ import annotations

import random as random_module
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from fallback_chat.core.conversations import search
from fallback_chat.core.conversations.answer_text import store_text
from fallback_chat.core.conversations.ids import new_id
from fallback_chat.core.conversations.records import (
    Conversation,
    Hit,
    SessionId,
    StoredTurn,
    Summary,
    TurnId,
    storable,
)
from fallback_chat.core.conversations.rows import (
    TURN_VALUES,
    UNREADABLE,
    copy_turn,
    insert_turn,
    is_text,
    moment,
    set_answer,
    shown,
    turn_from,
)
from fallback_chat.core.conversations.schema import MIGRATIONS
from fallback_chat.core.conversations.summaries import LATEST, SUMMARIES, UPDATED, summary_from
from fallback_chat.core.conversations.under_way import UnderWay
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.beside import PATIENCE
from fallback_chat.core.storage.connection import connect
from fallback_chat.core.storage.sqlite import open_database, open_in_memory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.storage.sqlite import Database

_LARGEST: Final = 2**63 - 1
"""The largest integer that SQLite stores."""
_LAST: Final = "SELECT coalesce(max(id), 0) FROM turns WHERE session = ? AND removed IS NOT 1"


class SessionMovedError(Exception):
    """Another process has added to the conversation, or removed it."""


class History:
    """All conversations of a user.

    Unless noted otherwise, methods raise `StorageError` (an OSError) if the file fails.
    """

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
        self._under_way = UnderWay(None if database.in_memory else database.path.with_suffix(".lock"))

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], object],
        connect: Callable[[Path, float], sqlite3.Connection] = connect,
    ) -> Self:
        """Open the conversations in `path`, private from the first byte; without a path, in memory.

        A damaged file is kept under another name and a new one created; a file from a newer release
        is opened for reading only. `warn` receives a message in both cases.
        """
        if path is None:
            database = open_in_memory(MIGRATIONS, clock=clock)
        else:
            database = open_database(path, MIGRATIONS, patience=PATIENCE, clock=clock, warn=warn, connect=connect)
        return cls(database, clock=clock, full_text=search.has_full_text(database))

    @property
    def is_kept(self) -> bool:
        """Whether what is written here will still exist next time."""
        return not (self._database.in_memory or self._database.read_only)

    def close(self) -> None:
        """Release the file."""
        self._under_way.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def new_session(self, title: str | None = None) -> SessionId:
        """Start a conversation; it is listed once it has a turn."""
        with self._database.transaction() as connection:
            return self._insert_session(connection, title, forked_from=None)

    def begin_turn(self, session: SessionId, question: ChatMessage, *, after: TurnId | None = None) -> TurnId:
        """Store a question: once this returns, killing the program does not lose it.

        Raises `SessionMovedError` if `after` is given and is not the last turn, or if the
        conversation is gone.
        """
        with self._database.transaction() as connection:
            exists = connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone()
            if not exists or after not in (None, _last_turn(connection, session)):
                raise SessionMovedError(session)
            turn = insert_turn(connection, session, question, asked=self._clock())
            # Before any other process can see the turn.
            self._under_way.begin(turn)
        return turn

    def ask_again(self, session: SessionId, turn: TurnId) -> None:
        """Reopen a turn that ended without an answer.

        Raises `SessionMovedError` if it is not the last one.
        """
        with self._database.transaction() as connection:
            if turn != _last_turn(connection, session):
                raise SessionMovedError(session)
            connection.execute("UPDATE turns SET ended = NULL WHERE id = ?", (turn,))
            self._under_way.begin(turn)

    def save_partial(self, turn: TurnId, text: str, after: int = 0) -> None:
        """Store what follows the first `after` characters of an answer, which are stored."""
        with self._database.transaction() as connection:
            store_text(connection, turn, storable(text), after)

    def finish_turn(
        self,
        turn: TurnId,
        answer: Answer,
        *,
        saved: int = 0,
        first_token: float | None = None,
        elapsed: float | None = None,
    ) -> None:
        """Store how a turn ended, with or without an answer.

        The first `saved` characters of its text are stored. Times are in seconds since the
        question.
        """
        with self._database.transaction() as connection:
            store_text(connection, turn, storable(answer.text[saved:]), saved)
            set_answer(connection, turn, answer)
            connection.execute(
                "UPDATE turns SET first_token = ?, elapsed = ?, ended = ? WHERE id = ?",
                (first_token, elapsed, self._clock(), turn),
            )
        self._under_way.end(turn)

    def undo(self, session: SessionId, *, after: TurnId | None = None) -> TurnId | None:
        """Undo the last answered turn and the unanswered questions after it.

        Return its number, or None if no answer is left. Raises `SessionMovedError` if `after` is
        given and is not the last turn.
        """
        with self._database.transaction() as connection:
            if after not in (None, _last_turn(connection, session)):
                raise SessionMovedError(session)
            last = next((turn.id for turn in reversed(self._turns(session)) if turn.is_answered), None)
            connection.execute("UPDATE turns SET removed = 1 WHERE session = ? AND id >= ?", (session, last))
        return last

    def fork(self, session: SessionId, at_turn: TurnId | None = None) -> SessionId:
        """Copy a conversation, up to and including `at_turn` if given. Raises `InputError`."""
        with self._database.transaction() as connection:
            found = connection.execute("SELECT title FROM sessions WHERE id = ?", (session,)).fetchone()
            if found is None:
                raise _unknown(session)
            copy = self._insert_session(connection, shown(found[0]) or None, forked_from=session)
            for turn in connection.execute(
                "SELECT id FROM turns WHERE session = ? AND removed IS NOT 1 AND id <= coalesce(?, id) ORDER BY id",
                (session, at_turn),
            ).fetchall():
                copy_turn(connection, turn[0], copy)
        return copy

    def last_turn(self, session: SessionId, *, before: TurnId | None = None) -> TurnId:
        """Return the number of the last turn, or of the last one before `before`.

        Return `BEFORE_THE_FIRST` if there is none.
        """
        return TurnId(
            self._database.query(f"{_LAST} AND id < ?", session, _LARGEST if before is None else before)[0][0]
        )

    def load(self, session: SessionId) -> Conversation:
        """Read a conversation; unreadable turns are marked as such.

        Raises `InputError` if the id is unknown.
        """
        found = self._database.query("SELECT title, created, forked_from FROM sessions WHERE id = ?", session)
        if not found:
            raise _unknown(session)
        turns = self._turns(session)
        title, created, forked_from = found[0]
        moments = (moment(created), *(turn.asked if turn.ended is None else turn.ended for turn in turns))
        updated = max((each for each in moments if each is not None), default=None)
        first = (turns[0].question.text or (UNREADABLE if turns[0].unreadable else "")) if turns else ""
        return Conversation(summary_from(session, title, created, forked_from, updated, len(turns), first), turns)

    def settled(self, conversation: Conversation) -> Conversation:
        """Return a conversation without the turns that another process is still answering."""
        at_work = (turn.ended is None and self._under_way.elsewhere(turn.id) for turn in conversation.turns)
        turns = conversation.turns[: next((n for n, elsewhere in enumerate(at_work) if elsewhere), None)]
        return replace(conversation, summary=replace(conversation.summary, turns=len(turns)), turns=turns)

    def resolve(self, text: str) -> SessionId:
        """Return the id that equals `text`, or the only one that begins with it.

        Raises `InputError`.
        """
        wanted = storable(text.strip().lower())
        # `substr` instead of LIKE: the text may hold LIKE's wildcards.
        sql = "SELECT id FROM sessions WHERE substr(id, 1, ?) = ? ORDER BY id"
        rows = self._database.query(sql, len(wanted), wanted)
        found = [SessionId(row[0]) for row in rows if is_text(row[0])]
        if wanted in found:
            return SessionId(wanted)
        if not wanted or not found:
            raise _unknown(text)
        if len(found) > 1:
            raise InputError(f"{text!r} is the beginning of {len(found)} conversations: {', '.join(found[:5])}")
        return found[0]

    def latest(self) -> SessionId | None:
        """Return the most recent conversation."""
        return next((SessionId(row[0]) for row in self._database.query(LATEST) if is_text(row[0])), None)

    def list(self, limit: int | None = None) -> tuple[Summary, ...]:
        """Return the conversations that have turns, the most recent first."""
        rows = self._database.query(SUMMARIES, -1 if limit is None else min(limit, _LARGEST))
        return tuple(summary_from(*row) for row in rows if is_text(row[0]))

    def search(self, text: str, limit: int = 20) -> tuple[Hit, ...]:
        """Find turns by their words, best first; nothing in `text` acts as query syntax."""
        return search.search(self._database, storable(text), min(limit, _LARGEST), full_text=self._full_text)

    def rename(self, session: SessionId, title: str) -> None:
        """Rename a conversation; a title that shows nothing restores the first question."""
        title = storable(" ".join(title.split()))
        visible = any(char.isprintable() and char != " " for char in title)
        self._database.write("UPDATE sessions SET title = ? WHERE id = ?", title if visible else None, session)

    def remove(self, *sessions: SessionId) -> None:
        """Delete conversations for good.

        Their text is overwritten, in the search index and in the log as well.
        """
        with self._database.transaction() as connection:
            rows = [
                row
                for session in sessions
                for row in connection.execute("SELECT rowid FROM sessions WHERE id = ?", (session,)).fetchall()
            ]
            self._remove(connection, rows)
        self._database.checkpoint()

    def count(self, older_than: float | None) -> int:
        """Return the number of conversations that `purge` would delete."""
        return len(self._old(older_than))

    def purge(self, older_than: float | None) -> int:
        """Delete the conversations not continued for `older_than` seconds; None deletes all.

        Return their number. A conversation with an unreadable time is only deleted with all others.
        """
        with self._database.transaction() as connection:
            old = self._old(older_than)
            self._remove(connection, old)
        self._database.checkpoint()
        return len(old)

    def _old(self, older_than: float | None) -> Sequence[tuple[int]]:
        sql = f"SELECT sessions.rowid, {UPDATED} FROM sessions LEFT JOIN turns ON turns.session = sessions.id"  # noqa: S608
        found = self._database.query(f"{sql} GROUP BY sessions.rowid")
        return [(row,) for row, updated in found if older_than is None or 0 < updated <= self._clock() - older_than]

    def _remove(self, connection: sqlite3.Connection, rows: Sequence[tuple[int]]) -> None:
        """Delete conversations by row: a damaged id may be anything."""
        if self._full_text:
            # In the same transaction, or another process could index what is about to be deleted.
            search.forget(connection, rows)
        connection.executemany("DELETE FROM sessions WHERE rowid = ?", rows)

    def _insert_session(
        self, connection: sqlite3.Connection, title: str | None, *, forked_from: SessionId | None
    ) -> SessionId:
        while True:
            session = new_id(self._clock(), self._random())
            inserted = connection.execute(
                "INSERT OR IGNORE INTO sessions (id, title, created, forked_from) VALUES (?, ?, ?, ?)",
                (session, title and storable(title), self._clock(), forked_from),
            )
            if inserted.rowcount:
                return session

    def _turns(self, session: SessionId) -> tuple[StoredTurn, ...]:
        rows = self._database.query(
            f"SELECT id, {TURN_VALUES} FROM turns"  # noqa: S608 - only constants
            " WHERE session = ? AND removed IS NOT 1 ORDER BY id",
            session,
        )
        return tuple(turn_from(row, partial(self._blobs, row[0])) for row in rows)

    def _blobs(self, turn: int) -> dict[int, Any]:
        return dict(self._database.query("SELECT number, data FROM attachments WHERE turn = ?", turn))


def _last_turn(connection: sqlite3.Connection, session: SessionId) -> TurnId:
    return TurnId(connection.execute(_LAST, (session,)).fetchone()[0])


def _unknown(session: Any) -> InputError:
    return InputError(f"there is no conversation {session!r}: `fallback-chat sessions list` shows them", missing=True)
