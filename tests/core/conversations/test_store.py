"""Conversations: what is stored, what comes back, and what a conversation is after forks, undos and failures."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.answer import Answer, AnswerError
from fallback_chat.core.answer_json import answer_json
from fallback_chat.core.attempts import AttemptRecord, Outcome, Segment
from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Document,
    Image,
    Role,
    Text,
    ToolCall,
    VendorExtra,
)
from fallback_chat.core.conversations import answer_text
from fallback_chat.core.conversations.records import BEFORE_THE_FIRST, SessionId, StoredTurn, Summary, storable
from fallback_chat.core.conversations.store import History, SessionMovedError
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind, InputError
from fallback_chat.core.llm import CompletionUsage, FinishReason
from tests.core.conversations.fakes import SetClock, answer, question
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOCK_AT = SetClock().now


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def history(tmp_path: Path, time: SetClock) -> Iterator[History]:
    with History.open(tmp_path / "data" / "history.db", clock=time, warn=pytest.fail) as opened:
        yield opened


def conversation(history: History, *texts: str) -> SessionId:
    session = history.new_session()
    for text in texts:
        history.finish_turn(history.begin_turn(session, question(text)), answer(f"re {text}"))
    return session


def test_a_question_is_there_for_others_before_it_has_an_answer(history: History, tmp_path: Path) -> None:
    session = history.new_session()
    turn = history.begin_turn(session, question("why?"))

    with History.open(tmp_path / "data" / "history.db", clock=SetClock(), warn=pytest.fail) as other:
        found = other.load(session)

    assert found.summary == Summary(session, "why?", CLOCK_AT, CLOCK_AT, 1)
    assert found.turns == (StoredTurn(id=turn, asked=CLOCK_AT, question=question("why?")),)
    assert found.context == ChatContext()


def test_a_partial_answer_without_an_end_is_in_the_context_and_marked_incomplete(history: History) -> None:
    session = history.new_session()
    turn = history.begin_turn(session, question("why?"))
    history.save_partial(turn, "Bec")
    history.save_partial(turn, "Because")

    assert history.load(session).context.messages == (
        question("why?"),
        ChatMessage(Role.ASSISTANT, (Text("Because"),), complete=False),
    )


@examples(10, 200)
@given(pieces=st.lists(st.text(min_size=1, max_size=9), max_size=6), rest=st.text(max_size=5), again=st.booleans())
def test_an_answer_in_parts_is_read_copied_found_and_removed_as_one(pieces: list[str], rest: str, again: bool) -> None:
    whole = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch, History.open(None, clock=SetClock(), warn=pytest.fail) as history:
        patch.setattr(answer_text, "IN_ROW", 12)
        session = history.new_session()
        turn = history.begin_turn(session, question("why?"))
        for number, piece in enumerate(pieces):
            history.save_partial(turn, piece, len("".join(pieces[:number])))
        partial = history.load(session).turns[0].answer.text
        history.finish_turn(turn, answer(whole + rest + "needle"), saved=0 if again else len(whole))
        copy = history.fork(session)
        ends = [history.load(each).turns[0].answer.text for each in (session, copy)]
        found = {hit.session for hit in history.search("needle")} | {hit.session for hit in history.search("eedle")}
        history.remove(session, copy)
        left = history._database.query("SELECT count(*) FROM answer_parts")

    expected = storable(whole + rest + "needle")
    assert (partial, ends, left) == (storable(whole), [expected, expected], [(0,)])
    assert found == {session, copy}


def test_a_turn_that_failed_is_kept_but_not_told_to_the_next_provider(history: History) -> None:
    session = conversation(history, "one")
    failed = history.begin_turn(session, question("two"))
    history.finish_turn(failed, Answer(error=AnswerError("server_error", "no")))

    found = history.load(session)

    assert found.context.messages == (question("one"), answer("re one").message())
    assert found.turns[-1].answer.error == AnswerError("server_error", "no")
    assert found.last == failed


texts = st.text(max_size=30)
parts = st.one_of(
    texts.map(Text),
    st.builds(Image, st.sampled_from(["image/png", "image/webp"]), st.binary(max_size=20)),
    st.builds(Document, st.just("application/pdf"), st.binary(max_size=20), texts),
)
names = st.none() | texts.filter(bool)
seconds = st.integers(0, 10**6).map(lambda milliseconds: milliseconds / 1000)
counts = st.integers(0, 9999)
json_values = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3))
errors = st.builds(
    APIError,
    texts,
    kind=st.sampled_from(ErrorKind),
    details=st.builds(
        ErrorDetails, status=st.none() | counts, code=names, retry_after=st.none() | seconds, request_id=names
    ),
)
attempts = st.builds(
    AttemptRecord,
    provider=texts,
    kind=texts,
    model=texts,
    outcome=st.sampled_from(Outcome),
    error=st.none() | errors,
    first_token=st.none() | seconds,
    elapsed=seconds,
    round=st.integers(1, 9),
    budget=st.none() | seconds,
    budget_reason=names,
)
segments = st.builds(
    lambda provider, model, start, length: Segment(provider, model, start, start + length),
    *(texts, texts, counts, counts),
)
answers = st.builds(
    Answer,
    text=texts,
    reasoning=texts,
    refusal=texts,
    tool_calls=st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple),
    extras=st.lists(st.builds(VendorExtra, texts, texts, json_values, texts), max_size=2).map(tuple),
    provider=names,
    kind=names,
    model=names,
    served_model=names,
    attempts=st.lists(attempts, max_size=2).map(tuple),
    segments=st.lists(segments, max_size=2).map(tuple),
    seam=st.none() | st.just("clean"),
    usage=st.none() | st.builds(CompletionUsage, *[st.none() | counts] * 6),
    finish_reason=st.none() | st.sampled_from(FinishReason),
    finish_raw=names,
    finish_words=names,
    complete=st.booleans(),
    error=st.none() | st.builds(AnswerError, texts, texts, st.none() | seconds),
)


def without_errors(answer: Answer) -> Answer:
    """Return an answer whose attempts can be compared: errors are equal to themselves only."""
    return replace(answer, attempts=tuple(replace(each, error=None) for each in answer.attempts))


@examples(20, 200)
@given(content=st.lists(parts, max_size=4).map(tuple), reply=answers)
def test_every_question_and_answer_comes_back_as_it_was(
    history: History, content: tuple[Text | Image | Document, ...], reply: Answer
) -> None:
    session = history.new_session()
    asked = ChatMessage(Role.USER, content)
    turn = history.begin_turn(session, asked)
    history.finish_turn(turn, reply, first_token=0.5, elapsed=2)

    (stored,) = history.load(session).turns
    assert replace(stored, answer=without_errors(stored.answer)) == StoredTurn(
        id=turn,
        asked=CLOCK_AT,
        question=asked,
        answer=without_errors(reply),
        ended=CLOCK_AT,
        first_token=0.5,
        elapsed=2,
    )
    assert answer_json(stored.answer, state=True) == answer_json(reply, state=True)


def test_half_a_surrogate_pair_is_stored_as_a_replacement_character(history: History) -> None:
    session = history.new_session("t\udc00")
    history.finish_turn(history.begin_turn(session, question("a\ud800b")), answer("c\udfffd", model="m\ud800"))

    found = history.load(session)

    assert found.summary.title == "t\ufffd"
    assert found.turns[0].question == question("a\ufffdb")
    assert (found.turns[0].answer.text, found.turns[0].answer.model) == ("c\ufffdd", "m\ufffd")


def test_the_conversation_continued_last_comes_first_even_when_the_clock_was_set_back(
    history: History, time: SetClock
) -> None:
    first, second = conversation(history, "one"), conversation(history, "two")
    time.now -= 1000
    history.begin_turn(first, question("more"))

    assert history.latest() == first
    assert [(each.id, each.title, each.turns) for each in history.list()] == [(first, "one", 2), (second, "two", 1)]
    assert [each.id for each in history.list(1)] == [first]


def test_a_conversation_without_turns_is_not_listed(history: History) -> None:
    history.new_session("empty")

    assert (history.list(), history.latest()) == ((), None)


def test_ids_sort_by_time_and_do_not_collide(tmp_path: Path) -> None:
    time = SetClock()
    draws = itertools.chain([0.5, 0.5], itertools.repeat(0.9))
    with History.open(tmp_path / "history.db", clock=time, warn=pytest.fail) as history:
        history._random = lambda: next(draws)
        first, second = history.new_session(), history.new_session()
        time.now += 1
        third = history.new_session()

    assert len({first, second, third}) == 3
    assert max(first, second) < third
    assert {len(each) for each in (first, second, third)} == {11}


def test_a_beginning_names_a_conversation_as_long_as_only_one_begins_like_it(history: History, time: SetClock) -> None:
    first = conversation(history, "one")
    time.now += 5_000_000
    second = conversation(history, "two")
    common = "".join(a for a, b in zip(first, second, strict=True) if a == b)[:2]

    assert history.resolve(first) == first
    assert history.resolve(second[:-2].upper()) == second
    for text in ("", "nowhere", "%", "_", common):
        with pytest.raises(InputError):
            history.resolve(text)


def test_an_unknown_conversation_is_a_missing_input(history: History) -> None:
    with pytest.raises(InputError, match="no conversation 'x'") as caught:
        history.resolve("x")

    assert caught.value.missing


def test_a_fork_has_the_turns_up_to_its_point_and_goes_its_own_way(history: History) -> None:
    session = history.new_session("Mine")
    picture = ChatMessage(Role.USER, (Text("look"), Image("image/png", b"\x89")))
    first = history.begin_turn(session, picture)
    history.finish_turn(first, answer("seen"))
    history.begin_turn(session, question("two"))

    copy = history.fork(session, first)
    history.begin_turn(copy, question("other"))

    assert [turn.question for turn in history.load(copy).turns] == [picture, question("other")]
    assert history.load(copy).turns[0].answer == answer("seen")
    assert (history.load(copy).summary.title, history.load(copy).summary.forked_from) == ("Mine", session)
    assert [turn.question for turn in history.load(session).turns] == [picture, question("two")]
    assert len(history.load(history.fork(session)).turns) == 2


def test_undo_takes_the_last_turns_out_one_by_one(history: History) -> None:
    session = conversation(history, "one", "two")

    undone = [history.undo(session) for _ in range(3)]

    assert undone[0] is not None
    assert undone[1] is not None
    assert undone[0] > undone[1]
    assert undone[2] is None
    assert history.load(session).turns == ()
    assert history.list() == ()
    assert history.search("one") == ()


def test_undo_takes_out_the_unanswered_questions_behind_the_turn(history: History) -> None:
    session = conversation(history, "one", "two")
    for text in ("three?", "four?"):
        history.begin_turn(session, question(text))

    history.undo(session)

    assert [turn.question.text for turn in history.load(session).turns] == ["one"]


def test_a_turn_is_refused_when_somebody_else_continued_the_conversation(history: History) -> None:
    session = conversation(history, "one")
    seen = history.last_turn(session)
    history.begin_turn(session, question("theirs"), after=seen)

    with pytest.raises(SessionMovedError):
        history.begin_turn(session, question("mine"), after=seen)

    assert [turn.question.text for turn in history.load(session).turns] == ["one", "theirs"]
    with pytest.raises(SessionMovedError):
        history.begin_turn(SessionId("gone"), question("x"), after=BEFORE_THE_FIRST)


@pytest.mark.parametrize("title", ["", " \n", "\u200b", "\0", "\u202e \u2066"])
def test_a_title_that_shows_nothing_is_none(history: History, title: str) -> None:
    session = history.new_session()
    history.begin_turn(session, question("First"))

    history.rename(session, title)

    assert history.load(session).summary.title == "First"


def test_a_title_can_be_given_and_taken_away(history: History) -> None:
    session = conversation(history, "the first question " * 10)

    history.rename(session, "  My\n title ")
    renamed = history.load(session).summary.title
    history.rename(session, " ")

    assert renamed == "My title"
    assert history.load(session).summary.title == ("the first question " * 10)[:59] + "…"


def test_what_was_removed_is_in_no_file_any_more(history: History, tmp_path: Path) -> None:
    kept, gone = conversation(history, "ordinary"), conversation(history, "quetzalcoatl")
    assert [hit.session for hit in history.search("quetzalcoatl")] == [gone]

    history.remove(gone)

    assert [each.id for each in history.list()] == [kept]
    assert history.search("quetzalcoatl") == ()
    for file in (tmp_path / "data").iterdir():
        assert b"quetzal" not in file.read_bytes()


def test_purge_removes_what_nobody_has_continued_for_so_long(history: History, time: SetClock) -> None:
    old, continued = conversation(history, "old"), conversation(history, "continued")
    history.new_session("empty")
    time.now += 1000
    history.begin_turn(continued, question("again"))

    assert history.purge(2000) == 0
    assert history.purge(1000) == 2
    assert [each.id for each in history.list()] == [continued]
    with pytest.raises(InputError):
        history.load(old)
