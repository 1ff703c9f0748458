"""Saved conversations in the chat: going on with one, copying, naming, finding and exporting it, and saving nothing."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import sqlite3
import stat
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.answer import Answer, AnswerError
from fallback_chat.core.chat_context import ChatMessage, Document, Role, Text, ToolCall
from fallback_chat.core.conversations.store import History
from fallback_chat.core.errors import APIConnectionError, APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta
from fallback_chat.core.storage import beside
from fallback_chat.providers.simulator import Manner
from tests.cli.program import NEVER
from tests.cli.repl.harness import CTRL_C, ENTER, SECRET, chatting
from tests.cli.repl.pseudo_terminal import on_terminal
from tests.cli.repl.test_commands import llm, output, said
from tests.core.conversations.other_process import other
from tests.core.scripted import SILENCE, STOP, ScriptedLLM, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from fallback_chat.core.conversations.records import SessionId
    from tests.cli.program import Program
    from tests.cli.repl.harness import Chat

pytestmark = pytest.mark.usefixtures("each_terminal")
WHOLE = Answer(text="Old answer.", complete=True)
CALL = ChatChunk(delta=ChoiceDelta(tool_calls=(ToolCall("1", "look", "{}"),)))
STOPPED = Answer(text="Half an", error=AnswerError("cancelled", "stopped"))


@pytest.fixture
def history(home: Path) -> Iterator[History]:
    """Give the conversations that the chat of the test shares."""
    path = home / "data_home" / "fallback-chat" / "history.db"
    with History.open(path, clock=time.time, warn=pytest.fail) as opened:
        yield opened


def add(history: History, asked: str, answer: Answer | None = WHOLE) -> SessionId:
    """Store a conversation of one turn; None is an answer that the program did not live to see."""
    session = history.new_session()
    turn = history.begin_turn(session, ChatMessage(Role.USER, (Text(asked),)))
    if answer is not None:
        history.finish_turn(turn, answer)
    return session


def files_in(place: Path) -> list[Path]:
    return list(place.rglob("*"))


def told(history: History, session: SessionId) -> list[tuple[str, str]]:
    return [(turn.question.text, turn.answer.text) for turn in history.load(session).turns]


def latest(history: History) -> SessionId:
    session = history.latest()
    assert session is not None
    return session


async def clear(chat: Chat) -> None:
    if chat.line:
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")


async def test_resume_shows_how_it_ended_tells_the_model_and_saves_there(history: History) -> None:
    session = add(history, "Old?")
    a = llm("a")
    async with chatting(a) as chat:
        assert await output(chat, f"/resume {session[:9]}") == [
            f"conversation {session}, 1 turn: Old?",
            "❯ Old?",
            "Old answer.",
        ]
        await chat.ask("And now?")
        assert [message.text for message in a.calls[0].chat_ctx.messages] == ["Old?", "Old answer.", "And now?"]
        assert told(history, session) == [("Old?", "Old answer."), ("And now?", "From a.")]
        assert len(history.list()) == 1


async def test_an_answer_that_the_user_stopped_is_stored_as_that(history: History) -> None:
    async with chatting(ScriptedLLM("a", ["Half an ", SILENCE])) as chat:
        await chat.begin("Go", "Half an")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.prompts()
        (turn,) = history.load(latest(history)).turns
    stopped = AnswerError("cancelled", "stopped by the user or a signal")
    assert (turn.answer.text, turn.answer.complete, turn.answer.error) == ("Half an ", False, stopped)


@pytest.fixture
def other_process(history: History, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Give the connection of another process, for whose lock the chat waits without end."""
    history.new_session()  # makes the file
    monkeypatch.setattr(beside, "PATIENCE", NEVER)
    path = home / "data_home" / "fallback-chat" / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@asynccontextmanager
async def keeping_a_question_from_being_stored(chat: Chat, other_process: sqlite3.Connection) -> AsyncIterator[None]:
    """Let the other process hold the lock, from a question on until the block ends."""
    await chat.prompts()
    await chat.repl.chain.open()  # what the chat is busy with is then the question
    other_process.execute("BEGIN IMMEDIATE")
    chat.type("Go" + ENTER)
    await chat.until(lambda: chat.repl.ui.is_busy)
    yield
    other_process.execute("ROLLBACK")
    await chat.prompts()


