"""The errors, and how a failure of the whole chain is summed up."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core import attempts, errors
from fallback_chat.core.attempts import AllProvidersFailed, AttemptRecord, Outcome
from fallback_chat.core.errors import (
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
    NobodyInsideError,
    NoConsentError,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def attempt(kind: ErrorKind, retry_after: float | None = None, outcome: Outcome = Outcome.FAILED) -> AttemptRecord:
    return AttemptRecord(
        "a", "openai", "m", outcome, APIError("x", kind=kind, details=ErrorDetails(retry_after=retry_after))
    )


def drawn_tree(kind: type[BaseException]) -> list[object]:
    inside = [one for one in kind.__subclasses__() if one.__module__ in (errors.__name__, attempts.__name__)]
    return [kind.__name__, *(drawn_tree(one) for one in inside)]


def test_the_tree_is_the_one_that_the_module_draws() -> None:
    assert drawn_tree(FallbackChatError) == [
        "FallbackChatError",
        ["ConfigError"],
        ["InputError"],
        [
            "APIError",
            ["APIConnectionError", ["APITimeoutError"], ["AllProvidersFailed"]],
            ["APIStatusError"],
            ["APIStreamError"],
            ["NoConsentError"],
            ["NobodyInsideError"],
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


def test_the_last_round_sums_the_turn_up() -> None:
    busy, wrong = attempt(ErrorKind.RATE_LIMITED, 20.0), replace(attempt(ErrorKind.AUTH), round=2)

    error = AllProvidersFailed([busy, wrong])

    assert (error.kind, error.retry_after) == (ErrorKind.AUTH, None)


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
        " (c: not asked; a: rate limited (HTTP 429: slow down); b: timeout (no content within 10 s))"
    )
    assert str(AllProvidersFailed([record("c", None, 0)])) == "no provider of the chain could be asked (c: not asked)"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.BAD_REQUEST),
        (401, ErrorKind.AUTH),
        (402, ErrorKind.QUOTA_EXHAUSTED),
        (403, ErrorKind.PERMISSION),
        (404, ErrorKind.MODEL_NOT_FOUND),
        (408, ErrorKind.TIMEOUT),
        (413, ErrorKind.TOO_LARGE),
        (418, ErrorKind.BAD_REQUEST),
        (422, ErrorKind.BAD_REQUEST),
        (429, ErrorKind.RATE_LIMITED),
        (500, ErrorKind.SERVER_ERROR),
        (503, ErrorKind.OVERLOADED),
        (529, ErrorKind.OVERLOADED),
        (599, ErrorKind.TIMEOUT),
        (302, ErrorKind.SERVER_ERROR),
        (None, ErrorKind.SERVER_ERROR),
    ],
)
def test_a_status_decides_about_the_kind_unless_one_is_given(status: int | None, kind: ErrorKind) -> None:
    details = ErrorDetails(status=status)

    assert APIStatusError("x", details=details).kind is kind
    assert APIStatusError("x", details=details, kind=ErrorKind.EMPTY).kind is ErrorKind.EMPTY
    assert APIError("x", details=details).kind is ErrorKind.SERVER_ERROR


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"status": "500"}, "status must be a whole number, not '500'"),
        ({"retry_after": "5"}, "retry_after must be a number of seconds, not '5'"),
        ({"retry_after": float("nan")}, "retry_after must be 0 or more seconds, not nan"),
        ({"retry_after": True}, "retry_after must be a number of seconds, not True"),
        ({"code": 5}, "code must be str, not int"),
        ({"retryable": "yes"}, "retryable must be bool, not str"),
    ],
    ids=str,
)
def test_details_are_of_the_types_that_the_policy_looks_at(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        ErrorDetails(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"message": ValueError("no")}, "message must be str, not ValueError"),
        ({"message": None}, "message must be str, not None"),
        ({"details": {"status": 500}}, "details must be ErrorDetails, not dict"),
        ({"details": (500, None)}, "details must be ErrorDetails, not tuple"),
        ({"kind": 5}, "kind must be one of .*, not 5"),
        ({"hint": 5}, "hint must be str, not int"),
        ({"words": b"no"}, "words must be str, not bytes"),
    ],
    ids=str,
)
def test_an_error_is_made_of_what_the_engine_can_use_or_names_what_it_cannot(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        APIError(**{"message": "x"} | arguments)


@pytest.mark.parametrize(("said", "meant"), [(-5.0, 0.0), (0, 0), (2.5, 2.5), (float("inf"), 1e9), (10**400, 1e9)])
def test_a_wait_that_is_over_is_none_and_an_absurd_one_is_long(said: float, meant: float) -> None:
    assert APIError("x", details=ErrorDetails(retry_after=said)).retry_after == meant


# A chain within a chain


def failed_chain(*kinds: ErrorKind, deadline_exceeded: bool = False) -> AllProvidersFailed:
    return AllProvidersFailed([attempt(kind, 7.0) for kind in kinds], deadline_exceeded=deadline_exceeded)


def of_a_chain_of(*errors: APIError) -> AllProvidersFailed:
    return AllProvidersFailed(
        [AttemptRecord(f"chain {n}", "fallback", "m", Outcome.FAILED, one) for n, one in enumerate(errors)]
    )


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_failed_chain_is_a_connection_error_of_the_kind_that_its_attempts_decide(kind: ErrorKind) -> None:
    error = of_a_chain_of(failed_chain(kind))

    assert isinstance(error, APIConnectionError)
    assert (error.kind, error.retry_after) == (kind, 7.0)


def test_a_chain_that_failed_within_another_is_told_with_its_own_providers() -> None:
    assert str(of_a_chain_of(failed_chain(ErrorKind.AUTH), APITimeoutError("nothing"))) == (
        "no provider of the chain gave an answer after 0.0 s"
        " (chain 0: auth (no provider of the chain gave an answer after 0.0 s (a: auth (x))); chain 1: timeout (nothing))"
    )


def test_the_deadline_of_a_chain_within_another_counts_where_that_one_decides() -> None:
    late, locked = failed_chain(ErrorKind.TIMEOUT, deadline_exceeded=True), APIError("no", kind=ErrorKind.AUTH)
    busy = APIError("no", kind=ErrorKind.RATE_LIMITED)

    assert [of_a_chain_of(late, other).deadline_exceeded for other in (locked, busy)] == [True, False]


def test_two_providers_that_blame_the_input_blame_it_for_their_chain() -> None:
    details = ErrorDetails(status=400, blames_input=True)
    rejected = APIStatusError("no", details=details)

    assert of_a_chain_of(of_a_chain_of(rejected, rejected)).details.blames_input
    assert not of_a_chain_of(failed_chain(ErrorKind.BAD_REQUEST)).details.blames_input


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


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        failed_chain(ErrorKind.AUTH),
        ConfigError([Problem("a", "is wrong", Path("f.toml"), 7)]),
        InputError("x", missing=True),
        NoConsentError("x"),
        NobodyInsideError("home", ["work"]),
        APIStatusError("x", details=ErrorDetails(status=429, retry_after=2.0), hint="wait", body={"a": 1}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_sent_to_another_process(again: Callable[[Any], Any], error: Exception) -> None:
    arrived = again(error)
    assert (type(arrived), str(arrived), repr(vars(arrived))) == (type(error), str(error), repr(vars(error)))


def test_an_input_that_is_missing_is_told_from_one_that_is_unusable() -> None:
    assert [InputError("x").missing, InputError("x", missing=True).missing] == [False, True]


def test_a_word_for_a_kind_is_that_kind_and_any_other_word_is_refused() -> None:
    assert APIError("no", kind="timeout").kind is ErrorKind.TIMEOUT  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"kind must be one of 'content_filter', .*, not 'slow'"):
        APIError("no", kind="slow")  # type: ignore[arg-type]
