"""`ask` as a shell uses it: what it reads, what it wishes, what it prints, and what it leaves to be gone on with."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.providers.simulator import Manner
from tests.cli.program import ANSWERS, Ran, stop
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program
    from tests.cli.saved import Saved

CODE = "First:\n\n```python\nprint(1)\n```\n\nThen:\n\n~~~sh\nls\n~~~\n\n```python\nprint(2)\n```\n"


def sent(program: Program) -> dict[str, Any]:
    """The body of the request that the first server got last."""
    body: dict[str, Any] = program.servers[0].requests[-1].json
    return body


def question(program: Program) -> str:
    content: str = sent(program)["messages"][-1]["content"]
    return content


def answering(program: Program, text: str) -> Program:
    """Let the first server say `text`."""
    program.play("ok")
    program.servers[0].manner = Manner(text)
    return program


def test_the_deadline_that_was_given_ends_the_wait_for_a_pipe_that_nobody_closes(program: Program) -> None:
    reading, writing = os.pipe()
    with program.start("ask", "--deadline", "0.5s", "hi", stdin=reading) as process:
        out, err = process.communicate(timeout=PATIENCE)
    os.close(reading)
    os.close(writing)

    assert (process.returncode, out, program.asked) == (124, b"", [0])
    assert err.decode() == "fallback-chat: standard input has not ended within the deadline of 0.5 s\n"


def test_without_standard_input_an_open_pipe_is_not_waited_for(program: Program) -> None:
    process = program.start("ask", "--no-stdin", "hi", stdin=subprocess.PIPE)
    process.wait(PATIENCE)

    assert stop(process) == Ran(0, ANSWERS["one"], "")
    assert question(program) == "hi"


def test_a_loop_that_reads_lines_is_told_that_its_list_was_taken(program: Program) -> None:
    ran = program.shell('printf "a\\nb\\nc\\n" | while read -r line; do $fc ask "$line"; done')

    assert ran == Ran(0, ANSWERS["one"], "fallback-chat: standard input was added: 2 lines\n")
    assert question(program) == "a\n\nstdin:\n```\nb\nc\n```"


def test_a_loop_that_reads_lines_works_where_standard_input_is_left_alone(program: Program) -> None:
    ran = program.shell('printf "a\\nb\\n" | while read -r line; do $fc ask --no-stdin "$line"; done')

    assert ran == Ran(0, ANSWERS["one"] * 2, "")
    assert program.asked == [2]


def test_a_dash_as_a_file_is_the_pipe(program: Program, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("noted\n", "utf-8")

    ran = program("ask", "Compare", "-f", str(tmp_path / "notes.txt"), "-f", "-", stdin=b"piped\n")

    assert ran.code == 0
    assert question(program) == (f"Compare\n\n{tmp_path}/notes.txt:\n```\nnoted\n\n```\n\nstdin:\n```\npiped\n```")


def test_a_dash_goes_with_no_order_to_leave_standard_input_alone(program: Program) -> None:
    assert program("ask", "--no-stdin", "-", stdin=b"hi") == Ran(
        65, "", "fallback-chat: - stands for standard input, which --no-stdin leaves alone\n"
    )


def test_the_question_can_be_written_in_an_editor(program: Program, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ntest -z "$SIM_KEY" && printf " and more" >>"$1"\n', "utf-8")
    editor.chmod(0o700)

    ran = program("ask", "-e", "begun", env={"VISUAL": None, "EDITOR": str(editor)})

    assert ran == Ran(0, ANSWERS["one"], "")
    assert question(program) == "begun and more"


def test_wishes_of_the_command_line_reach_the_server(program: Program) -> None:
    wishes = "--max-tokens 5 --temperature 0.5 --top-p 0.9 --stop END --stop FIN --seed 7 --reasoning-effort low"
    ran = program("ask", "hi", *wishes.split())

    assert ran.code == 0
    body = sent(program)
    asked = {name: body.get(name) for name in ("temperature", "top_p", "stop", "seed", "reasoning_effort")}
    assert asked == {"temperature": 0.5, "top_p": 0.9, "stop": ["END", "FIN"], "seed": 7, "reasoning_effort": "low"}
    assert 5 in (body.get("max_tokens"), body.get("max_completion_tokens"))


@pytest.mark.parametrize(
    ("wish", "value"),
    [
        ("--max-tokens", "0"),
        ("--temperature", "-1"),
        ("--temperature", "2.1"),
        ("--top-p", "1.5"),
        ("--seed", "x"),
        ("--stop", " "),
    ],
)
def test_a_wish_that_makes_no_sense_is_a_usage_error(program: Program, wish: str, value: str) -> None:
    ran = program("ask", "hi", wish, value)

    assert (ran.code, ran.out, program.asked) == (2, "", [0])
    assert wish in ran.err


@pytest.mark.parametrize(("flag", "streams"), [("--buffer", True), ("--no-stream", False)])
def test_a_whole_answer_is_streamed_unseen_or_asked_for_in_one_piece(
    program: Program, flag: str, *, streams: bool
) -> None:
    assert program("ask", flag, "hi") == Ran(0, ANSWERS["one"], "")
    assert bool(sent(program).get("stream")) is streams


@pytest.mark.parametrize(
    ("which", "text"),
    [
        ("1", "print(1)\n"),
        ("2", "ls\n"),
        ("python", "print(1)\n\nprint(2)\n"),
        ("sh", "ls\n"),
        ("all", "print(1)\n\nls\n\nprint(2)\n"),
    ],
)
def test_the_code_of_an_answer_can_be_had_alone(program: Program, which: str, text: str) -> None:
    assert answering(program, CODE)("ask", "-x", which, "hi") == Ran(0, text, "")


@pytest.mark.parametrize(
    ("which", "line"),
    [
        ("4", "the answer has no code block 4"),
        ("ruby", "the answer has no code block ruby"),
    ],
)
def test_code_that_is_not_there_is_no_success(program: Program, which: str, line: str) -> None:
    assert answering(program, CODE)("ask", "-x", which, "hi") == Ran(3, "", f"fallback-chat: {line}\n")


def test_an_answer_without_code_is_no_success_where_code_is_wanted(program: Program) -> None:
    assert program("ask", "-x", "all", "hi") == Ran(3, "", "fallback-chat: the answer has no code block\n")


def test_a_dry_run_says_who_would_be_asked_and_asks_nobody(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][1] |= {"context_window": 3, "api_key_env": "MISSING_KEY"}

    ran = program("ask", "--dry-run", "eight words are enough to fill a window")

    assert (ran, program.asked) == (
        Ran(
            0,
            "about 13 tokens would go to the first of these that answers:\n"
            "1. one (openai, sim-model): no failure on record\n"
            "2. two (openai, sim-model): no failure on record, key not found, its window of 3 tokens is too small\n",
            "",
        ),
        [0, 0],
    )


@pytest.mark.parametrize(("window", "fits"), [(3, False), (4, True)])
def test_a_question_as_large_as_the_window_fits(program: Program, window: int, fits: bool) -> None:
    program.config["providers"][0]["context_window"] = window

    ran = json.loads(program("ask", "--dry-run", "--json", "hi").out)

    assert (ran["tokens"], ran["providers"][0]["fits"]) == (4, fits)


def test_a_dry_run_is_an_object_too(program: Program) -> None:
    ran = program("ask", "--dry-run", "--json", "hi")

    assert (ran.code, ran.err, program.asked) == (0, "", [0])
    assert json.loads(ran.out) == {
        "schema": "fallback-chat.dry-run/1",
        "tokens": 4,
        "providers": [
            {
                "provider": "one",
                "kind": "openai",
                "model": "sim-model",
                "state": "ok",
                "key_state": "set",
                "context_window": None,
                "fits": True,
            }
        ],
    }


def test_a_bare_question_is_asked(program: Program) -> None:
    assert program("what is a monad?") == Ran(0, ANSWERS["one"], "")
    assert question(program) == "what is a monad?"


@pytest.mark.parametrize("word", ["aks", "monad"])
def test_a_lone_word_that_is_no_command_is_a_usage_error_that_names_ask(program: Program, word: str) -> None:
    ran = program(word)

    assert (ran.code, ran.out, program.asked) == (2, "", [0])
    assert f"fallback-chat ask {word}\n" in ran.err


@pytest.mark.parametrize(
    "args",
    [
        ["--json", "--nonsense"],
        ["--nonsense", "--json", "hi"],
        ["--json", "hi", "--max-tokens", "many"],
        ["--json"],
        ["--json", "-x", "1", "hi"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_an_object_where_json_was_asked_for(program: Program, args: list[str]) -> None:
    ran = program("ask", *args)

    document = json.loads(ran.out)
    assert (ran.code, document["exit_code"], document["schema"]) == (2, 2, "fallback-chat.answer/1")
    assert document["error"]["message"]


def test_the_last_line_is_the_end_where_json_lines_were_asked_for(program: Program) -> None:
    ran = program("ask", "--jsonl", "--nonsense")

    last = json.loads(ran.out.splitlines()[-1])
    assert (ran.code, last["type"], last["exit_code"]) == (2, "end", 2)


@pytest.mark.parametrize("how", ["--record", "record_ask"])
def test_a_conversation_is_kept_where_somebody_says_so(program: Program, saved: Saved, how: str) -> None:
    program.config["chat"] = {"record_ask": True} if how == "record_ask" else {}
    flags = ["--record"] if how == "--record" else []

    first = program("ask", *flags, "a", env=saved.env)
    second = program("ask", "-c", "b", env=saved.env)

    assert (first, second.code) == (Ran(0, ANSWERS["one"], ""), 0)
    assert [message["content"] for message in sent(program)["messages"]] == ["a", ANSWERS["one"].strip(), "b"]


def test_no_log_keeps_nothing_whatever_else_is_said(program: Program, saved: Saved) -> None:
    program.config["chat"] = {"record_ask": True}

    assert program("ask", "--record", "--no-log", "a", env=saved.env).code == 0
    assert not saved.path.exists()


def test_at_a_terminal_the_next_question_can_go_on(program: Program, saved: Saved) -> None:
    code, _ = program.on_terminal("ask", "a", env=saved.env)
    assert code == 0
    assert program("ask", "-c", "b", env=saved.env).code == 0

    assert [message["content"] for message in sent(program)["messages"]] == ["a", ANSWERS["one"].strip(), "b"]
