"""The faults that other engines stumble over, through a real chain [faulty, healthy] over real sockets."""

from __future__ import annotations

import pytest

from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.errors import ErrorKind as Kind
from fallback_chat.core.llm import FinishReason
from tests.failover.chains import FAULTY_TEXT, HEALTHY_TEXT, Turn, ask, chain

BUDGET = 0.3
"""Seconds to the first content."""
SLACK = 0.01
FIRST_WORD = "Wrong"

FAILS_OVER = {
    "401": Kind.AUTH,
    "403": Kind.PERMISSION,
    "404": Kind.MODEL_NOT_FOUND,
    "408": Kind.TIMEOUT,
    "429": Kind.RATE_LIMITED,
    "500": Kind.SERVER_ERROR,
    "503": Kind.OVERLOADED,
    "quota": Kind.QUOTA_EXHAUSTED,
    "accept-close": Kind.CONNECTION,
    "accept-reset": Kind.CONNECTION,
    "accept-silent": Kind.TIMEOUT,
    "not-http": Kind.CONNECTION,
    "head-silent": Kind.TIMEOUT,
    "head-close": Kind.CONNECTION,
    "head-reset": Kind.CONNECTION,
    "head-half": Kind.TIMEOUT,
    "head-garbage": Kind.CONNECTION,
    "comments": Kind.TIMEOUT,
    "comments-forever": Kind.TIMEOUT,
    "pings": Kind.TIMEOUT,
    "pings-forever": Kind.TIMEOUT,
    "silence": Kind.TIMEOUT,
    "role-silence": Kind.TIMEOUT,
    "late": Kind.TIMEOUT,
    "role-reset": Kind.CONNECTION,
    "error-first": Kind.SERVER_ERROR,
    "role-error": Kind.SERVER_ERROR,
    "broken-first": Kind.SERVER_ERROR,
    "utf8-invalid": Kind.SERVER_ERROR,
    "deep-json": Kind.SERVER_ERROR,
    "html-200": Kind.SERVER_ERROR,
    "cut-json-200": Kind.SERVER_ERROR,
    "503-hanging": Kind.OVERLOADED,
    "401-hanging": Kind.AUTH,
    "502-html": Kind.SERVER_ERROR,
    "500-1mb": Kind.SERVER_ERROR,
    "500-broken": Kind.SERVER_ERROR,
    "500-empty": Kind.SERVER_ERROR,
}
"""Each makes the provider unavailable, and the next one answers."""

FAILS_OVER_SOFTLY = {
    "status-204": Kind.EMPTY,
    "empty-body": Kind.EMPTY,
    "terminator-only": Kind.EMPTY,
    "empty": Kind.EMPTY,
    "whitespace": Kind.EMPTY,
    "thinking-only": Kind.EMPTY,
    "400": Kind.BAD_REQUEST,
    "422": Kind.BAD_REQUEST,
    "413": Kind.TOO_LARGE,
    "context": Kind.CONTEXT_EXCEEDED,
}
"""The next one answers; a single one of these says nothing about the provider's health."""


@pytest.mark.parametrize(("fault", "kind"), [*FAILS_OVER.items(), *FAILS_OVER_SOFTLY.items()])
async def test_the_next_provider_answers_alone_and_in_time(fault: str, kind: Kind) -> None:
    async with chain(fault, "ok", attempt_timeout=BUDGET) as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.error, turn.finish) == (HEALTHY_TEXT, None, FinishReason.STOP)
    assert turn.attempts == [("p1", "failed", kind), ("p2", "ok", None)]
    assert it.asked == [1, 1]
    assert it.edges == ([("p1", False)] if fault in FAILS_OVER else [])
    assert it.rejected == []
    assert turn.first_content is not None
    assert turn.first_content <= BUDGET + SLACK


@pytest.mark.parametrize("fault", ["null-200", "list-200", "string-200", "object-200", "error-200", "text-200"])
async def test_a_200_that_is_no_answer_is_never_shown(fault: str) -> None:
    async with chain(fault, "ok") as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.error, it.asked) == (HEALTHY_TEXT, None, [1, 1])
    assert turn.attempts[0][1] == "failed"


@pytest.mark.parametrize("fault", ["gzip-cut", "gzip-not", "huge-number", "head-huge", "long-line", "gzip-bomb"])
async def test_hostile_encodings_end_the_attempt_and_not_the_program(fault: str) -> None:
    async with chain(fault, "ok", attempt_timeout=3.0) as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.error, it.asked) == (HEALTHY_TEXT, None, [1, 1])
    assert turn.attempts[0][1] == "failed"
    assert turn.attempts[0][2] is not Kind.BUG


