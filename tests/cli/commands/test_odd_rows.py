"""Rows of the history that nobody of us wrote: each is marked, what is beside it is served, and no command breaks."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.commands import sessions
from fallback_chat.cli.repl.session import Session
from fallback_chat.cli.words.conversations import resumed
from fallback_chat.core.answer import Answer
from fallback_chat.core.conversations.recorder import Recorder, find_conversation
from fallback_chat.core.conversations.store import History
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.connection import StorageError
from tests.core.conversations.fakes import SetClock, question
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sampling import Sample

SCHEMA = (Path(__file__).parent.parent.parent / "data" / "history" / "0.1.0.sql").read_text("utf-8")
TREES, FORK = "1meey0049jv", "1meey1gv3rp"
TURN_COLUMNS = (
    *("session", "asked", "question", "parts", "ended", "answer", "reasoning", "refusal", "tool_calls", "extras"),
    *("provider", "kind", "model", "attempts", "usage", "first_token", "elapsed", "finish_reason", "complete", "error"),
    *("removed", "indexed", "more"),
)
COLUMNS = {
    "turns": TURN_COLUMNS,
    "sessions": ("id", "title", "created", "forked_from"),
    "attachments": ("turn", "number", "data"),
}
NOT_UTF8 = "CAST(X'61ff62' AS TEXT)"
ODD: list[Any] = [
    *(None, -1, 0, 1, 5, 2**63 - 1, -(2**63), 0.5, 1e300, -1e300, float("inf")),
    *(
        "",
        "x",
        "nonsense",
        "stop",
        "{",
        "[1",
        "null",
        "5",
        '"text"',
        "[]",
        "{}",
        "[5]",
        "[null]",
        "[[]]",
        '{"nope": 1}',
    ),
    *('[{"nope": 1}]', '[{"text": 5}]', '[{"image": "image/png", "blob": 7}]', '[{"audio": "a.wav", "blob": 0}]'),
    *('[{"outcome": "hedged", "provider": "p", "kind": "k", "model": "m"}]', '{"input": -1}', '{"input": 1e999}'),
    *('{"kind": 5, "message": null}', '{"segments": [{"provider": "p", "model": "m", "from": 3, "to": 1}]}'),
    *(
        "\u0007\x1b]0;owned\u0007",
        "\ud7ff\u202e",
        "a\0b",
        "[" * 3000,
        '{"a":' * 400 + "1" + "}" * 400,
        "9" * 5000,
        "NaN",
    ),
    *(b"", b"\xff\x00\xfe", b"text", memoryview(b"[]")),
]


def history_with(path: Path, *damage: tuple[str, tuple[Any, ...]]) -> History:
    """Open a history whose tables take anything, in memory, and damage it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA.replace(" NOT NULL", "").replace("REFERENCES turns (id) ON DELETE CASCADE", ""))
    history = History.open(path, clock=SetClock(), warn=pytest.fail, connect=lambda *_: connection)
    connection.execute("PRAGMA foreign_keys = OFF")
    for sql, values in damage:
        connection.execute(sql, values)
    connection.execute("PRAGMA foreign_keys = ON")
    return history


def listed(history: History) -> str:
    out = io.StringIO()
    sessions.list_(history, out, io.StringIO(), limit=10**30)
    return out.getvalue()


def shown(history: History, session: str | None) -> str:
    out = io.StringIO()
    sessions.show(history, session, out)
    return out.getvalue()


def exported(history: History, session: str | None) -> str:
    out = io.StringIO()
    sessions.export(history, session, "json", None, out)
    out.getvalue().encode()
    assert json.loads(out.getvalue())["schema"]
    sessions.export(history, session, "md", None, io.StringIO())
    return out.getvalue()


def asked(history: History, session: str | None) -> str:
    """Continue a conversation as `ask -c` and the chat do; returns what a provider would be told."""
    conversation = find_conversation(history, session)
    chat = Session()
    chat.resume(conversation)
    "\n".join(resumed(conversation)).encode()
    writer = Recorder(history, monotonic=SetClock(), warn=lambda _: None, conversation=conversation)
    writer.begin(question("And now?"))
    writer.finish(Answer(text="Well.", complete=True))
    assert writer.session is None or "Well." in shown(history, writer.session)
    asyncio.run(writer.undo())
    return "\n".join(message.text for message in conversation.context.messages)


COMMANDS: list[Callable[[History, str | None], object]] = [
    lambda history, _: listed(history),
    shown,
    exported,
    asked,
    lambda history, _: sessions.search(history, ["pine"], io.StringIO(), io.StringIO(), limit=10**30),
    lambda history, _: sessions.search(history, ["a"], io.StringIO(), io.StringIO()),
    lambda history, session: sessions.rename(history, session or FORK, "Mine"),
    lambda history, session: history.fork(find_conversation(history, session).summary.id),
    lambda history, session: history.undo(find_conversation(history, session).summary.id),
    lambda history, _: sessions.purge(history, 86400.0, io.StringIO(), io.StringIO(), bool),
    lambda history, session: sessions.remove(history, [session or FORK], io.StringIO(), bool),
    lambda history, _: sessions.purge(history, None, io.StringIO(), io.StringIO(), bool, everything=True),
]


def run_all(history: History, order: list[int]) -> None:
    """Run commands in any order on a damaged history; only what the user can be told of may go wrong."""
    with history:
        for number in order:
            for session in (None, TREES, FORK[:8]):
                try:
                    COMMANDS[number](history, session)
                except (InputError, StorageError):
                    continue