async def test_keys_are_heard_while_another_process_keeps_the_question_from_being_stored(
    history: History, other_process: sqlite3.Connection
) -> None:
    a = llm("a")
    async with chatting(a) as chat, keeping_a_question_from_being_stored(chat, other_process):
        chat.type("meanwhile")
        await chat.until(lambda: chat.line == "meanwhile")
        assert a.calls == []
    assert told(history, latest(history)) == [("Go", "From a.")]


async def test_ctrl_c_is_heard_while_another_process_keeps_the_question_from_being_stored(
    other_process: sqlite3.Connection,
) -> None:
    a = llm("a")
    async with chatting(a) as chat:
        async with keeping_a_question_from_being_stored(chat, other_process):
            chat.type(CTRL_C + "x")
            await chat.until(lambda: chat.line == "x")
        assert a.calls == []


async def test_the_prompt_does_not_wait_while_another_process_keeps_the_answer_from_being_stored(
    history: History, other_process: sqlite3.Connection
) -> None:
    go_on = asyncio.Event()
    async with chatting(ScriptedLLM("a", ["An ", go_on, "answer.", STOP], ["Another.", STOP])) as chat:
        await chat.begin("Go", "An")
        other_process.execute("BEGIN IMMEDIATE")
        go_on.set()
        await chat.prompts()
        chat.type("Never" + ENTER)
        await chat.until(lambda: chat.repl.ui.is_busy)
        chat.type(CTRL_C)
        await chat.prompts()
        await clear(chat)
        chat.type("On" + ENTER)
        await chat.until(lambda: chat.repl.ui.is_busy)
        other_process.execute("ROLLBACK")
        await chat.prompts()
    assert told(history, latest(history)) == [("Go", "An answer."), ("On", "Another.")]
    assert all(turn.answer.complete for turn in history.load(latest(history)).turns)


@pytest.mark.parametrize("command", ["/undo", "/edit", "/retry", "/fork", "/rename New"])
async def test_keys_are_heard_while_another_process_keeps_a_command_from_its_work(
    other_process: sqlite3.Connection, command: str
) -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        other_process.execute("BEGIN IMMEDIATE")
        chat.type(command + ENTER)
        await chat.until(lambda: not chat.repl.ui.is_waiting)
        chat.type("meanwhile")
        await chat.until(lambda: chat.line == "meanwhile")
        assert not chat.repl.ui.is_waiting
        other_process.execute("ROLLBACK")
        await chat.until(lambda: chat.repl.ui.is_waiting or chat.line == "Go")


async def test_keys_are_heard_while_another_process_keeps_the_history_from_being_opened(
    history: History, other_process: sqlite3.Connection, home: Path
) -> None:
    folder = os.open(home / "data_home" / "fallback-chat", os.O_RDONLY)
    async with chatting(llm("a")) as chat:
        await chat.prompts()
        fcntl.flock(folder, fcntl.LOCK_EX)
        chat.type("Go" + ENTER)
        await chat.until(lambda: chat.repl.ui.is_busy)
        chat.type("meanwhile")
        await chat.until(lambda: chat.line == "meanwhile")
        os.close(folder)
        await chat.prompts()
    assert told(history, latest(history)) == [("Go", "From a.")]


async def test_a_resumed_answer_looks_as_it_did(history: History) -> None:
    session = add(
        history, "Old?", Answer(text="**bold**\n\n```python\nx = 1\n```\n\n| a |\n| - |\n| b |\n", complete=True)
    )
    async with chatting(llm("a")) as chat:
        shown = await output(chat, f"/resume {session}")
        assert shown == [
            f"conversation {session}, 1 turn: Old?",
            "❯ Old?",
            "bold",
            f"  python {'─' * 38} /copy code 1",
            "x = 1",
            "a",
            "─",
            "b",
        ]


async def test_retry_after_resume_asks_the_last_question_again(history: History) -> None:
    session = add(history, "Old?")
    a = llm("a")
    async with chatting(a) as chat:
        await chat.ask(f"/resume {session}")
        await chat.ask("/retry")
        assert [message.text for message in a.calls[0].chat_ctx.messages] == ["Old?"]


async def test_resume_alone_goes_on_with_the_latest_other_conversation(history: History) -> None:
    older, newer = add(history, "Older?"), add(history, "Newer?")
    async with chatting(llm("a")) as chat:
        for session in (newer, older, newer):
            await chat.pick("/resume")
            assert chat.repl.record.session == session
            history.begin_turn(session, ChatMessage(Role.USER, (Text("touch"),)))


