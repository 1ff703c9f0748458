"""`ask --json` and `ask --jsonl`: every key on every outcome, and nothing but JSON on stdout."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.program import ANSWERS, KEY, NEVER, TEXTS, Ran, sleeps_in_read, stop
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program

USAGE = {"input": 7, "output": 5, "total": 12, "cached": None, "cache_write": None, "reasoning": None, "cost": None}
NO_ANSWER: dict[str, Any] = {
    "schema": "fallback-chat.answer/1",
    "text": "",
    "reasoning": None,
    "refusal": None,
    "tool_calls": [],
    "finish_reason": None,
    "finish_raw": None,
    "finish_words": None,
    "complete": False,
    "provider": None,
    "kind": None,
    "model": None,
    "served_model": None,
    "usage": None,
    "attempts": [],
    "segments": None,
    "seam": None,
    "session": None,
    "exit_code": 0,
    "error": None,
}
BY_ONE = {"provider": "one", "kind": "openai", "model": "sim-model"}


def document(ran: Ran) -> dict[str, Any]:
    """Read the one object, and prove that it is the only thing on stdout and agrees with the process."""
    assert ran.out.endswith("\n")
    assert ran.out.count("\n") == 1
    value: dict[str, Any] = json.loads(ran.out)
    assert value["exit_code"] == ran.code
    return value


def timeless(value: dict[str, Any]) -> dict[str, Any]:
    """Give the object with every measured time replaced by the name of its type."""
    attempts = [
        attempt
        | {
            "elapsed_ms": type(attempt["elapsed_ms"]).__name__,
            "first_token_ms": attempt["first_token_ms"] and type(attempt["first_token_ms"]).__name__,
        }
        for attempt in value["attempts"]
    ]
    return value | {"attempts": attempts}


def attempt(provider: str, outcome: str, error: dict[str, Any] | None = None, *, shown: bool = False) -> dict[str, Any]:
    return {
        "provider": provider,
        "kind": "openai",
        "model": "sim-model",
        "outcome": outcome,
        "error": error,
        "first_token_ms": "float" if shown else None,
        "elapsed_ms": "float",
        "budget_ms": NEVER * 1000,
        "budget": "asked",
        "round": 1,
    }


def failed(kind: str, message: str, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    return {
        "kind": kind,
        "status": status,
        "code": code,
        "message": message,
        "retry_after": None,
        "request_id": None,
    }


def test_a_whole_answer_after_a_failover(program: Program) -> None:
    ran = program.play("bad-key", "ok")("ask", "--json", "-q", "hi")

    assert timeless(document(ran)) == NO_ANSWER | {
        "text": TEXTS["two"],
        "finish_reason": "stop",
        "finish_raw": "stop",
        "complete": True,
        "provider": "two",
        "kind": "openai",
        "model": "sim-model",
        "usage": USAGE,
        "attempts": [
            attempt("one", "failed", failed("auth", "Incorrect API key provided.", 401, "invalid_api_key")),
            attempt("two", "ok", shown=True),
        ],
    }
    assert (ran.code, ran.err) == (0, "")


def test_no_answer_from_anybody(program: Program) -> None:
    value = document(program.play("429-wait-30-days", "500")("ask", "--json", "hi"))

    error = failed("rate_limited", "Rate limit reached.", 429, "rate_limit_exceeded") | {"retry_after": 2592000.0}
    assert timeless(value) == NO_ANSWER | {
        "finish_reason": "error",
        "attempts": [
            attempt("one", "failed", error),
            attempt("two", "failed", failed("server_error", "The simulator answers 500.", 500)),
            attempt("two", "failed", failed("server_error", "The simulator answers 500.", 500)),
        ],
        "exit_code": 75,
        "error": {
            "kind": "rate_limited",
            "message": "no provider of the chain gave an answer: "
            "one is rate limited (HTTP 429: Rate limit reached.), retry in 30 days",
            "retry_after": 2592000.0,
        },
    }


def test_an_answer_that_broke_off_and_that_nobody_could_give_anew(program: Program) -> None:
    value = document(program.play("token-close", "400")("ask", "--json", "hi"))

    assert (value["text"], value["complete"], value["exit_code"], value["finish_reason"]) == (
        "These",
        False,
        3,
        "error",
    )
    assert [attempt["outcome"] for attempt in value["attempts"]] == ["partial", "failed"]
    assert value["error"] is not None
    assert value["provider"] == "one"


def test_an_answer_that_the_length_limit_cut(program: Program) -> None:
    value = document(program.play("length")("ask", "--json", "hi"))

    assert timeless(value) == NO_ANSWER | BY_ONE | {
        "text": "These",
        "finish_reason": "length",
        "finish_raw": "length",
        "usage": USAGE,
        "attempts": [attempt("one", "ok", shown=True)],
        "exit_code": 3,
    }


def test_a_refusal_in_words(program: Program) -> None:
    value = document(program.play("refusal")("ask", "--json", "hi"))

    assert (value["refusal"], value["text"], value["finish_reason"]) == ("I cannot help with that.", "", "refusal")
    assert (value["complete"], value["exit_code"], value["error"]) == (False, 4, None)


def test_a_tool_call(program: Program) -> None:
    value = document(program.play("tool-call")("ask", "--json", "hi"))

    (call,) = value["tool_calls"]
    assert (call["name"], json.loads(call["arguments"]), sorted(call)) == (
        "lookup",
        {"key": "value"},
        ["arguments", "id", "name"],
    )
    assert (value["finish_reason"], value["exit_code"]) == ("tool_calls", 0)


def test_the_deadline(program: Program) -> None:
    value = document(program.play("silence", "silence")("ask", "--json", "--deadline", "500ms", "hi"))

    assert (value["exit_code"], value["error"]["kind"], value["text"]) == (124, "timeout", "")


BEFORE_THE_CHAIN = {
    "a faulty configuration": (["--config", "/nowhere.toml", "hi"], None, 78, "config"),
    "an unknown provider": (["--only", "nobody", "hi"], None, 78, "config"),
    "a missing file": (["-f", "/nowhere", "hi"], None, 66, "input"),
    "binary input": (["hi"], b"\xff\xfe\x00", 65, "input"),
    "an empty prompt": (["-"], b"\n", 65, "input"),
}


@pytest.mark.parametrize("name", BEFORE_THE_CHAIN)
def test_what_goes_wrong_before_anybody_is_asked(program: Program, name: str) -> None:
    args, stdin, code, kind = BEFORE_THE_CHAIN[name]

    ran = program("ask", "--json", *args, stdin=stdin)

    value = document(ran)
    message = value["error"].pop("message")
    assert value == NO_ANSWER | {"exit_code": code, "error": {"kind": kind, "retry_after": None}}
    assert message in ran.err.replace("\nfallback-chat: ", "\n")
    assert program.asked == [0]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_object_with_what_had_come(program: Program, number: signal.Signals, code: int) -> None:
    process = program.play("token-silence").start("ask", "--json", "hi")
    wait_until(lambda: program.asked == [1])

    ran = stop(process, number)

    value = document(ran)
    assert (ran.code, ran.err) == (code, "")
    assert (value["complete"], value["error"]["kind"]) == (False, "cancelled")
    assert [attempt["outcome"] for attempt in value["attempts"]] == ["cancelled"]


def test_a_signal_while_standard_input_is_read_leaves_the_object(program: Program) -> None:
    process = program.start("ask", "--json", "hi", stdin=subprocess.PIPE)
    assert process.stderr is not None
    wait_until(lambda: sleeps_in_read(process.pid))

    ran = stop(process)

    assert document(ran)["exit_code"] == 130


def events(ran: Ran) -> list[dict[str, Any]]:
    """Read the lines, and prove what holds for all of them."""
    assert ran.out.endswith("\n")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert all(line["schema"] == "fallback-chat.event/1" or line["type"] == "end" for line in lines)
    assert all(isinstance(line["ts"], float | int) for line in lines)
    return lines


def test_the_events_of_a_failover(program: Program) -> None:
    ran = program.play("500", "ok")("ask", "--jsonl", "hi")

    lines = events(ran)
    bare = [{key: value for key, value in line.items() if key not in {"ts", "seq", "schema"}} for line in lines]
    start, first, failure, switch, second, *deltas, usage, end = bare
    elapsed = failure.pop("elapsed_ms")
    assert [start, first, failure, switch, second, usage] == [
        {"type": "start"},
        {"type": "attempt", "provider": "one", "kind": "openai", "model": "sim-model", "n": 1},
        {
            "type": "attempt_failed",
            "provider": "one",
            "error": failed("server_error", "The simulator answers 500.", 500),
            "retry_in": None,
            "will": "switch",
        },
        {"type": "switch", "from": "one", "to": "two", "reason": "server_error"},
        {"type": "attempt", "provider": "two", "kind": "openai", "model": "sim-model", "n": 2},
        {"type": "usage", **USAGE},
    ]
    assert elapsed > 0
    assert {line["type"] for line in deltas} == {"delta"}
    assert "".join(line["text"] for line in deltas) == TEXTS["two"] == end["text"]
    assert (end["type"], end["exit_code"], end["complete"]) == ("end", 0, True)
    assert end.keys() >= NO_ANSWER.keys() - {"schema"}


def test_the_events_of_an_answer_that_begins_anew_and_of_thoughts(program: Program) -> None:
    anew = events(program.play("token-reset", "ok")("ask", "--jsonl", "--on-stream-failure", "restart", "hi"))
    thoughts = events(program.play("thinking-only", "ok")("ask", "--jsonl", "hi"))

    types = [line["type"] for line in anew]
    discard = anew[types.index("discard")]
    assert (discard["from"], discard["to"], discard["characters"]) == ("one", "two", len("These"))
    assert types.index("delta") < types.index("discard") < len(types) - types[::-1].index("delta")
    after = [line["text"] for line in anew[types.index("discard") :] if line["type"] == "delta"]
    assert "".join(after) == TEXTS["two"] == anew[-1]["text"]
    assert thoughts[-1]["type"] == "end"
    assert thoughts[-1]["text"] == TEXTS["two"]


OUTCOMES = {"token-close": 3, "500": 69, "bad-key": 77, "length": 3, "filter": 4}


@pytest.mark.parametrize(("fault", "code"), OUTCOMES.items())
def test_the_last_event_is_the_end_with_the_exit_code(program: Program, fault: str, code: int) -> None:
    ran = program.play(fault)("ask", "--jsonl", "hi")

    lines = events(ran)
    assert (ran.code, lines[0]["type"], lines[-1]["type"], lines[-1]["exit_code"]) == (code, "start", "end", code)
    assert [line["type"] for line in lines].count("error") == (lines[-1]["error"] is not None)


def test_events_before_anybody_is_asked(program: Program) -> None:
    lines = events(program("ask", "--jsonl", "--only", "nobody", "hi"))

    assert [line["type"] for line in lines] == ["start", "error", "end"]
    assert lines[-1]["exit_code"] == 78


def test_json_can_go_to_a_file(program: Program) -> None:
    path = program.directory / "answer.json"

    ran = program("ask", "--json", "-o", str(path), "hi")

    assert (ran.code, ran.out) == (0, "")
    assert json.loads(path.read_text())["text"] == TEXTS["one"]


def test_nothing_in_the_object_is_a_control_character_or_a_secret(program: Program) -> None:
    ran = program.play("key-in-message")("ask", "--json", "hi")

    assert (ran.code, re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.out), KEY in ran.out) == (77, [], False)
    assert ANSWERS["one"] not in ran.out
