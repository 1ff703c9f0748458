"""What should be known beside an answer is told once: what a provider would not take, and what is odd in the configuration."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.words.notices import (
    CUT_SHORT,
    after_words,
    attribution,
    notices,
    ordinal,
    shortcomings,
    usage_line,
)
from fallback_chat.core.answer import Answer
from fallback_chat.core.attempts import AllProvidersFailed, AttemptRecord, Outcome, Segment
from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind
from fallback_chat.core.events import AttemptFailed, AttemptLate, Waiting
from fallback_chat.core.llm import CompletionUsage, FinishReason
from tests.cli.program import ANSWERS, TEXTS, Ran
from tests.core.scripted import ScriptedLLM

if TYPE_CHECKING:
    from fallback_chat.core.events import Event
    from tests.cli.program import Program

TEXT = "does not accept 'max_tokens', which is no longer sent (`max_tokens` is 20000000, not a whole number from 1 to 10000000)"


def picky(program: Program) -> Program:
    """Give a chain whose server rejects the output cap of its entry by name."""
    program.play("ok").config["providers"][0]["max_tokens"] = 20_000_000
    return program


def test_a_key_that_the_server_rejects_is_told_by_one_line(program: Program) -> None:
    assert picky(program)("ask", "hi") == Ran(0, ANSWERS["one"], f"fallback-chat: one {TEXT}\n")
    assert program.asked == [2]


def test_a_quiet_program_does_not_tell_it(program: Program) -> None:
    assert picky(program)("ask", "-q", "hi") == Ran(0, ANSWERS["one"], "")


def test_the_json_lines_have_it_between_the_request_and_the_answer(program: Program) -> None:
    lines = [json.loads(line) for line in picky(program)("ask", "--jsonl", "-q", "hi").out.splitlines()]
    assert [line["type"] for line in lines[:3]] == ["start", "attempt", "notice"]
    assert {name: lines[2][name] for name in ("provider", "text")} == {"provider": "one", "text": TEXT}
    assert lines[-1]["text"] == TEXTS["one"]


@pytest.mark.parametrize("command", [["ask", "hi"], ["probe"], ["models"], ["probe", "--json"]], ids=" ".join)
def test_what_is_odd_in_the_configuration_is_told_on_stderr_unless_quiet(program: Program, command: list[str]) -> None:
    program.play_with_a_key_that_all_can_read()

    loud, quiet = program(*command), program(*command, "-q")

    assert (loud.code, quiet.code, quiet.err) == (0, 0, "")
    assert loud.err.startswith("fallback-chat: ")
    assert ": holds a key and can be read by other users: chmod 600 " in loud.err
    assert loud.err.count("\n") == 1


@pytest.mark.parametrize(
    ("finish", "words", "told"),
    [
        (FinishReason.REFUSAL, "About  bombs.", "one refused to answer (refusal: About bombs.)"),
        (FinishReason.CONTENT_FILTER, None, "one refused to answer (content_filter)"),
        (FinishReason.LENGTH, "no room", f"incomplete: one {CUT_SHORT[FinishReason.LENGTH]}: no room"),
        (FinishReason.REFUSAL, "sixty " * 50 + "more", f"one refused to answer (refusal: {'sixty ' * 50}…)"),
        (FinishReason.REFUSAL, "so " * 99 + "sk-secret", f"one refused to answer (refusal: {'so ' * 99}…)"),
    ],
)
def test_what_the_server_says_about_the_end_is_told(finish: FinishReason, words: str | None, told: str) -> None:
    assert shortcomings(Answer(finish_reason=finish, finish_words=words, provider="one"), None) == [told]


def attempt(provider: str, outcome: Outcome = Outcome.OK, error: APIError | None = None) -> AttemptRecord:
    return AttemptRecord(provider, "openai", "m", outcome, error)


BROKE_OFF = attempt("one", Outcome.PARTIAL, APIError("no more data", kind=ErrorKind.TRUNCATED))
BUSY = attempt("two", Outcome.FAILED, APIError("busy", kind=ErrorKind.OVERLOADED))


@pytest.mark.parametrize("attempts", [(BROKE_OFF,), (BROKE_OFF, BUSY), (BUSY, BROKE_OFF), (BROKE_OFF, BUSY, BUSY)])
def test_a_break_is_explained_by_the_provider_of_the_text_whoever_failed_beside_it(
    attempts: tuple[AttemptRecord, ...],
) -> None:
    answer = Answer(text="one two", provider="one", attempts=attempts)

    assert shortcomings(answer, AllProvidersFailed(attempts)) == [
        "incomplete: one's stream ended early, after 2 words (no more data)"
    ]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(provider="one", model="m", attempts=(attempt("one"),)), None),
        (Answer(provider="two", model="m", attempts=(attempt("two"),)), None),
        (Answer(provider="two", model="m", attempts=(BROKE_OFF, attempt("two"))), "answered by two/m (2nd of 3)"),
        (Answer(provider="one", model="m", attempts=(BROKE_OFF, BUSY, attempt("one"))), None),
        (
            Answer(provider="two", model="m", attempts=(BROKE_OFF, BUSY, attempt("three"), attempt("two"))),
            "answered by two/m (2nd of 3)",  # in the second round
        ),
        (
            Answer(provider="one", model="m2", served_model="m2", attempts=(attempt("one"),)),
            "answered by one/m2 instead of m",
        ),
        (
            Answer(
                provider="two",
                model="m",
                attempts=(BROKE_OFF, attempt("two")),
                segments=(Segment("one", "m", 0, 3), Segment("two", "m", 3, 7)),
            ),
            "begun by one/m, finished by two/m (2nd of 3)",
        ),
        (Answer(), None),
    ],
)
def test_who_answered_is_said_unless_it_is_the_one_asked_first(answer: Answer, told: str | None) -> None:
    assert attribution(answer, ["one", "two", "three"]) == told


def test_a_place_is_told_as_people_say_it() -> None:
    numbers = (1, 2, 3, 4, 10, 11, 12, 13, 14, 21, 22, 23, 30, 101, 111, 112, 113, 121)
    said = "1st 2nd 3rd 4th 10th 11th 12th 13th 14th 21st 22nd 23rd 30th 101st 111th 112th 113th 121st"

    assert " ".join(map(ordinal, numbers)) == said


def test_what_an_answer_cost_is_said_where_the_provider_says_it() -> None:
    assert usage_line(CompletionUsage(input=7, output=5, cost=0.00125)) == "tokens: 7 in, 5 out; cost $0.00125"


def test_a_late_provider_is_told_once() -> None:
    a, b = ScriptedLLM("a", []), ScriptedLLM("b", [])
    late = APITimeoutError("nothing for 10 s")
    events: list[Event] = [AttemptLate(a, b, 10.0), AttemptFailed(a, late, 12.0, b, overtaken=True)]
    assert [line for event in events for line in notices(event)] == ["a: nothing for 10 s; b is asked as well"]


@pytest.mark.parametrize(
    ("seconds", "error", "line"),
    [
        (12.0, None, "no provider available · one in 0:12"),
        (
            12.0,
            APIError("busy", kind=ErrorKind.RATE_LIMITED),
            "no provider available · one in 0:12 (rate limited)",
        ),
        (12.0, APIError("busy", words="is asleep"), "no provider available · one in 0:12 (asleep)"),
    ],
)
def test_a_wait_says_for_whom_it_is_and_why(seconds: float, error: APIError | None, line: str) -> None:
    assert list(notices(Waiting(seconds, 1e9, ScriptedLLM("one"), error))) == [line]


def test_a_long_wait_says_the_time_of_day_at_which_it_ends() -> None:
    (line,) = notices(Waiting(300.0, 1e9, ScriptedLLM("one")))

    assert re.fullmatch(r"no provider available · one in 5:00, at \d\d:\d\d:\d\d", line)


@pytest.mark.parametrize(
    ("text", "told"), [("", "after 0 words"), (" one\n", "after 1 word"), ("one two", "after 2 words")]
)
def test_the_words_of_an_answer_are_counted(text: str, told: str) -> None:
    assert after_words(text) == told
