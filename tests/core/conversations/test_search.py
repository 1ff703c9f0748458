"""Searching the conversations, with and without FTS5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.conversations import search
from fallback_chat.core.conversations.records import Hit, SessionId
from fallback_chat.core.conversations.schema import MIGRATIONS
from fallback_chat.core.conversations.search import has_full_text
from fallback_chat.core.conversations.store import History
from fallback_chat.core.storage.sqlite import open_database
from tests.core.conversations.fakes import SetClock, answer, failing_at, question
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[True, False], ids=["fts5", "plain"])
def history(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[History]:
    database = open_database(tmp_path / "h.db", MIGRATIONS, patience=1, clock=SetClock(), warn=pytest.fail)
    with History(database, clock=SetClock(), full_text=request.param) as opened:
        yield opened


def add(history: History, asked: str, answered: str = "") -> SessionId:
    session = history.new_session()
    turn = history.begin_turn(session, question(asked))
    history.finish_turn(turn, answer(answered))
    return session


def test_this_sqlite_has_full_text_search(history: History) -> None:
    assert has_full_text(history._database)


def test_a_hit_names_conversation_turn_and_what_stands_around(history: History) -> None:
    session = add(history, "How do boats float?", "Buoyancy lifts them.")
    add(history, "Something else")

    assert history.search("buoyancy") == (
        Hit(session, "How do boats float?", history.last_turn(session), SetClock().now, "Buoyancy lifts them."),
    )


def test_a_long_text_is_shown_around_what_was_found(history: History) -> None:
    add(history, "q", "before " * 50 + "needle" + " after" * 50)

    (hit,) = history.search("needle")

    assert "needle" in hit.snippet
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert len(hit.snippet) < 200


def test_a_partial_that_was_indexed_is_found_by_its_later_text_only(history: History) -> None:
    session = history.new_session()
    turn = history.begin_turn(session, question("q"))
    history.save_partial(turn, "draft")
    assert [hit.session for hit in history.search("draft")] == [session]

    history.finish_turn(turn, answer("final"))

    assert history.search("draft") == ()
    assert [hit.session for hit in history.search("final")] == [session]


@pytest.mark.parametrize("history", [True], indirect=True)
def test_a_chat_gets_in_between_while_many_turns_are_indexed(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    session = history.new_session()
    for number in range(10):
        history.finish_turn(history.begin_turn(session, question(f"word {number}")), answer("a"))
    waits: list[float] = []

    def chat_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        add(history, "written meanwhile", "a")

    monkeypatch.setattr(search, "SLICE", 3)
    monkeypatch.setattr(search, "sleep", chat_meanwhile)

    assert len(history.search("word", limit=100)) == 10
    assert waits == [search.PAUSE] * len(waits)
    assert len(history.search("meanwhile", limit=100)) == len(waits) >= 3


@pytest.mark.parametrize(
    "text",
    ['"', "AND", "NOT", "a OR", "question:x", "*", "(", "NEAR(", "^x", "-x", "%", "_", "\\", "'; DROP", "!!!", "\0"],
)
def test_the_signs_of_query_languages_are_plain_text(history: History, text: str) -> None:
    session = add(history, f"see {text} here")
    add(history, "neither")

    assert [hit.session for hit in history.search(text)] == ([] if text == "\0" else [session])


def test_nothing_is_found_by_nothing(history: History) -> None:
    add(history, "a question")

    assert [history.search(text) for text in ("", "  ", "\n", "zzz")] == [()] * 4


def test_the_newest_of_equals_comes_first_and_the_limit_counts(history: History) -> None:
    sessions = [add(history, "same words") for _ in range(3)]

    assert [hit.session for hit in history.search("same")] == sessions[::-1]
    assert [hit.session for hit in history.search("same", 2)] == sessions[:0:-1]


def test_text_without_spaces_between_words_is_found_too(history: History) -> None:
    session = add(history, "東京の天気はどうですか")

    assert [hit.session for hit in history.search("天気")] == [session]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("C++", "C++ templates"),
        ("c#", "C# generics"),
        ("100%", "sure to 100%"),
        (".net", "in .NET"),
        ("hello 🚀", "hello 🚀 world"),
        ("foo()", "call foo() twice"),
        ("天気 東京", "東京の天気はどうですか"),
        ("本を read", "日本を read about"),
    ],
)
def test_the_signs_of_a_word_count_and_so_do_words_within_a_sentence_without_spaces(
    tmp_path: Path, query: str, found: str
) -> None:
    others = ["C is older", "100 euros", "a net", "hello world", "foo twice", "東京", "天気がいい", "本を借りる"]
    with History.open(tmp_path / "h.db", clock=SetClock(), warn=pytest.fail) as history:
        session = add(history, found)
        for other in others:
            add(history, other)

        assert [hit.session for hit in history.search(query)] == [session]


def test_what_stands_within_a_sentence_is_found_beside_what_begins_one(history: History) -> None:
    sessions = [add(history, "日本語の文法"), add(history, "私は日本語を話す")]

    assert [hit.session for hit in history.search("日本語")] == sessions[::-1]


@examples(40, 500)
@given(text=st.text(max_size=40), query=st.text(max_size=20))
def test_no_query_fails_and_every_word_that_was_said_is_found(history: History, text: str, query: str) -> None:
    session = add(history, text)
    history.search(query)

    for word in text.replace("\0", " ").split():
        assert session in [hit.session for hit in history.search(word, 1000)]
    history.remove(session)


def test_words_may_stand_anywhere_and_the_better_match_comes_first(tmp_path: Path) -> None:
    with History.open(tmp_path / "h.db", clock=SetClock(), warn=pytest.fail) as history:
        best = add(history, "cats and dogs", "dogs chase cats; cats do not chase dogs")
        once = add(history, "much text " * 20 + " dogs " + "and more " * 20 + " cats")
        add(history, "dogs alone")

        assert [hit.session for hit in history.search('dogs "chas')] == [best], "a quotation mark is no part of a word"

        assert [hit.session for hit in history.search("dogs CAT")] == [best, once]


def test_a_full_disk_does_not_keep_anybody_from_searching(tmp_path: Path) -> None:
    with History.open(tmp_path / "h.db", clock=SetClock(), warn=pytest.fail) as history:
        session = add(history, "needle")
    with History.open(tmp_path / "h.db", clock=SetClock(), warn=pytest.fail, connect=failing_at(1)) as history:
        assert [hit.session for hit in history.search("needle")] == [session]