@pytest.mark.parametrize(
    ("answer", "ending", "draft", "context"),
    [
        (STOPPED, ["Half an", "✂ incomplete: stopped"], "", ["Old?", "Half an"]),
        (Answer(error=AnswerError("connection", "refused")), ["✂ no answer: refused"], "Old?", []),
        (None, ["✂ no answer: the program ended, or is still waiting"], "Old?", []),
    ],
)
async def test_an_exchange_that_did_not_end_well_says_so_and_its_question_comes_back(
    history: History, answer: Answer | None, ending: list[str], draft: str, context: list[str]
) -> None:
    session = add(history, "Old?", answer)
    async with chatting(llm("a")) as chat:
        await chat.pick("/resume")
        rows = chat.screen.rows
        start = rows.index(f"conversation {session}, 1 turn: Old?")
        assert rows[start + 1 : start + 2 + len(ending)] == ["❯ Old?", *ending]
        assert (chat.line, said(chat)) == (draft, context)


async def test_undo_after_resume_takes_the_old_turn_back_for_good(history: History) -> None:
    session = add(history, "Old?")
    async with chatting(llm("a")) as chat:
        await chat.pick("/resume")
        await chat.ask("/undo")
        assert (said(chat), told(history, session)) == ([], [])


async def test_undo_takes_back_what_was_answered_not_what_failed_behind_it(history: History) -> None:
    a = ScriptedLLM("a", ["One.", STOP], ["Two.", STOP], [APIConnectionError("gone")])
    async with chatting(a) as chat:
        for question in ("1?", "2?", "3?"):
            await chat.ask(question)
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")
        await chat.ask("/undo")
        session = chat.repl.record.session
        assert session is not None
        assert said(chat) == [message.text for message in history.load(session).context.messages] == ["1?", "One."]


@pytest.mark.parametrize("command", ["/undo", "/edit"])
@pytest.mark.parametrize("failing", [["  ", STOP], [CALL, STOP], [APIConnectionError("gone")]])
async def test_what_is_taken_back_is_the_same_on_disk(history: History, command: str, failing: list[Step]) -> None:
    a = ScriptedLLM("a", ["One.", STOP], ["Two.", STOP], failing, failing)
    async with chatting(a) as chat:
        for question in ("1?", "2?", "3?", "4?"):
            await chat.ask(question)
            await clear(chat)
        session = chat.repl.record.session
        assert session is not None
        for left in (["1?", "One."], []):
            await chat.ask(command)
            await clear(chat)
            saved = [message.text for message in history.load(session).context.messages]
            assert (said(chat), saved) == (left, left)
        assert told(history, session) == []


async def test_a_question_that_is_asked_again_and_again_is_one_turn_on_disk(history: History) -> None:
    busy = APIStatusError("busy", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=2.1))
    a = ScriptedLLM("a", [busy], [APIConnectionError("gone")], [APIConnectionError("gone")], ["Now.", STOP])
    async with chatting(a) as chat:
        await chat.ask("1?")  # counts down and asks a second time
        await chat.ask("")  # the question has come back into the line
        session = chat.repl.record.session
        assert session is not None
        assert told(history, session) == [("1?", "")]
        await chat.ask("")
        assert told(history, session) == [("1?", "Now.")]
        await chat.ask("/undo")
        assert (said(chat), told(history, session)) == ([], [])


async def test_resume_leaves_privacy_behind(history: History) -> None:
    session = add(history, "Old?")
    async with chatting(llm("a")) as chat:
        await chat.ask("/private")
        await chat.ask("Secret?")
        await chat.pick("/resume")
        await chat.ask("And now?")
        assert "private" not in chat.screen.rows[-1]
        assert told(history, session) == [("Old?", "Old answer."), ("And now?", "From a.")]


async def test_sessions_lists_the_latest_first_and_marks_this_one(history: History) -> None:
    other = add(history, "Old?")
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        listed = await output(chat, "/sessions")
        assert [re.sub(r"  \d{4}-\d\d-\d\d \d\d:\d\d  ", "  TIME  ", row) for row in listed] == [
            f"{chat.repl.record.session}  TIME  1 turn  Go (this one)",
            f"{other}  TIME  1 turn  Old?",
        ]


