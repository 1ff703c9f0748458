"""The errors, and how a failure of the whole chain is summed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallback_chat.core import errors
from fallback_chat.core.errors import (
    AllProvidersFailed,
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    ConfigError,
    ErrorDetails,
    ErrorKind,
    FallbackChatError,
    InputError,
    Problem,
)
from fallback_chat.core.events import AttemptRecord, Outcome


def attempt(kind: ErrorKind, retry_after: float | None = None, outcome: Outcome = Outcome.FAILED) -> AttemptRecord:
    return AttemptRecord(
        "a", "openai", "m", outcome, APIError("x", kind=kind, details=ErrorDetails(retry_after=retry_after))
    )


def drawn_tree(kind: type[BaseException]) -> list[object]:
    inside = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return [kind.__name__, *(drawn_tree(one) for one in inside)]


def test_the_tree_is_the_one_that_the_module_draws() -> None:
    assert drawn_tree(FallbackChatError) == [
        "FallbackChatError",
        ["ConfigError"],
        ["InputError"],
        [
            "APIError",
            ["APIConnectionError", ["APITimeoutError"]],
            ["APIStatusError"],
            ["APIStreamError"],
            ["AllProvidersFailed"],
        ],
    ]
    for line in str(drawn_tree(FallbackChatError)).replace("[", "").replace("]", "").replace("'", "").split(", "):
        assert line in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (APIError("x"), ErrorKind.SERVER_ERROR),
        (APIConnectionError("x"), ErrorKind.CONNECTION),
        (APITimeoutError("x"), ErrorKind.TIMEOUT),
        (APIStatusError("x"), ErrorKind.SERVER_ERROR),
        (APIStreamError("x"), ErrorKind.STREAM_ERROR),
        (APIStatusError("x", kind=ErrorKind.AUTH), ErrorKind.AUTH),
    ],
)
def test_an_error_has_the_kind_it_was_given_or_that_of_its_class(error: APIError, kind: ErrorKind) -> None:
    assert (error.kind, str(error), error.message) == (kind, "x", "x")


def test_what_the_provider_said_is_at_hand() -> None:
    error = APIStatusError("x", details=ErrorDetails(status=429, retry_after=3.0, request_id="r1"), body={"a": 1})

    assert (error.status_code, error.retry_after, error.request_id, error.body) == (429, 3.0, "r1", {"a": 1})
    assert (APIStatusError("x").status_code, APIError("x").retry_after, APIError("x").hint) == (0, None, None)


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_can_sum_up_a_turn(kind: ErrorKind) -> None:
    assert AllProvidersFailed([attempt(kind)]).kind is kind


@pytest.mark.parametrize(
    ("kinds", "summary"),
    [
        ([ErrorKind.AUTH, ErrorKind.RATE_LIMITED, ErrorKind.CONNECTION], ErrorKind.RATE_LIMITED),
        ([ErrorKind.AUTH, ErrorKind.CONNECTION], ErrorKind.CONNECTION),
        ([ErrorKind.BUG, ErrorKind.AUTH], ErrorKind.AUTH),
        ([ErrorKind.CONNECTION, ErrorKind.REFUSAL], ErrorKind.REFUSAL),
        ([], ErrorKind.CONNECTION),
    ],
)
def test_what_waiting_would_mend_comes_before_what_only_the_user_can(
    kinds: list[ErrorKind], summary: ErrorKind
) -> None:
    assert AllProvidersFailed([attempt(kind) for kind in kinds]).kind is summary


def test_the_smallest_wait_of_the_attempts_is_that_of_the_turn() -> None:
    attempts = [attempt(ErrorKind.RATE_LIMITED, wait) for wait in (40.0, None, 20.0)]
    skipped = AttemptRecord("b", "openai", "m", Outcome.SKIPPED)

    error = AllProvidersFailed([skipped, *attempts])

    assert (error.retry_after, error.attempts) == (20.0, (skipped, *attempts))
    assert AllProvidersFailed([skipped]).retry_after is None


def test_a_turn_in_which_nobody_could_be_asked_says_so() -> None:
    assert str(AllProvidersFailed([])) == "no provider of the chain could be asked"
    assert AllProvidersFailed([attempt(ErrorKind.AUTH)]).headline == "no provider of the chain gave an answer"


def test_a_failed_chain_names_each_provider_why_and_the_time() -> None:
    def record(provider: str, error: APIError | None, elapsed: float) -> AttemptRecord:
        outcome = Outcome.FAILED if error else Outcome.SKIPPED
        return AttemptRecord(provider, "openai", "m", outcome, error, elapsed=elapsed)

    busy = APIStatusError("slow\ndown", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429))
    silent = APITimeoutError("no content within 10 s")
    error = AllProvidersFailed(
        [record("c", None, 0), record("a", silent, 1), record("a", busy, 2), record("b", silent, 10)]
    )

    assert str(error) == (
        "no provider of the chain gave an answer after 13.0 s"
        " (a: rate limited (HTTP 429: slow down); b: timeout (no content within 10 s))"
    )


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem("chain.deadline", "must be a number"), "chain.deadline: must be a number"),
        (Problem("a.b", "no", Path("f.toml"), 7), "f.toml:7: a.b: no"),
        (Problem("", "is not TOML", Path("f.toml")), "f.toml: is not TOML"),
    ],
)
def test_a_problem_says_where_it_is(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_a_configuration_error_has_every_mistake() -> None:
    problems = [Problem("a", "is wrong"), Problem("b", "is missing")]

    error = ConfigError(iter(problems))

    assert (error.problems, str(error)) == (tuple(problems), "a: is wrong\nb: is missing")


def test_an_input_that_is_missing_is_told_from_one_that_is_unusable() -> None:
    assert [InputError("x").missing, InputError("x", missing=True).missing] == [False, True]


def test_a_word_for_a_kind_is_that_kind_and_any_other_word_is_refused() -> None:
    assert APIError("no", kind="timeout").kind is ErrorKind.TIMEOUT  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"kind must be one of 'cancelled', .*, not 'slow'"):
        APIError("no", kind="slow")  # type: ignore[arg-type]
