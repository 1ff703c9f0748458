"""Turns that overlap: two processes at one conversation part, and a process that died holds nothing."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.answer import Answer
from fallback_chat.core.conversations.recorder import Recorder, find_conversation
from fallback_chat.core.conversations.records import TurnId
from fallback_chat.core.conversations.store import History
from fallback_chat.core.conversations.under_way import UnderWay
from tests.core.conversations.fakes import SetClock, answer, question
from tests.core.conversations.other_process import other

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fallback_chat.core.conversations.records import SessionId


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with History.open(path, clock=SetClock(), warn=pytest.fail) as opened:
        yield opened


@pytest.fixture
def session(history: History) -> SessionId:
    session = history.new_session()
    history.finish_turn(history.begin_turn(session, question("one")), answer("re one"))
    return session


def told(history: History, session: SessionId) -> list[tuple[str, str]]:
    return [(turn.question.text, turn.answer.text) for turn in history.load(session).turns]


def writer_of(history: History, session: SessionId, said: list[str]) -> Recorder:
    conversation = find_conversation(history, session)
    return Recorder(history, monotonic=SetClock(), warn=said.append, conversation=conversation)


def test_a_turn_begun_while_another_is_under_way_goes_into_a_copy(
    path: Path, history: History, session: SessionId
) -> None:
    said: list[str] = []
    with other(path, session) as theirs:
        theirs("begin theirs?")
        theirs("chunk Half")
        mine = writer_of(history, session, said)
        context = [message.text for message in mine.context.messages]
        mine.begin(question("mine?"))
        theirs("finish Half of it.")
        mine.finish(Answer(text="Mine."))

    assert context == ["one", "re one"]
    assert mine.session is not None
    assert told(history, session) == [("one", "re one"), ("theirs?", "Half of it.")]
    assert told(history, mine.session) == [("one", "re one"), ("mine?", "Mine.")]
    assert said == [f"the conversation was continued elsewhere; this one continues as {mine.session}"]


def test_a_turn_is_under_way_until_it_ends(path: Path, history: History, session: SessionId) -> None:
    look = UnderWay(path.with_suffix(".lock"))
    seen = []
    with other(path, session) as theirs:
        for command in ("begin theirs?", "finish Theirs."):
            theirs(command)
            seen.append(look.elsewhere(history.last_turn(session)))

    assert seen == [True, False]


def test_a_conversation_whose_first_turn_is_under_way_is_copied_empty(path: Path, history: History) -> None:
    session = history.new_session("Named")
    said: list[str] = []
    with other(path, session) as theirs:
        theirs("begin theirs?")
        mine = writer_of(history, session, said)
        mine.begin(question("mine?"))

    assert mine.session is not None
    assert (told(history, session), told(history, mine.session)) == ([("theirs?", "")], [("mine?", "")])
    assert len(said) == 1


def test_what_a_killed_process_left_is_part_of_the_conversation(
    path: Path, history: History, session: SessionId
) -> None:
    with other(path, session) as theirs:
        theirs("begin theirs?")
        theirs("chunk Half")
        theirs.kill()
    mine = writer_of(history, session, [])

    mine.begin(question("mine?"))

    assert [message.text for message in mine.context.messages] == ["one", "re one", "theirs?", "Half"]
    assert told(history, session) == [("one", "re one"), ("theirs?", "Half"), ("mine?", "")]
    assert mine.session == session


def test_a_question_that_was_asked_in_vain_and_is_asked_again_is_under_way_again(
    path: Path, history: History, session: SessionId
) -> None:
    said: list[str] = []
    with other(path, session) as theirs:
        theirs("begin theirs?")
        theirs("finish ")
        theirs("begin theirs?")
        mine = writer_of(history, session, said)
        mine.begin(question("mine?"))
        assert theirs("finish At last.") == []

    assert mine.session is not None
    assert told(history, session) == [("one", "re one"), ("theirs?", "At last.")]
    assert told(history, mine.session) == [("one", "re one"), ("mine?", "")]
    assert len(said) == 1


def test_a_question_that_was_asked_in_vain_keeps_its_place_only_while_nobody_came_behind_it(
    path: Path, history: History, session: SessionId
) -> None:
    with other(path, session) as theirs:
        theirs("begin theirs?")
        theirs("finish ")
        mine = writer_of(history, session, [])
        mine.begin(question("mine?"))
        mine.finish(Answer(text="Mine."))
        (said,) = theirs("begin theirs?")
        theirs("finish Theirs.")

    assert told(history, session) == [("one", "re one"), ("theirs?", ""), ("mine?", "Mine.")]
    assert told(history, history.list()[0].id) == [("one", "re one"), ("theirs?", ""), ("theirs?", "Theirs.")]
    assert said == f"the conversation was continued elsewhere; this one continues as {history.list()[0].id}"


def test_undo_never_takes_back_what_somebody_else_has_added(path: Path, history: History, session: SessionId) -> None:
    with other(path, session) as theirs:
        theirs("begin theirs?")
        theirs("finish Theirs.")
        mine = writer_of(history, session, [])
        mine.begin(question("mine?"))
        mine.finish(Answer(text="Mine."))
        (said,) = theirs("undo")
        theirs("begin other?")

    copy = history.list()[0].id
    assert told(history, session) == [("one", "re one"), ("theirs?", "Theirs."), ("mine?", "Mine.")]
    assert told(history, copy) == [("one", "re one"), ("other?", "")]
    assert said == f"the conversation was continued elsewhere; this one continues as {copy}"


def test_the_file_of_the_locks_is_private_and_empty_and_made_only_when_something_is_asked(
    path: Path, history: History, session: SessionId
) -> None:
    lock = path.with_suffix(".lock")

    assert (stat.S_IMODE(lock.stat().st_mode), lock.stat().st_size) == (0o600, 0)


def test_looking_makes_no_file(tmp_path: Path) -> None:
    under_way = UnderWay(tmp_path / "history.lock")

    assert not under_way.elsewhere(TurnId(1))
    assert list(tmp_path.glob("*.lock")) == []


@pytest.mark.parametrize("number", [0, 2**63 - 1, -1, 2**70])
def test_any_number_of_a_turn_will_do(tmp_path: Path, number: int) -> None:
    under_way = UnderWay(tmp_path / "history.lock")
    under_way.begin(TurnId(number))

    assert not UnderWay(tmp_path / "history.lock").elsewhere(TurnId(number))
    under_way.end(TurnId(number))
    under_way.close()


def test_where_there_can_be_no_file_nothing_is_under_way(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "history.lock"):
        under_way = UnderWay(place)
        under_way.begin(TurnId(1))
        assert not UnderWay(place).elsewhere(TurnId(1))
        under_way.close()
