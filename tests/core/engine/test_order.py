"""Who is asked next within one turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fallback_chat.core.engine.breaker import Health, Permit
from fallback_chat.core.engine.health import HealthBoard, MemoryHealthStore
from fallback_chat.core.engine.order import Candidate, Order
from fallback_chat.core.engine.settings import AttemptSettings, OnRefusal
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State
from tests.core.scripted import ScriptedLLM

NOW = 1_000_000_000.0
OPEN = Health(State.OPEN, "server_error", since=NOW - 5, until=NOW + 10, opens=1)
OPEN_FOR_LONG = replace(OPEN, until=NOW + 100)
OVER = replace(OPEN, until=NOW)
BLOCKED = Health(State.BLOCKED, "auth", since=NOW - 5)
DISABLED = Health(State.DISABLED)


def candidate(name: str, *, window: int | None = None, settings: AttemptSettings | None = None) -> Candidate:
    return Candidate(ScriptedLLM(name, [], context_window=window), settings or AttemptSettings(), name, name)


def turn_of(*candidates: Candidate, **health: Health) -> tuple[Order, HealthBoard]:
    store = MemoryHealthStore()
    for key, record in health.items():
        store.keep(key, record)
    board = HealthBoard(store, clock=lambda: NOW, random=lambda: 0.5, on_change=lambda _: None)
    return Order(candidates, board), board


async def all_taken(turn: Order) -> list[str]:
    taken = []
    while (pair := await turn.take()) is not None:
        taken.append(pair[0].key)
    return taken


def names(candidates: list[Candidate]) -> list[str]:
    return [one.key for one in candidates]


A, B, C, D = map(candidate, "abcd")


async def test_the_order_is_the_chains_and_each_is_asked_once() -> None:
    turn, _ = turn_of(A, B, C)

    assert await all_taken(turn) == ["a", "b", "c"]
    assert turn.passed_over == ()


@pytest.mark.parametrize("health", [OPEN, BLOCKED])
async def test_one_that_is_not_available_waits_until_the_others_have_failed(health: Health) -> None:
    turn, _ = turn_of(A, B, C, a=health)

    assert await all_taken(turn) == ["b", "c", "a"]


async def test_one_is_passed_over_until_it_is_asked_after_all() -> None:
    turn, _ = turn_of(A, B, C, a=OPEN)
    seen = []

    while await turn.take() is not None:
        seen.append(turn.passed_over)

    assert seen == [(A,), (A,), ()]


async def test_the_last_resort_begins_with_the_nearest_end_and_leaves_the_blocked_for_last() -> None:
    turn, _ = turn_of(A, B, C, D, a=BLOCKED, b=OPEN_FOR_LONG, c=OPEN, d=replace(OPEN, until=NOW + 50))

    assert await all_taken(turn) == ["c", "d", "b", "a"]


async def test_one_whose_time_is_over_is_asked_in_its_place_on_trial() -> None:
    turn, board = turn_of(A, B, a=OVER)

    assert await turn.take() == (A, Permit(1, half_open=True))
    trying = board.read("a")
    assert trying == replace(OVER, state=State.HALF_OPEN, since=NOW, until=NOW + 20, generation=1, holder=trying.holder)
    assert trying.holder


async def test_a_second_turn_does_not_join_the_trial_of_the_first() -> None:
    first, board = turn_of(A, B, a=OVER)
    await first.take()

    assert await all_taken(Order([A, B], board)) == ["b", "a"]


async def test_a_disabled_one_is_never_asked() -> None:
    turn, _ = turn_of(A, B, a=DISABLED)

    assert names(turn.left()) == ["b"]
    assert await all_taken(turn) == ["b"]
    assert turn.passed_over == (A,)


def test_whoever_has_no_alternative_is_alone() -> None:
    assert [turn_of(A)[0].alone, turn_of(A, B)[0].alone, turn_of(A, B, b=DISABLED)[0].alone] == [True, False, True]


async def test_one_that_was_asked_first_is_still_not_alone_when_it_is_the_last() -> None:
    turn, _ = turn_of(A, B)
    await turn.take()
    await turn.take()

    assert (turn.left(), turn.alone) == ([], False)


async def test_the_input_is_bad_when_two_reject_it() -> None:
    turn, _ = turn_of(A, B, C)
    rejected = APIError("no message", kind=ErrorKind.BAD_REQUEST, details=ErrorDetails(blames_input=True))

    await turn.take()
    turn.note_failure(A, rejected)
    after_one = names(turn.left())
    await turn.take()
    turn.note_failure(B, rejected)

    assert (after_one, turn.left(), await turn.take()) == (["b", "c"], [], None)


@pytest.mark.parametrize("blaming", [(False, False), (True, False), (False, True)])
async def test_two_rejections_prove_nothing_unless_both_name_the_input(blaming: tuple[bool, bool]) -> None:
    turn, _ = turn_of(A, B, C)

    for one, blames_input in zip((A, B), blaming, strict=True):
        await turn.take()
        details = ErrorDetails(blames_input=blames_input)
        turn.note_failure(one, APIError("rejected", kind=ErrorKind.BAD_REQUEST, details=details))

    assert await all_taken(turn) == ["c"]


@pytest.mark.parametrize(
    ("windows", "left"),
    [
        ([8_000, 4_000, 8_000, 16_000, None], ["d", "e"]),
        ([None, 4_000, 8_000, 16_000, None], ["b", "c", "d", "e"]),
    ],
)
async def test_what_does_not_fit_goes_only_to_a_larger_window_or_one_not_known(
    windows: list[int | None], left: list[str]
) -> None:
    chain = [candidate(name, window=window) for name, window in zip("abcde", windows, strict=True)]
    turn, _ = turn_of(*chain)
    await turn.take()

    turn.note_failure(chain[0], APIError("too long", kind=ErrorKind.CONTEXT_EXCEEDED))

    assert names(turn.left()) == left
    assert await all_taken(turn) == left


async def test_a_limit_on_the_size_of_a_request_says_nothing_about_windows() -> None:
    chain = [candidate("a", window=8_000), candidate("b", window=4_000), candidate("c")]
    turn, _ = turn_of(*chain)
    await turn.take()

    turn.note_failure(chain[0], APIError("more tokens than a minute has", kind=ErrorKind.TOO_LARGE))

    assert await all_taken(turn) == ["b", "c"]


def test_a_smaller_window_that_overflows_later_does_not_lower_the_bar() -> None:
    chain = [candidate("a", window=8_000), candidate("b"), candidate("c", window=6_000)]
    turn, _ = turn_of(*chain)

    turn.note_failure(chain[0], APIError("too long", kind=ErrorKind.CONTEXT_EXCEEDED))
    turn.note_failure(chain[1], APIError("too long", kind=ErrorKind.CONTEXT_EXCEEDED))

    assert names(turn.left()) == ["b"]


@pytest.mark.parametrize("kind", [ErrorKind.REFUSAL, ErrorKind.CONTENT_FILTER])
@pytest.mark.parametrize(("policy", "left"), [(OnRefusal.STOP, []), (OnRefusal.NEXT, ["b"])])
async def test_a_refusal_ends_the_turn_unless_the_user_wants_a_second_opinion(
    kind: ErrorKind, policy: OnRefusal, left: list[str]
) -> None:
    first = candidate("a", settings=AttemptSettings(on_refusal=policy))
    turn, _ = turn_of(first, B)
    await turn.take()

    turn.note_failure(first, APIError("refused", kind=kind))

    assert names(turn.left()) == left


@pytest.mark.parametrize("kind", [ErrorKind.SERVER_ERROR, ErrorKind.AUTH, ErrorKind.UNSUPPORTED, ErrorKind.BUG])
async def test_any_other_failure_leaves_the_rest_of_the_chain(kind: ErrorKind) -> None:
    turn, _ = turn_of(A, B, C)
    await turn.take()

    turn.note_failure(A, APIError("failed", kind=kind))

    assert names(turn.left()) == ["b", "c"]


def test_the_lease_is_twice_the_first_token_time() -> None:
    assert candidate("a", settings=AttemptSettings(attempt_timeout=7)).lease == 14
