"""`ask -c` and `ask --session`: what is sent, what is stored and when, and what is not."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.conversations.store import History
from fallback_chat.providers.simulator import Manner
from fallback_chat.providers.simulator.schedule import always, first
from tests.cli.program import ANSWERS, KEY, TEXTS, Ran, stop
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.saved import Saved


def sent(program: Program) -> list[str]:
    """Give the texts of the first request, in order."""
    return [message["content"] for message in program.servers[0].requests[0].json["messages"]]


def test_ask_alone_saves_nothing(program: Program, saved: Saved) -> None:
    assert program("ask", "hi", env=saved.env) == Ran(0, ANSWERS["one"], "")
    assert not saved.path.parent.exists()


@pytest.mark.parametrize("latest", [True, False])
def test_a_conversation_goes_on_with_what_was_said(program: Program, saved: Saved, *, latest: bool) -> None:
    old, new = saved.add("old?", "Old."), saved.add("new?", "New.")
    session, before = (new, ("new?", "New.", True)) if latest else (old, ("old?", "Old.", True))

    ran = program("ask", *(["-c"] if latest else ["--session", old]), "And now?", env=saved.env)

    goes_on = f"fallback-chat: continuing {session}, 1 turn: {before[0]}\n" if latest else ""
    assert ran == Ran(0, ANSWERS["one"], goes_on)
    assert sent(program) == [*before[:2], "And now?"]
    assert saved.told(session) == [before, ("And now?", TEXTS["one"], True)]


def test_json_and_jsonl_tell_the_conversation(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")

    whole = program("ask", "--json", "-c", "hi", env=saved.env)
    lines = program("ask", "--jsonl", "-c", "hi", env=saved.env)
    without = program("ask", "--json", "hi", env=saved.env)

    assert json.loads(whole.out)["session"] == session
    assert json.loads(lines.out.splitlines()[-1])["session"] == session
    assert json.loads(without.out)["session"] is None


def test_the_question_is_saved_before_it_is_sent(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    program.play("silence")
    with program.start("ask", "-c", "Go", env=saved.env) as process:
        wait_until(lambda: program.asked == [1])
        assert saved.told(session)[1:] == [("Go", "", False)]
        process.kill()


def test_the_answer_is_saved_while_it_comes(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    program.play("token-silence", manner=Manner())
    with program.start("ask", "-c", "Go", env=saved.env) as process:
        wait_until(lambda: saved.told(session)[1:] == [("Go", "These", False)])
        process.kill()
    assert saved.load(session).turns[-1].ended is None


def test_ctrl_c_keeps_what_there_is_and_says_what_happened(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    program.play("token-silence")
    process = program.start("ask", "-c", "Go", env=saved.env)
    assert process.stdout is not None
    assert process.stdout.read(5) == b"These"

    assert stop(process, signal.SIGINT).code == 130
    turn = saved.load(session).turns[-1]
    assert (turn.answer.text, turn.answer.error and turn.answer.error.kind) == ("These", "cancelled")


def test_a_failed_turn_is_saved_with_its_failure_and_not_told_to_the_model(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")

    assert program.play("500")("ask", "-c", "Go", env=saved.env).code == 69
    program.play("ok")("ask", "-c", "Again", env=saved.env)

    assert sent(program) == ["old?", "Old.", "Again"]
    failed = saved.load(session).turns[1].answer
    assert (failed.text, failed.error and failed.error.kind) == ("", "server_error")


@pytest.mark.parametrize("flags", [["-c"], ["--session", "zzz"]])
def test_where_there_is_no_such_conversation_nobody_is_asked(program: Program, saved: Saved, flags: list[str]) -> None:
    ran = program("ask", *flags, "hi", env=saved.env)

    words = "there is no conversation" + (
        " to continue yet" if flags == ["-c"] else " 'zzz': `fallback-chat sessions list`"
    )
    assert (ran.code, ran.out, program.asked) == (66, "", [0])
    assert words in ran.err


def test_an_unknown_conversation_is_an_object_too(program: Program, saved: Saved) -> None:
    value = json.loads(program("ask", "--json", "--session", "zzz", "hi", env=saved.env).out)

    assert (value["session"], value["exit_code"], value["error"]["kind"]) == (None, 66, "input")


@pytest.mark.parametrize("how", [{"flag": "--no-log"}, {"variable": "1"}])
def test_no_log_reads_a_conversation_and_adds_nothing(program: Program, saved: Saved, how: dict[str, str]) -> None:
    session = saved.add("old?", "Old.")
    env = saved.env | {"FALLBACK_CHAT_NO_LOG": how.get("variable")}

    ran = program("ask", *filter(None, [how.get("flag")]), "--json", "-c", "And now?", env=env)

    assert sent(program) == ["old?", "Old.", "And now?"]
    assert json.loads(ran.out)["session"] is None
    assert saved.told(session) == [("old?", "Old.", True)]


def test_continue_and_session_exclude_each_other(program: Program, saved: Saved) -> None:
    ran = program("-c", "ask", "--session", "x", "hi", env=saved.env)

    assert (ran.code, ran.out, program.asked) == (2, "", [0])
    assert "--session" in ran.err


def test_a_key_is_not_saved(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")

    program("ask", "-c", f"Is {KEY} secret?", env=saved.env)

    assert KEY not in repr(saved.load(session))


def test_a_file_that_cannot_be_read_is_told_and_nobody_is_asked(program: Program, saved: Saved) -> None:
    saved.path.mkdir(parents=True)

    ran = program("ask", "-c", "hi", env=saved.env)

    assert (ran.code, ran.out, program.asked) == (74, "", [0])
    assert str(saved.path) in ran.err


@pytest.mark.parametrize("command", ["probe", "models"])
def test_who_asks_nothing_goes_on_with_no_conversation(program: Program, command: str) -> None:
    ran = program(command, "-c")

    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    ("flags", "prefer", "who"),
    [((), "sticky", "two"), ((), "primary", "one"), (("-p", "one"), "sticky", "one")],
)
def test_a_conversation_stays_with_who_answered_last_where_that_is_preferred(
    program: Program, saved: Saved, flags: tuple[str, ...], prefer: str, who: str
) -> None:
    program.play(first(1, "500"), "ok", prefer=prefer)
    program("ask", "--session", saved.add("Hi", "Hello"), "One?", env=saved.env)

    ran = program("ask", "-c", *flags, "Two?", env=saved.env)

    assert (ran.code, ran.out) == (0, ANSWERS[who])


def test_a_turn_that_cannot_be_read_is_said_and_left_out(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    with saved.open() as history:
        odd = history.begin_turn(session, ChatMessage(Role.USER, (Text("odd?"),)))
        history.finish_turn(odd, Answer(text="Odd.", complete=True))
        history._database.write("UPDATE turns SET finish_reason = 'a word of later' WHERE id = ?", odd)

    ran = program("ask", "-c", "And now?", env=saved.env)

    left_out = f"1 turn cannot be read and will be left out: see `fallback-chat sessions show {session}`"
    assert ran == Ran(
        0, ANSWERS["one"], f"fallback-chat: continuing {session}, 2 turns: old?\nfallback-chat: {left_out}\n"
    )
    assert sent(program) == ["old?", "Old.", "And now?"]


def test_what_a_newer_release_wrote_is_told_to_the_model_and_not_added_to(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    with saved.open() as history:
        history._database.query("PRAGMA user_version = 99")

    ran = program("ask", "--json", "-c", "And now?", env=saved.env)

    assert (ran.code, json.loads(ran.out)["session"]) == (0, None)
    assert ran.err == (
        f"fallback-chat: {saved.path} was written by a newer fallback-chat: it is only read, and nothing is saved\n"
        f"fallback-chat: continuing {session}, 1 turn: old?\n"
    )
    assert sent(program) == ["old?", "Old.", "And now?"]
    with History.open(saved.path, clock=time.time, warn=lambda _: None) as history:
        assert [turn.question.text for turn in history.load(session).turns] == ["old?"]


def test_two_that_continue_one_conversation_at_once_part_and_are_told(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    program.play("token-silence", manner=Manner())
    with program.start("ask", "-c", "First?", env=saved.env) as first:
        wait_until(lambda: saved.told(session)[1:] == [("First?", "These", False)])
        program.servers[0].script = always("ok")
        second = program("ask", "--json", "-c", "Second?", env=saved.env)
        first.kill()

    copy = json.loads(second.out)["session"]
    assert second.err == (
        f"fallback-chat: continuing {session}, 1 turn: old?\n"
        f"fallback-chat: the conversation was continued elsewhere; this one continues as {copy}\n"
    )
    assert [message["content"] for message in program.servers[0].requests[-1].json["messages"]] == [
        *("old?", "Old."),
        "Second?",
    ]
    assert saved.told(session) == [("old?", "Old.", True), ("First?", "These", False)]
    assert saved.told(copy) == [("old?", "Old.", True), ("Second?", TEXTS["one"], True)]
    assert program("ask", "--session", session, "Third?", env=saved.env) == Ran(0, ANSWERS["one"], "")
    assert [asked for asked, _, _ in saved.told(session)] == ["old?", "First?", "Third?"]
