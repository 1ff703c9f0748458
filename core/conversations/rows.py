"""Writing questions and answers into columns and reading them back.

Rows are untrusted: another program, a later release or a damaged page may have written anything. A
reader accepts what this module would have written and raises ValueError or TypeError otherwise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.answer_json import answer_from, answer_json, redacted
from fallback_chat.core.chat_context import ChatMessage, Document, Image, Role, Text
from fallback_chat.core.checks import check_type
from fallback_chat.core.conversations.answer_text import WHOLE, copy_text
from fallback_chat.core.conversations.records import SessionId, StoredTurn, TurnId, storable, title_from
from fallback_chat.core.json_text import loads

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.chat_context import Part

LAST_MOMENT: Final = 253_402_214_400
"""The latest moment that every time zone can show: the last but one day of the year 9999."""
UNREADABLE: Final = "(unreadable)"
"""The title shown in place of an unreadable one."""
_LONGEST: Final = 1e12
"""Seconds."""


def moment(value: Any) -> float | None:
    """Return a moment (wall-clock seconds), or None if `value` is not one."""
    return float(value) if type(value) in (int, float) and 0 <= value <= LAST_MOMENT else None


def _moment(value: Any) -> None:
    if moment(value) is None:
        raise ValueError("is not a moment")


def is_text(value: Any) -> bool:
    """Whether a value is text, and not bytes that are invalid UTF-8."""
    return isinstance(value, str) and storable(value) == value


def shown(value: Any, otherwise: str = "") -> str:
    """Return text as far as it can be shown, or else `otherwise`."""
    return storable(value) if isinstance(value, str) else otherwise


def text(value: Any) -> str:
    """Return text. Raises ValueError for anything else."""
    if not is_text(value):
        raise ValueError("is not text")
    return str(value)


def _seconds(value: Any) -> float | None:
    if value is not None and not (type(value) in (int, float) and 0 <= value < _LONGEST):
        raise ValueError("is not a number of seconds")
    return None if value is None else float(value)


def _flag(value: Any) -> bool:
    if type(value) is not int or value not in (0, 1):
        raise ValueError("is neither 0 nor 1")
    return bool(value)


def _json(value: Any) -> Any:
    """Read JSON, with NULL as None; strings are cleaned so that they can be shown and sent."""
    if value is None:
        return None
    try:
        return redacted(loads(text(value), parse_constant=_no_number), storable, names=True)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None


def _no_number(name: str) -> None:
    raise ValueError(name)


class _Column(NamedTuple):
    """The column that stores a field of an answer."""

    field: str
    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _texts(field: str, name: str = "") -> _Column:
    return _Column(field, name or field, lambda value: storable(value or ""), text)


def _words(field: str) -> _Column:
    return _Column(field, field, lambda value: value and storable(value), lambda value: value and text(value))


def _objects(field: str) -> _Column:
    return _Column(field, field, lambda value: json.dumps(value) if value else None, _json)


_COLUMNS: Final = (
    *(_texts("text", "answer"), _texts("reasoning"), _texts("refusal")),
    *(_words("provider"), _words("kind"), _words("model"), _words("finish_reason")),
    _Column("complete", "complete", int, _flag),
    *(_objects("tool_calls"), _objects("extras"), _objects("attempts"), _objects("usage"), _objects("error")),
)
_FIELDS: Final = tuple(column.field for column in _COLUMNS)
_ANSWER_COLUMNS: Final = (*(column.name for column in _COLUMNS[1:]), "more")
"""The columns of an answer but its text; `more` is a JSON object of all fields without a column of
their own, known or not."""
_TURN_COLUMNS: Final = ("asked", "ended", "first_token", "elapsed", "question", "parts")
_ALL: Final = ", ".join((*_TURN_COLUMNS, "answer", *_ANSWER_COLUMNS))
TURN_VALUES: Final = ", ".join((*_TURN_COLUMNS, WHOLE, *_ANSWER_COLUMNS))
"""SQL for what `turn_from` reads, besides the number."""


def set_answer(connection: sqlite3.Connection, turn: TurnId, answer: Answer) -> None:
    """Store everything of an answer but its text.

    Fields in the row's `more` that this release does not know are kept.
    """
    found = connection.execute("SELECT more FROM turns WHERE id = ?", (turn,)).fetchone()
    value = answer_json(answer, state=True)
    rest = {name: item for name, item in value.items() if name not in _FIELDS and item is not None}
    try:
        unknown = {name: item for name, item in (_object(found and found[0]) or {}).items() if name not in value}
    except ValueError:
        unknown = {}
    values = (column.write(value[column.field]) for column in _COLUMNS[1:])
    connection.execute(
        f"UPDATE turns SET {', '.join(f'{column} = ?' for column in _ANSWER_COLUMNS)} WHERE id = ?",  # noqa: S608
        (*values, json.dumps(unknown | rest) if unknown or rest else None, turn),
    )


def _object(value: Any) -> dict[str, Any] | None:
    found = _json(value)
    if isinstance(found, dict | None):
        return found
    raise ValueError("is not a JSON object")


def document_from(values: Sequence[Any]) -> dict[str, Any]:
    """Return the JSON of an answer from its text and `_ANSWER_COLUMNS`, with unknown fields.

    Raises ValueError.
    """
    document: dict[str, Any] = {}
    for column, value in zip(_COLUMNS, values, strict=False):
        document[column.field] = _named(column.name, column.read, value)
    return (_named("more", _object, values[-1]) or {}) | document


def turn_from(row: Sequence[Any], blobs: Callable[[], Mapping[int, Any]]) -> StoredTurn:
    """Read a turn from its number and `TURN_VALUES`.

    An unreadable turn is marked as such. `blobs` returns the attachments by number.
    """
    turn, asked, ended, first_token, elapsed, question, parts, *answer = row
    read: dict[str, Any] = {"id": TurnId(turn), "asked": moment(asked), "ended": moment(ended)}
    try:
        _named("asked", _moment, asked)
        _named("ended", _moment, 0 if ended is None else ended)
        read["question"] = question_from(question, parts, blobs)
        document = document_from(answer)
        read["answer"] = answer_from(document)
        read["first_token"] = _named("first_token", _seconds, first_token)
        read["elapsed"] = _named("elapsed", _seconds, elapsed)
    except (TypeError, ValueError) as error:
        return StoredTurn(**read, unreadable=title_from(str(error)))
    return StoredTurn(**read, document=document)


def _named(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _parts_of(question: ChatMessage) -> tuple[str | None, list[bytes]]:
    """Return the layout of a question as JSON, and the attachments that it numbers.

    A question that is only text has no layout.
    """
    if question.content == (Text(question.text),):
        return None, []
    blobs: list[bytes] = []
    layout: list[dict[str, Any]] = []
    for part in question.content:
        match part:
            case Text(said):
                layout.append({"text": storable(said)})
            case Image(media_type, data):
                layout.append({"image": media_type, "blob": len(blobs)})
                blobs.append(data)
            case Document(media_type, data, filename):
                layout.append({"document": media_type, "filename": filename, "blob": len(blobs)})
                blobs.append(data)
    return json.dumps(layout), blobs


def question_from(said: Any, layout: Any, blobs: Callable[[], Mapping[int, Any]]) -> ChatMessage:
    """Rebuild a question. Raises ValueError or TypeError."""
    plain = Text(_named("question", text, said))
    items = _named("parts", _json, layout)
    if items is None:
        return ChatMessage(Role.USER, (plain,))
    check_type("parts", items, list)
    found = blobs()
    return ChatMessage(Role.USER, tuple(_part(item, found) for item in items))


def _part(item: Any, blobs: Mapping[int, Any]) -> Part:
    match item:
        case {"image": media_type, "blob": int(number)}:
            return Image(media_type, blobs.get(number))  # type: ignore[arg-type] # checked by Image
        case {"document": media_type, "filename": filename, "blob": int(number)}:
            return Document(media_type, blobs.get(number), filename)  # type: ignore[arg-type]
        case {"text": said}:
            return Text(said)
        case _:
            raise ValueError("parts hold what this release does not know")


def insert_turn(connection: sqlite3.Connection, session: SessionId, question: ChatMessage, *, asked: float) -> TurnId:
    """Add a question to a conversation, and return the number of its turn."""
    layout, blobs = _parts_of(question)
    turn = connection.execute(
        "INSERT INTO turns (session, asked, question, parts) VALUES (?, ?, ?, ?)",
        (session, asked, storable(question.text), layout),
    ).lastrowid
    assert turn is not None
    connection.executemany(
        "INSERT INTO attachments (turn, number, data) VALUES (?, ?, ?)",
        [(turn, number, data) for number, data in enumerate(blobs)],
    )
    return TurnId(turn)


def copy_turn(connection: sqlite3.Connection, turn: int, session: SessionId) -> None:
    """Copy a turn with its attachments into another conversation."""
    copy = connection.execute(
        f"INSERT INTO turns (session, {_ALL}) SELECT ?, {_ALL} FROM turns WHERE id = ?",  # noqa: S608
        (session, turn),
    ).lastrowid
    assert copy is not None
    connection.execute(
        "INSERT INTO attachments (turn, number, data) SELECT ?, number, data FROM attachments WHERE turn = ?",
        (copy, turn),
    )
    copy_text(connection, turn, copy)