@pytest.mark.parametrize("fault", ["307-away", "308-away", "302-away", "301-here", "307-here"])
async def test_a_redirect_is_never_followed(fault: str) -> None:
    async with chain(fault, "ok") as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.error, it.asked) == (HEALTHY_TEXT, None, [1, 1])


@pytest.mark.parametrize(
    "fault", ["comments", "pings", "comments-forever", "pings-forever", "silence", "role-silence", "head-silent"]
)
async def test_signs_of_life_do_not_stop_the_clock(fault: str) -> None:
    async with chain(fault, "ok", attempt_timeout=1.0) as it:
        turn = await ask(it.adapter)

    assert turn.first_content is not None
    assert 0.95 <= turn.first_content <= 1.0 + SLACK


WHOLE = [
    "head-drip",
    "interim-100",
    "interim-103",
    "http-1.0",
    "no-content-type",
    "odd-content-type",
    "no-terminator",
    "no-close",
    "finish-hang",
    "finish-reset",
    "done-reset",
    "done-text",
    "finish-twice",
    "json-for-stream",
    "bom",
    "cr",
    "crlf",
    "gzip",
    "empty-events",
    "slow",
    "thinking-long",
]


@pytest.mark.parametrize("fault", WHOLE)
async def test_an_answer_in_an_odd_shape_is_the_answer(fault: str) -> None:
    async with chain(fault, "ok", attempt_timeout=1.0) as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.error, turn.finish) == (FAULTY_TEXT, None, FinishReason.STOP)
    assert (turn.attempts, it.asked, it.edges) == ([("p1", "ok", None)], [1, 0], [])


@pytest.mark.parametrize("fault", ["filter", "refusal", "token-filter"])
async def test_a_refusal_is_labelled_and_not_shopped_around(fault: str) -> None:
    async with chain(fault, "ok") as it:
        turn = await ask(it.adapter)

    label = FinishReason.REFUSAL if fault == "refusal" else FinishReason.CONTENT_FILTER
    assert (turn.finish, it.asked, it.edges) == (label, [1, 0], [])
    assert HEALTHY_TEXT not in turn.text


async def test_an_answer_cut_by_the_length_limit_says_so() -> None:
    async with chain("length", "ok") as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.finish, turn.error, it.asked) == (FIRST_WORD, FinishReason.LENGTH, None, [1, 0])


@pytest.mark.parametrize("policy", OnStreamFailure)
async def test_an_answer_with_a_terminator_and_no_finish_is_marked_and_nobody_else_is_asked(
    policy: OnStreamFailure,
) -> None:
    async with chain("token-done", "ok", on_stream_failure=policy) as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.finish, turn.error, it.asked) == (FIRST_WORD, FinishReason.OTHER, None, [1, 0])


AFTER_TEXT = {
    "token-silence": Kind.STALLED,
    "token-comments": Kind.STALLED,
    "token-reset": Kind.STREAM_ERROR,
    "token-drop": Kind.STREAM_ERROR,
    "token-chunk": Kind.STREAM_ERROR,
    "token-error": Kind.SERVER_ERROR,
    "token-broken": Kind.STREAM_ERROR,
    "token-close": Kind.TRUNCATED,
    "token-half": Kind.TRUNCATED,
}


@pytest.mark.parametrize(("fault", "kind"), AFTER_TEXT.items())
async def test_after_text_the_partial_is_kept_and_the_failure_is_raised(fault: str, kind: Kind) -> None:
    async with chain(fault, "ok") as it:
        turn = await ask(it.adapter)

    assert broken(turn) == (FIRST_WORD, kind, None, [("p1", "partial", kind)])
    assert (it.asked, it.edges) == ([1, 0], [("p1", False)])
    assert turn.elapsed <= BUDGET + SLACK


@pytest.mark.parametrize("fault", AFTER_TEXT)
async def test_after_text_a_restart_discards_the_partial_and_never_splices(fault: str) -> None:
    async with chain(fault, "ok", on_stream_failure=OnStreamFailure.RESTART) as it:
        turn = await ask(it.adapter)

    assert (turn.text, turn.restarts, turn.error) == (HEALTHY_TEXT, 1, None)
    assert [attempt[:2] for attempt in turn.attempts] == [("p1", "partial"), ("p2", "ok")]
    assert (it.asked, it.edges) == ([1, 1], [("p1", False)])


def broken(turn: Turn) -> tuple[object, ...]:
    return turn.text, turn.error and turn.error.kind, turn.finish, turn.attempts
