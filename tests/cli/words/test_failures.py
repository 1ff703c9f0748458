"""Failures in words: what happened, to which provider, and what follows."""

from __future__ import annotations

from asyncio import CancelledError

import pytest

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.words.failures import (
    WaitLimit,
    duration,
    exit_code_of,
    exit_code_of_answer,
    explain,
    sentence,
)
from fallback_chat.core.answer import Answer
from fallback_chat.core.attempts import AllProvidersFailed, AttemptRecord, Outcome
from fallback_chat.core.errors import APIError, ConfigError, ErrorDetails, ErrorKind, InputError
from fallback_chat.core.llm import FinishReason


def failed(provider: str, error: APIError, *, budget: float | None = None, reason: str | None = None) -> AttemptRecord:
    return AttemptRecord(
        provider, "openai", "m", Outcome.FAILED, error=error, elapsed=1.0, budget=budget, budget_reason=reason
    )


LATE = APIError("nothing for 1 s", kind=ErrorKind.TIMEOUT)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (CancelledError(), ExitCode.INTERRUPTED),
        (AllProvidersFailed([failed("one", LATE)]), ExitCode.UNAVAILABLE),
        (AllProvidersFailed([failed("one", LATE)], deadline_exceeded=True), ExitCode.DEADLINE),
        (APIError("spent", kind=ErrorKind.QUOTA_EXHAUSTED), ExitCode.RATE_LIMITED),
        (ConfigError([]), ExitCode.CONFIG),
        (InputError("too long"), ExitCode.BAD_INPUT),
        (InputError("there is no file", missing=True), ExitCode.INPUT_MISSING),
        (InputError("no input yet", late=True), ExitCode.DEADLINE),
        (BrokenPipeError(), ExitCode.BROKEN_PIPE),
        (OSError("disk full"), ExitCode.LOCAL_IO),
        (RuntimeError(), ExitCode.INTERNAL),
    ],
    ids=repr,
)
def test_each_failure_has_its_exit_code(error: BaseException, code: ExitCode) -> None:
    assert exit_code_of(error) is code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(text="Yes.", finish_reason=FinishReason.STOP, complete=True), ExitCode.OK),
        (Answer(text="Ye", finish_reason=FinishReason.LENGTH), ExitCode.INCOMPLETE),
        (Answer(text="Ye"), ExitCode.INCOMPLETE),
        (Answer(refusal="No.", finish_reason=FinishReason.REFUSAL), ExitCode.REFUSED),
        (Answer(text="Ye", finish_reason=FinishReason.CONTENT_FILTER), ExitCode.REFUSED),
    ],
)
def test_only_a_whole_answer_is_a_success(answer: Answer, code: ExitCode) -> None:
    assert exit_code_of_answer(answer) is code


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.001, "0.01 s"),
        (0.35, "0.35 s"),
        (42, "42 s"),
        (180, "3 min"),
        (7200, "2 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 days"),
        (720 * 3600, "30 days"),
    ],
)
def test_a_time_is_told_in_the_unit_that_people_would_use(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (APIError("nothing for 10 s", kind=ErrorKind.TIMEOUT), "primary timed out (nothing for 10 s)"),
        (
            APIError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=90)),
            "primary is rate limited (HTTP 429: slow down), retry in 90 s",
        ),
        (APIError("no more data", kind=ErrorKind.TRUNCATED), "primary ended its stream early (no more data)"),
    ],
)
def test_a_sentence_names_the_provider_then_what_happened_then_the_servers_words(error: APIError, words: str) -> None:
    assert sentence("primary", error) == words


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        (WaitLimit(3.0), "next retry in 30 s, longer than --wait 3s"),
        (WaitLimit(3.0, chosen=False), "next retry in 30 s; --wait waits longer"),
        (WaitLimit(3.0, "/wait"), "next retry in 30 s, longer than /wait 3s"),
        (WaitLimit(60.0), "next retry in 30 s"),
        (None, "next retry in 30 s"),
    ],
)
def test_a_retry_beyond_the_time_that_the_user_would_wait_says_so(limit: WaitLimit | None, line: str) -> None:
    limited = APIError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(retry_after=30.0))

    assert list(explain(AllProvidersFailed([failed("one", limited)]), limit))[-1] == line


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        (WaitLimit(3.0), "next retry in 15 s, longer than --wait 3s"),
        (WaitLimit(20.0, chosen=False), "next retry in 15 s; --wait waits longer"),
        (WaitLimit(20.0, "/wait"), "next retry in 15 s, longer than what is left of /wait 20s"),
        (None, "next retry in 15 s"),
    ],
)
def test_the_time_that_the_chain_itself_would_have_waited_is_told(limit: WaitLimit | None, line: str) -> None:
    """One provider asked for 90 s; the other, without a time, is worth another try earlier."""
    limited = APIError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(retry_after=90.0))
    busy = APIError("busy", kind=ErrorKind.OVERLOADED)
    error = AllProvidersFailed([failed("one", limited), failed("two", busy)], next_round=15.0)

    assert list(explain(error, limit))[-1] == line


def test_what_repeats_itself_is_one_line() -> None:
    busy = APIError("busy", kind=ErrorKind.OVERLOADED)
    error = AllProvidersFailed([failed("one", LATE), failed("two", busy), failed("one", LATE), failed("two", busy)])

    assert list(explain(error)) == [
        "no provider of the chain gave an answer:",
        "  one timed out (nothing for 1 s), 2 times",
        "  two is overloaded (busy), 2 times",
        "raise attempt_timeout if it is only slow",
    ]


def test_a_shared_deadline_says_how_much_of_it_each_provider_had() -> None:
    shares = {"one": 1.5, "two": 0.75, "three": 0.75}
    attempts = [failed(name, LATE, budget=share, reason="deadline") for name, share in shares.items()]

    assert list(explain(AllProvidersFailed(attempts, deadline_exceeded=True)))[-1] == (
        "the deadline was shared by 3 providers, about 1 s each (deadline in fallback.toml, or --deadline)"
    )
    assert list(explain(AllProvidersFailed(attempts[:1], deadline_exceeded=True)))[-1] == (
        "the deadline is over (deadline in fallback.toml, or --deadline)"
    )