async def test_fork_goes_on_in_a_copy(history: History) -> None:
    async with chatting(llm("a", "One.", "Two.")) as chat:
        await chat.ask("1?")
        original = chat.repl.record.session
        assert original is not None
        said_so = await output(chat, "/fork")
        await chat.ask("2?")
        copy = chat.repl.record.session
        assert copy is not None
        assert " ".join(said_so) == f"this is {copy} now, a copy; the conversation so far stays as {original}"
        assert told(history, original) == [("1?", "One.")]
        assert told(history, copy) == [("1?", "One."), ("2?", "Two.")]


async def test_rename_gives_a_title_without_secrets(history: History) -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        assert await output(chat, "/rename All about  gold") == ["title: All about  gold"]
        assert [each.title for each in history.list()] == ["All about gold"]
        await chat.ask(f"/rename {SECRET}")
        assert SECRET not in history.list()[0].title


async def test_search_finds_turns_of_all_conversations(history: History) -> None:
    session = add(history, "Where is the gold?")
    async with chatting(llm("a")) as chat:
        first, second = await output(chat, "/search gold")
        assert first.startswith(session)
        assert first.endswith("  Where is the gold?")
        assert "gold" in second


async def test_export_overwrites_nothing_and_knows_its_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("precious")
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        assert await output(chat, "/export notes.md") == ["/export: notes.md is there already: name another file"]
        assert (await output(chat, "/export pdf"))[0].startswith("/export: 'pdf' is no format")
        assert await output(chat, "/export other.json") == ["written to other.json"]
        assert json.loads((tmp_path / "other.json").read_bytes())["turns"]
    assert (tmp_path / "notes.md").read_text() == "precious"


@pytest.mark.parametrize(
    ("argument", "name", "form"),
    [
        ("", "conversation-ID.md", "md"),
        ("json", "conversation-ID.json", "json"),
        ("notes.md", "notes.md", "md"),
        ("json my notes", "my notes", "json"),
    ],
)
async def test_export_writes_a_private_file(
    argument: str, name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        file = tmp_path / name.replace("ID", str(chat.repl.record.session))
        assert await output(chat, f"/export {argument}".rstrip()) == [f"written to {file.name}"]
        text = file.read_text("utf-8")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        if form == "json":
            assert json.loads(text)["turns"][0]["answer"]["text"] == "From a."
        else:
            assert text.startswith("# Go\n")
            assert text.endswith("\n\nFrom a.\n")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("/resume", "/resume: there is no other conversation yet"),
        ("/resume zzz", "/resume: there is no conversation 'zzz': `fallback-chat sessions list` shows"),
        ("/sessions", "/sessions: there is no conversation yet"),
        ("/fork", "/fork: nothing of this conversation is saved"),
        ("/rename x", "/rename: nothing of this conversation is saved"),
        ("/rename", "/rename: write the title behind /rename"),
        ("/export", "/export: nothing of this conversation is saved"),
        ("/search", "/search: write what to search for behind /search"),
        ("/search gold", "/search: nothing was found"),
    ],
)
async def test_where_nothing_is_saved_the_commands_say_so(command: str, sentence: str) -> None:
    async with chatting(llm("a")) as chat:
        assert (await output(chat, command))[0] == sentence
        assert await output(chat, "Go") == ["From a."]


async def test_tab_completes_the_ids_of_other_conversations(history: History) -> None:
    add(history, "Older?")
    newer = add(history, "Newer?")
    async with chatting(llm("a")) as chat:
        await chat.prompts()
        chat.type(f"/resume {newer}"[:-1] + "\t")
        await chat.until(lambda: chat.line == f"/resume {newer}")


async def test_a_private_question_is_not_in_the_input_history_of_the_next_run(home: Path) -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("First?")
        await chat.ask("/private")
        await chat.ask("Secret?")
        await chat.ask("/private")
        await chat.ask("Last?")
    kept = (home / "state_home/fallback-chat/input-history").read_text("utf-8")
    assert [json.loads(line) for line in kept.splitlines()] == ["First?", "/private", "Last?"]


async def test_no_log_writes_nothing_and_cannot_be_taken_back(home: Path) -> None:
    async with chatting(llm("a"), no_log=True) as chat:
        await chat.ask("Secret?")
        assert "private" in chat.screen.rows[-1]
        assert (await output(chat, "/private"))[0] == "/private: the chat was begun with --no-log: nothing is saved"
        assert (await output(chat, "/sessions"))[0] == "/sessions: there is no conversation yet"
        assert said(chat) == ["Secret?", "From a."]
    assert files_in(home) == []


