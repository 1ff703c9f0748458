"""Writing a chat down while it happens: how often, what is left after a failure, and whose conversation it is."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest

from fallback_chat.core.answer import Answer, AnswerBuilder, AnswerError
from fallback_chat.core.answer_json import attempt_json
from fallback_chat.core.attempts import AttemptRecord, Outcome, Segment
from fallback_chat.core.chat_context import ChatContext, ToolCall, VendorExtra
from fallback_chat.core.conversations.partial import MOST_UNSAVED, PartialSaver
from fallback_chat.core.conversations.recorder import Recorder, find_conversation, open_history
from fallback_chat.core.conversations.store import History
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind, InputError
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from fallback_chat.core.lone_tag import split_reasoning
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.storage.connection import connect
from tests.core.conversations.fakes import SetClock, failing_at, question
from tests.core.scripted import STOP, ScriptedLLM, text
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NEVER: Final = 10 * PATIENCE


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History.open(tmp_path / "history.db", clock=SetClock(), warn=pytest.fail) as opened:
        yield opened


def recorder(history: History, time: SetClock, warn: Callable[[str], object] = pytest.fail, **more: object) -> Recorder:
    return Recorder(history, monotonic=time, warn=warn, **more)  # type: ignore[arg-type]


def reply(content: str, finish: FinishReason | None = FinishReason.STOP) -> Answer:
    return Answer(text=content, finish_reason=finish, complete=finish is not None)


def stored(history: History) -> list[list[tuple[str, str, bool]]]:
    """Give question, answer and completeness of each turn, the conversation continued last first."""
    return [
        [(turn.question.text, turn.answer.text, turn.answer.complete) for turn in history.load(each.id).turns]
        for each in history.list()
    ]


class Saving:
    """Notes when what is to be saved behind how many characters, and works from the n-th time on."""

    def __init__(self, clock: SetClock, *, works_from: int = 1) -> None:
        self.saved: list[tuple[float, str, int]] = []
        self._clock = clock
        self._start = clock.now
        self._works_from = works_from

    def __call__(self, text: str, after: int) -> bool:
        self.saved.append((self._clock.now - self._start, text, after))
        return len(self.saved) >= self._works_from


def saver_of(saving: Saving, time: SetClock, *secrets: str) -> PartialSaver:
    return PartialSaver(saving, time, Redactor(secrets))


def test_what_is_new_is_saved_once_a_second_at_most(time: SetClock) -> None:
    saving = Saving(time)
    saver = saver_of(saving, time)

    for letter in "abcdefghij":
        time.now += 0.25
        saver.add(letter)

    assert saving.saved == [(1.0, "abcd", 0), (2.0, "efgh", 4)]
    assert list(map(saver.saved_of, ("abcdefghij", "abcdefgh", "abcdefg", "Abcdefgh"))) == [8, 8, 0, 0]


def test_much_is_saved_at_once_and_again_at_once_only_if_as_much_more_has_come(time: SetClock) -> None:
    saving = Saving(time, works_from=2)
    saver = saver_of(saving, time)
    for _ in range(3):
        saver.add("a" * (MOST_UNSAVED - 1))
        saver.add("b")

    saved = [(when, len(text), after) for when, text, after in saving.saved]
    assert saved == [(0.0, MOST_UNSAVED, 0), (0.0, 2 * MOST_UNSAVED, 0), (0.0, MOST_UNSAVED, 2 * MOST_UNSAVED)]


def test_what_came_just_before_a_silence_is_saved_by_the_tick(time: SetClock) -> None:
    saving = Saving(time)
    saver = saver_of(saving, time)
    saver.add("a")

    time.now += 0.9
    saver.tick()
    time.now += 0.1
    saver.tick()
    time.now += 5
    saver.tick()

    assert saving.saved == [(1.0, "a", 0)]


def test_what_could_not_be_saved_is_tried_again_though_nothing_follows(time: SetClock) -> None:
    saving = Saving(time, works_from=3)
    saver = saver_of(saving, time)
    saver.add("a")

    for _ in range(12):
        time.now += 0.5
        saver.tick()

    assert (saving.saved, saver.due) == ([(1.0, "a", 0), (2.0, "a", 0), (3.0, "a", 0)], None)


def test_an_answer_that_starts_over_takes_the_place_of_what_is_saved(time: SetClock) -> None:
    saving = Saving(time)
    saver = saver_of(saving, time, "sk-secret")

    for piece in ("void", "sk-se"):
        time.now += 1
        saver.add(piece)
    saver.clear()
    for piece in ("sk-se", "cret!"):
        time.now += 1
        saver.add(piece)

    assert saving.saved == [(1.0, "void", 0), (2.0, "", 0), (4.0, "[redacted]!", 0)]


def test_a_void_answer_is_not_glued_to_the_next(history: History, time: SetClock) -> None:
    writer = recorder(history, time)
    writer.begin(question("q"))
    time.now += 1
    writer.chunk(text("void"))
    time.now += 1
    writer.chunk(ChatChunk(restarted=True))
    voided = stored(history)
    time.now += 1
    writer.chunk(text("new"))
    partial = stored(history)
    writer.finish(reply("new"))

    assert voided == [[("q", "", False)]]
    assert partial == [[("q", "new", False)]]
    assert history.load(history.list()[0].id).turns[0].first_token == 3


def test_a_partial_is_stored_without_secrets(history: History, time: SetClock) -> None:
    writer = recorder(history, time, redactor=lambda: Redactor(["sk-secret"]))
    writer.begin(question("q"))
    writer.chunk(text("sk-"))
    time.now += 1
    writer.chunk(text("secret"))

    assert stored(history) == [[("q", "[redacted]", False)]]


@pytest.mark.parametrize("end", ["Thought.</think>\nAnswer.", "Thought, answer."])
def test_an_answer_is_stored_as_it_ended_whatever_was_saved_of_it(history: History, time: SetClock, end: str) -> None:
    writer = recorder(history, time)
    writer.begin(question("q"))
    for piece in (end[:8], end[8:]):
        time.now += 1
        writer.chunk(text(piece))
    partial = stored(history)
    thought, answer = split_reasoning(end)
    writer.finish(Answer(text=answer, reasoning=thought, complete=True))

    assert (partial, stored(history)) == ([[("q", end, False)]], [[("q", answer, True)]])


def test_the_question_is_stored_before_anything_is_sent(history: History, time: SetClock) -> None:
    writer = recorder(history, time)
    assert writer.session is None

    writer.begin(question("q"))

    assert stored(history) == [[("q", "", False)]]
    assert writer.session == history.latest()


async def test_an_answer_is_stored_with_everything_about_how_it_came(history: History, time: SetClock) -> None:
    bad = ScriptedLLM("bad", [ConnectionError("sk-secret was refused")])
    good = ScriptedLLM("good", [text("Hel"), text("lo sk-secret"), ChatChunk(usage=CompletionUsage(input=3)), STOP])
    adapter = FallbackAdapter([bad, good])
    writer = recorder(history, time, redactor=lambda: Redactor(["sk-secret"]))
    builder = AnswerBuilder()

    writer.begin(question("my key is sk-secret"))
    async with adapter.chat(chat_ctx=ChatContext.from_text("q")) as stream:
        async for chunk in stream:
            time.now += 0.5
            builder.add(chunk)
            writer.chunk(chunk)
        writer.finish(builder.build(stream))

    (turn,) = history.load(history.list()[0].id).turns
    record = turn.answer
    assert turn.question == question("my key is [redacted]")
    assert [(one.provider, one.outcome) for one in record.attempts] == [("bad", "failed"), ("good", "ok")]
    assert "sk-secret" not in str(record)
    assert record == Answer(
        text="Hello [redacted]",
        provider="good",
        kind="scripted",
        model="good-1",
        attempts=record.attempts,
        usage=CompletionUsage(input=3),
        finish_reason=FinishReason.STOP,
        complete=True,
    )
    assert (turn.first_token, turn.elapsed) == (0.5, 2.0)


def test_calls_models_and_a_providers_own_state_are_stored_without_secrets(history: History, time: SetClock) -> None:
    writer = recorder(history, time, redactor=lambda: Redactor(["sk-secret"]))
    calls = (ToolCall("sk-secret", "run_sk-secret", '{"key": "sk-secret"}'), ToolCall("c2", "run", "{}"))
    extras = (VendorExtra("k", "m", {"sk-secret": ["sk-secret", 1]}), VendorExtra("k", "m", {"signature": "abc"}))
    writer.begin(question("q"))

    writer.finish(
        Answer(text="a", tool_calls=calls, extras=extras, model="model-sk-secret", served_model="sk-secret-model")
    )

    record = history.load(history.list()[0].id).turns[0].answer
    assert record.tool_calls == (ToolCall("[redacted]", "run_[redacted]", '{"key": "[redacted]"}'), calls[1])
    assert record.extras == (VendorExtra("k", "m", {"[redacted]": ["[redacted]", 1]}), extras[1])
    assert (record.model, record.served_model) == ("model-[redacted]", "[redacted]-model")


def test_no_file_holds_a_secret_that_a_model_or_a_server_wrote(tmp_path: Path, time: SetClock) -> None:
    secret = "sk-secret"
    error = APIError(f"no {secret}", details=ErrorDetails(code=secret, request_id=secret))
    texts = ("text", "reasoning", "refusal", "finish_raw", "finish_words", "model", "served_model")
    said: dict[str, Any] = dict.fromkeys(texts, secret)
    answer = Answer(
        **said,
        tool_calls=(ToolCall(secret, secret, secret),),
        extras=(VendorExtra("openai", secret, {secret: [secret, {"a": secret}]}, "origin"),),
        attempts=(AttemptRecord("one", "openai", "m", Outcome.FAILED, error),),
        segments=(Segment("one", secret, 0, 1),),
    )
    with History.open(tmp_path / "data" / "history.db", clock=time, warn=pytest.fail) as history:
        writer = recorder(history, time, redactor=lambda: Redactor([secret]))
        writer.begin(question(f"my key is {secret}"))
        time.now += 1
        writer.chunk(text(secret))
        writer.finish(answer, APIError(secret))
        writer.begin(question("stopped"))
        writer.finish(Answer(), RuntimeError(secret))

        assert [path for path in (tmp_path / "data").iterdir() if secret.encode() in path.read_bytes()] == []
        assert [turn.unreadable for turn in history.load(history.list()[0].id).turns] == [None, None]


def test_attempts_are_stored_as_ask_prints_them(history: History, time: SetClock) -> None:
    writer = recorder(history, time)
    writer.begin(question("q"))
    details = ErrorDetails(status=429, code="slow", retry_after=2.5, request_id="r-1")
    failed = APIError("too fast", kind=ErrorKind.RATE_LIMITED, details=details)
    attempts = (
        AttemptRecord("one", "openai", "m", Outcome.FAILED, failed, None, 0.2, 1, 5.0, "the default"),
        AttemptRecord("two", "gemini", "n", Outcome.OK, None, 0.41, 1.9, 2),
    )

    writer.finish(Answer(text="a", finish_reason=FinishReason.STOP, attempts=attempts))

    stored = history.load(history.list()[0].id).turns[0]
    assert stored.document["attempts"] == [attempt_json(attempt) for attempt in attempts]
    assert [attempt_json(attempt) for attempt in stored.answer.attempts] == stored.document["attempts"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (asyncio.CancelledError(), "cancelled", "stopped by the user or a signal"),
        (RuntimeError("odd"), "internal", "a bug in fallback-chat (RuntimeError)"),
        (InputError("unreadable"), "input", "unreadable"),
        (OSError(5, "gone", "f"), "local_io", "[Errno 5] gone: 'f'"),
    ],
)
def test_an_answer_that_was_stopped_is_kept_and_marked(
    history: History, time: SetClock, error: BaseException, kind: str, message: str
) -> None:
    writer = recorder(history, time)
    writer.begin(question("q"))

    writer.finish(reply("half", None), error)

    answer = history.load(history.list()[0].id).turns[0].answer
    assert (answer.text, answer.complete) == ("half", False)
    assert answer.error == AnswerError(kind, message)


def test_turns_follow_each_other_and_can_be_gone_on_with_later(history: History, time: SetClock) -> None:
    writer = recorder(history, time)
    for word in ("one", "two"):
        writer.begin(question(word))
        writer.finish(reply(f"re {word}"))

    for session in (None, writer.session):
        again = recorder(history, time, conversation=find_conversation(history, session))
        assert [message.text for message in again.context.messages] == ["one", "re one", "two", "re two"]
    again.begin(question("three"))

    assert [question for question, _, _ in stored(history)[0]] == ["one", "two", "three"]


def test_two_terminals_that_go_on_with_the_same_conversation_part(history: History, time: SetClock) -> None:
    first = recorder(history, time)
    first.begin(question("one"))
    first.finish(reply("re one"))
    said: list[str] = []
    second = recorder(history, time, said.append, conversation=find_conversation(history, None))
    first.begin(question("mine"))
    second.begin(question("theirs"))
    first.finish(reply("re mine"))
    second.finish(reply("re theirs"))
    second.begin(question("more"))

    assert stored(history) == [
        [("one", "re one", True), ("theirs", "re theirs", True), ("more", "", False)],
        [("one", "re one", True), ("mine", "re mine", True)],
    ]
    assert said == [f"the conversation was continued elsewhere; this one continues as {second.session}"]


def test_a_conversation_that_was_removed_elsewhere_goes_on_as_a_new_one(history: History, time: SetClock) -> None:
    said: list[str] = []
    writer = recorder(history, time, said.append)
    writer.begin(question("one"))
    assert writer.session is not None
    history.remove(writer.session)
    writer.finish(reply("re one"))
    writer.begin(question("two"))

    assert stored(history) == [[("two", "", False)]]
    assert said == [f"the conversation was removed elsewhere; this one continues as {writer.session}"]


async def test_undo_and_the_next_turn_take_the_place_of_the_last(history: History, time: SetClock) -> None:
    writer = recorder(history, time)
    await writer.undo()
    writer.begin(question("one"))
    writer.finish(reply("re one"))
    await writer.undo()
    writer.begin(question("again"))

    assert stored(history) == [[("again", "", False)]]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_one_failing_write_is_said_once_and_loses_nothing_in_the_end(tmp_path: Path, time: SetClock, n: int) -> None:
    path = tmp_path / "history.db"
    History.open(path, clock=time, warn=pytest.fail).close()
    said: list[str] = []
    with History.open(path, clock=time, warn=pytest.fail, connect=failing_at(n, n + 9)) as history:
        writer = recorder(history, time, said.append)
        writer.begin(question("q"))
        time.now += 1
        writer.chunk(text("part"))
        writer.finish(reply("whole"))
        writer.begin(question("r"))

        turns = [turn for conversation in stored(history) for turn in conversation]

    whole = ("q", "part" if n == 4 else "whole", n != 4)
    assert turns == [whole, ("r", "", False)]
    assert said == [f"the conversation is not saved: {path}: database or disk is full"]


def test_a_disk_that_stays_full_is_said_once_and_the_chat_goes_on(tmp_path: Path, time: SetClock) -> None:
    path = tmp_path / "history.db"
    History.open(path, clock=time, warn=pytest.fail).close()
    said: list[str] = []
    with History.open(path, clock=time, warn=pytest.fail, connect=failing_at(*range(1, 99))) as history:
        writer = recorder(history, time, said.append)
        for _ in range(3):
            writer.begin(question("q"))
            time.now += 1
            writer.chunk(text("part"))
            writer.finish(reply("whole"))

        assert history.list() == ()
    assert writer.session is None
    assert len(said) == 1


@pytest.mark.parametrize("locked_from", ["the question", "the answer"])
def test_an_answer_does_not_wait_for_a_lock_and_is_stored_once_that_is_free(
    tmp_path: Path, time: SetClock, locked_from: str
) -> None:
    path = tmp_path / "history.db"
    patience = {"the question": 0.0, "the answer": NEVER}[locked_from]
    said: list[str] = []
    with (
        History.open(path, clock=time, warn=pytest.fail, connect=lambda where, _: connect(where, patience)) as history,
        closing(connect(path, 0)) as other,
    ):
        writer = recorder(history, time, said.append)
        if locked_from == "the answer":
            writer.begin(question("q"))
        other.execute("BEGIN IMMEDIATE")
        if locked_from == "the question":
            writer.begin(question("q"))
        time.now += 1
        writer.chunk(text("part"))
        other.execute("ROLLBACK")
        time.now += 1
        writer.tick()

        assert stored(history) == [[("q", "part", False)]]
    told = {"the question": [f"the conversation is not saved: {path}: database is locked"], "the answer": []}
    assert said == told[locked_from]


def test_without_a_place_to_write_nothing_is_saved_and_that_is_said(tmp_path: Path, time: SetClock) -> None:
    (tmp_path / "data").write_text("in the way")
    said: list[str] = []

    opened = open_history(tmp_path / "data" / "history.db", clock=time, warn=said.append)

    with opened:
        assert (opened.is_kept, opened.list()) == (False, ())
    assert len(said) == 1
    assert said[0].startswith(f"the conversation is not saved: {tmp_path / 'data' / 'history.db'}: ")


def test_a_history_that_can_be_opened_is_given(tmp_path: Path, time: SetClock) -> None:
    with open_history(tmp_path / "history.db", clock=time, warn=pytest.fail) as opened:
        assert isinstance(opened, History)


def test_a_private_chat_leaves_no_file_and_has_no_name(tmp_path: Path, time: SetClock) -> None:
    with History.open(None, clock=time, warn=pytest.fail) as history:
        writer = recorder(history, time)
        for _ in range(2):
            writer.begin(question("q"))
            writer.chunk(ChatChunk(ChoiceDelta("a")))
            time.now += 2
            writer.tick()
            writer.finish(reply("a"))
            asyncio.run(writer.undo())

        assert writer.session is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_there_may_be_nothing_to_go_on_with(history: History) -> None:
    for session in (None, "x"):
        with pytest.raises(InputError) as caught:
            find_conversation(history, session)
        assert caught.value.missing