def damages() -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
    """Put an odd value into any column of one row or of all."""

    def one(table: str) -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
        where = st.sampled_from([" WHERE rowid = 1", " WHERE rowid = 2", " WHERE rowid > 3", ""])
        columns = st.sampled_from(COLUMNS[table])
        bound = st.builds(
            lambda column, row, value: (f"UPDATE OR IGNORE {table} SET {column} = ?{row}", (value,)),
            *(columns, where, st.sampled_from(ODD)),
        )
        bytes_ = st.builds(
            lambda column, row: (f"UPDATE OR IGNORE {table} SET {column} = {NOT_UTF8}{row}", ()), columns, where
        )
        return bound | bytes_

    return st.sampled_from(list(COLUMNS)).flatmap(one)


@examples(12, 300)
@given(damage=st.lists(damages(), min_size=1, max_size=3), order=st.permutations(range(len(COMMANDS))))
def test_no_odd_row_breaks_any_command(
    tmp_path: Path, damage: list[tuple[str, tuple[Any, ...]]], order: list[int]
) -> None:
    run_all(history_with(tmp_path / "h.db", *damage), order)


CASES = [
    (f"UPDATE OR IGNORE {table} SET {column} = ? {place}", (value,))
    for table, columns in COLUMNS.items()
    for column in columns
    for place in ("WHERE rowid = 1", "")
    for value in ODD
]


def test_no_odd_value_in_any_column_breaks_any_command(sample: Sample, tmp_path: Path) -> None:
    for damage in sample(CASES, 12):
        run_all(history_with(tmp_path / "h.db", damage), list(range(len(COMMANDS))))


CONTENT = [column for column in TURN_COLUMNS if column not in ("session", "removed", "indexed")]


@pytest.mark.parametrize("column", CONTENT)
def test_what_is_beside_an_odd_row_is_served(tmp_path: Path, column: str, sample: Sample) -> None:
    for value in sample(ODD, 4):
        with history_with(tmp_path / "h.db", (f"UPDATE turns SET {column} = ? WHERE id = 6", (value,))) as history:
            assert FORK in listed(history)
            texts = [shown(history, FORK), exported(history, FORK), asked(history, FORK)]
            marks = [turn.unreadable for turn in history.load(history.resolve(FORK)).turns]

        assert [text for text in texts if "A bristlecone pine" not in text] == []
        assert [mark for n, mark in enumerate(marks) if n != 1 and mark is not None] == []
        if marks[1] is not None:
            assert "[this turn cannot be read: " in texts[0]
            assert "Where?" not in texts[2]


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("question", b"\xff", "question is not text"),
        ("question", None, "question is not text"),
        ("parts", "[", "parts is not JSON"),
        ("parts", '[{"audio": "a.wav"}]', "parts hold what this release does not know"),
        ("answer", 5.5, None),  # SQLite makes a text of it
        ("answer", b"5", "answer is not text"),
        ("answer", None, "answer is not text"),
        ("complete", "maybe", "complete is neither 0 nor 1"),
        ("tool_calls", '[{"id": 5, "name": "f", "arguments": "{}"}]', "id must be str, not int"),
        ("attempts", "5", "attempts must be list, not int"),
        ("attempts", "NaN", "attempts is not JSON"),
        ("usage", '{"input": -1}', "input cannot be less than 0, not -1"),
        ("usage", '{"input": 1, "audio": 5}', None),
        ("finish_reason", "later", "finish_reason must be one of"),
        ("more", "[]", "more is not a JSON object"),
        ("more", '{"later": [1]}', None),
        ("more", '{"seam": 5}', "seam must be str, not int"),
        ("asked", "x", "asked is not a moment"),
        ("asked", 1e300, "asked is not a moment"),
        ("ended", -1e300, "ended is not a moment"),
        ("ended", None, None),
        ("elapsed", b"", "elapsed is not a number of seconds"),
    ],
)
def test_a_turn_says_why_it_cannot_be_read(tmp_path: Path, column: str, value: object, why: str | None) -> None:
    with history_with(tmp_path / "h.db", (f"UPDATE turns SET {column} = ? WHERE id = 2", (value,))) as history:
        turn = history.load(history.resolve(TREES)).turns[1]

    assert (turn.unreadable is None) is (why is None), turn.unreadable
    assert re.match(re.escape(why or ""), turn.unreadable or "")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[History]:
    damage = ("UPDATE turns SET attempts = '[' WHERE id IN (4, 10)", ())
    with history_with(tmp_path / "h.db", damage) as history:
        yield history


def test_what_cannot_be_read_is_said_when_a_conversation_goes_on(odd: History) -> None:
    said = list(resumed(odd.load(odd.resolve(TREES))))

    assert said[0] == f"conversation {TREES}, 3 turns: Trees"
    assert said[1] == f"1 turn cannot be read and will be left out: see `fallback-chat sessions show {TREES}`"
    assert len(said) == 2


def test_undo_takes_back_what_the_user_sees_and_what_cannot_be_read_behind_it(odd: History) -> None:
    session = odd.resolve(TREES)

    assert [odd.undo(session), odd.undo(session), odd.undo(session)] == [2, 1, None]


def test_a_question_that_cannot_be_read_does_not_come_back_as_a_draft(odd: History) -> None:
    chat = Session()
    chat.resume(odd.load(odd.resolve(FORK)))

    assert (chat.draft, chat.unanswered) == (type(chat.draft)(), None)
