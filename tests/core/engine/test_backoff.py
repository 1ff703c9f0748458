"""When the same provider is asked again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.engine.backoff import backoff, retry_wait
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIError, APITimeoutError, ErrorDetails, ErrorKind


def wait(
    kind: ErrorKind = ErrorKind.SERVER_ERROR,
    *,
    retry: int = 0,
    last: bool = False,
    allowed: int | None = 1,
    retry_after: float | None = None,
    max_wait: float = 60,
) -> float | None:
    error = APIError("failed", kind=kind, details=ErrorDetails(retry_after=retry_after))
    settings = AttemptSettings(max_retry_per_llm=allowed, retry_interval=5)
    return retry_wait(error, retry, last=last, settings=settings, max_wait=max_wait, random=lambda: 1.0)


@pytest.mark.parametrize(("retry", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (10_000, 8)])
def test_the_most_a_retry_waits_doubles_up_to_eight_seconds(retry: int, seconds: float) -> None:
    assert backoff(retry, 100, lambda: 1.0) == seconds


@given(st.integers(0, 100), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_anything_between_nothing_and_its_bounds(retry: int, interval: float, random: float) -> None:
    assert 0 <= backoff(retry, interval, lambda: random) <= min(interval, 8, 0.5 * 2 ** min(retry, 10))


def test_jitter_is_full() -> None:
    assert [backoff(2, 100, lambda r=r: r) for r in (0.0, 0.25, 0.5)] == [0, 0.5, 1]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("allowed", "last", "retries"),
    [(0, False, 0), (0, True, 0), (1, True, 1), (2, False, 2), (None, False, 0), (None, True, 1)],
)
def test_there_are_as_many_retries_as_allowed_and_by_default_one_for_the_last_provider(
    allowed: int | None, last: bool, retries: int
) -> None:
    waits = [wait(retry=retry, allowed=allowed, last=last) for retry in range(5)]

    assert [seconds is not None for seconds in waits] == [number < retries for number in range(5)]


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.BAD_REQUEST, ErrorKind.REFUSAL, ErrorKind.BUG])
def test_what_asking_again_cannot_mend_is_not_asked_again(kind: ErrorKind) -> None:
    assert wait(kind, last=True) is None


def test_our_own_time_out_is_not_waited_for_twice() -> None:
    settings = AttemptSettings(max_retry_per_llm=5)

    assert retry_wait(APITimeoutError("slow"), 0, last=True, settings=settings, max_wait=60, random=lambda: 1.0) is None


def test_an_unreachable_provider_is_asked_again_only_when_it_is_the_last() -> None:
    assert wait(ErrorKind.CONNECTION) is None
    assert wait(ErrorKind.CONNECTION, last=True) == 0.5


@pytest.mark.parametrize("kind", [ErrorKind.RATE_LIMITED, ErrorKind.EMPTY])
def test_a_rate_limit_and_an_empty_answer_get_one_retry_whatever_is_allowed(kind: ErrorKind) -> None:
    assert [wait(kind, retry=retry, allowed=5, last=True) for retry in range(3)] == [0.5, None, None]


@pytest.mark.parametrize(
    ("retry_after", "last", "expected"),
    [
        (0, False, 0),
        (2, False, 2),
        (2.1, False, None),
        (2.1, True, 2.1),
        (60, True, 60),
        (60.1, True, None),
        (-5, False, 0),
        (float("inf"), True, None),
    ],
)
def test_the_providers_own_wait_rules_within_what_the_user_puts_up_with(
    retry_after: float, last: bool, expected: float | None
) -> None:
    assert wait(ErrorKind.RATE_LIMITED, last=last, retry_after=retry_after) == expected


def test_a_user_in_a_hurry_does_not_wait() -> None:
    assert wait(ErrorKind.RATE_LIMITED, last=True, retry_after=5, max_wait=3) is None
    assert wait(ErrorKind.RATE_LIMITED, retry_after=1.5, max_wait=1) is None