async def test_no_log_reads_a_conversation_and_adds_nothing(history: History) -> None:
    session = add(history, "Old?")
    async with chatting(llm("a"), no_log=True) as chat:
        await chat.pick("/resume")
        await chat.ask("And now?")
        assert said(chat) == ["Old?", "Old answer.", "And now?", "From a."]
        assert told(history, session) == [("Old?", "Old answer.")]
        assert chat.repl.record.session is None


async def test_a_question_with_an_attachment_comes_back_without_it(history: History) -> None:
    session = history.new_session()
    parts = (Text("Read this."), Document("application/pdf", b"%PDF", "a.pdf"))
    history.begin_turn(session, ChatMessage(Role.USER, parts))
    async with chatting(llm("a")) as chat:
        await chat.pick("/resume")
        assert chat.line == "Read this."


def test_what_the_chat_prints_on_leaving_goes_on_with_the_conversation(program: Program, tmp_path: Path) -> None:
    program.play("ok")
    env: dict[str, str | None] = {"XDG_DATA_HOME": str(tmp_path / "data")}
    with on_terminal(program, env=env) as run:
        run.sees("? help")
        run.type("Go\r")
        run.sees("words of one.")
        run.type("/quit\r")
        assert run.exit_code() == 0
        flags = run.rows[-1].removeprefix("To go on: fallback-chat ").split()
    for again in (flags, ["-c"]):
        with on_terminal(program, *again, env=env) as run:
            run.sees("? help")
            assert run.rows[:4] == [
                "Chain: one. Alt-Enter makes a new line, /help tells more.",
                f"conversation {flags[1]}, 1 turn: Go",
                "❯ Go",
                "These are the words of one.",
            ]
            assert run.leave() == 0


@pytest.mark.parametrize("args", [[], ["--no-log"]])
def test_where_nothing_was_saved_leaving_says_nothing(program: Program, args: list[str]) -> None:
    program.play("ok")
    with on_terminal(program, *args) as run:
        run.sees("? help")
        if args:
            run.type("Go\r")
            run.sees("words of one.")
        assert run.leave() == 0
        assert "To go on" not in run.text


@pytest.mark.parametrize("args", [["-c"], ["--session", "zzz"]])
def test_an_unknown_conversation_ends_the_chat_before_it_begins(program: Program, args: list[str]) -> None:
    with on_terminal(program, *args) as run:
        assert run.exit_code() == 66
        assert run.text.startswith("fallback-chat: there is no conversation")
        assert "Chain:" not in run.text


def test_a_crash_in_the_middle_of_an_answer_loses_nothing(program: Program, tmp_path: Path) -> None:
    program.play("token-silence", manner=Manner())
    env: dict[str, str | None] = {"XDG_DATA_HOME": str(tmp_path / "data")}
    with (
        on_terminal(program, env=env) as run,
        History.open(tmp_path / "data/fallback-chat/history.db", clock=time.time, warn=pytest.fail) as history,
    ):
        run.sees("? help")
        run.type("Go\r")
        run.until(lambda: [told(history, each.id) for each in history.list()] == [[("Go", "These")]])
        run.process.kill()
    with on_terminal(program, "-c", env=env) as run:
        run.sees("? help")
        assert run.rows[2:5] == ["❯ Go", "These", "✂ incomplete: the program ended, or is still waiting"]


async def test_a_turn_that_another_process_has_under_way_is_none_of_the_chats(history: History, home: Path) -> None:
    session = add(history, "Old?")
    with other(home / "data_home" / "fallback-chat" / "history.db", session) as theirs:
        theirs("begin Theirs?")
        theirs("chunk Half of")
        async with chatting(llm("a")) as chat:
            await chat.ask(f"/resume {session}")
            before = said(chat)
            await chat.ask("Mine?")
            rows = [*chat.screen.rows]
        theirs("finish Half of it.")

    copy = history.list()[0].id
    assert before == ["Old?", "Old answer."]
    assert f"the conversation was continued elsewhere; this one continues as {copy}" in rows
    assert told(history, copy) == [("Old?", "Old answer."), ("Mine?", "From a.")]
    assert told(history, session) == [("Old?", "Old answer."), ("Theirs?", "Half of it.")]
