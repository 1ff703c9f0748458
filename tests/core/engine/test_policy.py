"""The table of consequences."""

from __future__ import annotations

import pytest

from fallback_chat.core.engine.policy import LONG_WAIT, RULES, Next, Retry, Verdict, may_retry, rule, verdict
from fallback_chat.core.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ErrorDetails,
    ErrorKind,
)

YES, NO, ONCE, LAST = Retry.YES, Retry.NO, Retry.ONCE, Retry.LAST


@pytest.mark.parametrize(
    ("kind", "retry", "following", "health"),
    [
        (ErrorKind.CANCELLED, YES, Next.YES, Verdict.NEUTRAL),
        (ErrorKind.CONNECTION, LAST, Next.YES, Verdict.OPEN),
        (ErrorKind.SERVER_ERROR, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.OVERLOADED, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.TIMEOUT, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.RATE_LIMITED, ONCE, Next.YES, Verdict.OPEN),
        (ErrorKind.QUOTA_EXHAUSTED, NO, Next.YES, Verdict.BLOCK),
        (ErrorKind.AUTH, NO, Next.YES, Verdict.BLOCK),
        (ErrorKind.PERMISSION, NO, Next.YES, Verdict.BLOCK),
        (ErrorKind.MODEL_NOT_FOUND, NO, Next.YES, Verdict.BLOCK),
        (ErrorKind.CONTEXT_EXCEEDED, NO, Next.BIGGER_WINDOW, Verdict.NEUTRAL),
        (ErrorKind.TOO_LARGE, NO, Next.YES, Verdict.NEUTRAL),
        (ErrorKind.UNSUPPORTED, NO, Next.YES, Verdict.NEUTRAL),
        (ErrorKind.BAD_REQUEST, NO, Next.UNTIL_AGREED, Verdict.NEUTRAL),
        (ErrorKind.CONTENT_FILTER, NO, Next.REFUSED, Verdict.NEUTRAL),
        (ErrorKind.REFUSAL, NO, Next.REFUSED, Verdict.NEUTRAL),
        (ErrorKind.EMPTY, ONCE, Next.YES, Verdict.OPEN_ON_REPEAT),
        (ErrorKind.TRUNCATED, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.STALLED, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.STREAM_ERROR, YES, Next.YES, Verdict.OPEN),
        (ErrorKind.BUG, NO, Next.YES, Verdict.OPEN_ON_REPEAT),
    ],
)
def test_what_follows_from_a_failure(kind: ErrorKind, retry: Retry, following: Next, health: Verdict) -> None:
    row, error = rule(kind), APIError("failed", kind=kind)

    assert (row.retry, row.next, verdict(error)) == (retry, following, health)
    assert may_retry(error) is (retry is not NO)


def test_how_a_failure_passes_and_what_a_list_of_models_says_about_it() -> None:
    columns = ("waiting_helps", "up_to_the_user", "cured_by_list", "shown_by_list")

    assert {column: [kind for kind, row in RULES.items() if getattr(row, column)] for column in columns} == {
        "waiting_helps": [ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED],
        "up_to_the_user": [ErrorKind.AUTH, ErrorKind.PERMISSION, ErrorKind.MODEL_NOT_FOUND],
        "cured_by_list": [ErrorKind.CONNECTION, ErrorKind.AUTH, ErrorKind.MODEL_NOT_FOUND],
        "shown_by_list": [ErrorKind.RATE_LIMITED, ErrorKind.TIMEOUT, ErrorKind.CONNECTION, ErrorKind.AUTH],
    }


@pytest.mark.parametrize("word", [True, False])
@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.SERVER_ERROR])
def test_the_servers_own_word_on_retrying_is_binding(kind: ErrorKind, word: bool) -> None:
    assert may_retry(APIStatusError("failed", kind=kind, details=ErrorDetails(retryable=word))) is word


def test_our_own_time_out_is_not_worth_a_second_wait_and_a_quick_504_is() -> None:
    assert not may_retry(APITimeoutError("no content within 10 s"))
    assert may_retry(APIStatusError("gateway timeout", kind=ErrorKind.TIMEOUT, details=ErrorDetails(status=504)))
    assert may_retry(APIConnectionError("refused"))


@pytest.mark.parametrize(
    ("kind", "retry_after", "expected"),
    [
        (ErrorKind.RATE_LIMITED, None, Verdict.OPEN),
        (ErrorKind.RATE_LIMITED, LONG_WAIT, Verdict.OPEN),
        (ErrorKind.RATE_LIMITED, LONG_WAIT + 1, Verdict.BLOCK),
        (ErrorKind.SERVER_ERROR, LONG_WAIT + 1, Verdict.BLOCK),
        (ErrorKind.BAD_REQUEST, LONG_WAIT + 1, Verdict.NEUTRAL),
    ],
)
def test_a_provider_that_asks_for_more_than_ten_minutes_is_blocked_until_then(
    kind: ErrorKind, retry_after: float | None, expected: Verdict
) -> None:
    assert verdict(APIError("later", kind=kind, details=ErrorDetails(retry_after=retry_after))) is expected
