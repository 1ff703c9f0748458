"""Late is not lost: the next provider is asked as well, the first content wins, and the loser is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.engine.budget import Budget, BudgetReason
from fallback_chat.core.engine.hedging import NEVER, Hedge, Hedging
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.core.errors import APIConnectionError, ErrorDetails, ErrorKind
from fallback_chat.core.events import AttemptFailed, AttemptLate, AttemptStarted, FailedOver
from tests.core.chain import chain_of, error_of, states, turn_with
from tests.core.scripted import ROLE, SILENCE, STOP, Pause, ScriptedLLM, Step

if TYPE_CHECKING:
    from fallback_chat.core.engine.adapter import FallbackAdapter
    from tests.core.scripted import FakeClock

ONE_TRY = AttemptSettings(max_retry_per_llm=0)
REFUSED = APIConnectionError("connection refused")
RESTING = APIConnectionError("connection refused", details=ErrorDetails(retry_after=5))


def answer(after: float, text: str) -> list[Step]:
    return [ROLE, Pause(after), text, Pause(1), " and more", STOP]


def hedged(*llms: ScriptedLLM, clock: FakeClock, after: float | str = "timeout", **settings: Any) -> FallbackAdapter:
    chain = ChainSettings(hedge_after=after, **settings)
    return chain_of(*llms, clock=clock, settings=ONE_TRY, chain=chain)


async def test_a_provider_whose_time_is_over_is_not_left_and_the_next_one_may_overtake_it(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", answer(2, "From b"))
    chain = hedged(a, b, clock=clock)

    turn = await turn_with(chain)

    assert (turn.text, turn.elapsed, turn.record) == (
        "From b and more",
        13,
        [("a", "failed", "timeout"), ("b", "ok", None)],
    )
    assert (a.open_streams, [state.value for state in states(chain)]) == (0, ["open", "closed"])
    error = turn.stream.attempts[0].error
    assert turn.events == [
        AttemptStarted(a, 1),
        AttemptLate(a, b, 10.0),
        AttemptStarted(b, 2),
        AttemptFailed(a, error, 12.0, b, overtaken=True),  # type: ignore[arg-type]
        FailedOver(a, b, error),  # type: ignore[arg-type]
    ]


async def test_a_late_provider_that_speaks_first_wins_and_is_well(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", answer(12, "From a")), ScriptedLLM("b", answer(9, "From b"))
    chain = hedged(a, b, clock=clock)

    turn = await turn_with(chain)

    assert (turn.text, turn.elapsed) == ("From a and more", 13)
    assert turn.record == [("b", "cancelled", None), ("a", "ok", None)]
    assert (b.open_streams, [state.value for state in states(chain)]) == (0, ["closed", "closed"])


async def test_with_content_at_the_same_moment_the_order_of_the_chain_decides(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", answer(12, "From a")), ScriptedLLM("b", answer(2, "From b"))

    assert (await turn_with(hedged(a, b, clock=clock))).text == "From a and more"


async def test_at_most_two_are_open_and_the_third_is_asked_when_one_has_failed(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [Pause(3), REFUSED])
    c = ScriptedLLM("c", answer(1, "From c"))

    turn = await turn_with(hedged(a, b, c, clock=clock))

    assert (turn.text, turn.elapsed) == ("From c and more", 10 + 3 + 2)
    assert turn.record == [("b", "failed", "connection"), ("a", "failed", "timeout"), ("c", "ok", None)]
    late = turn.stream.attempts[1].error
    assert turn.events == [
        AttemptStarted(a, 1),
        AttemptLate(a, b, 10.0),
        AttemptStarted(b, 2),
        AttemptFailed(b, REFUSED, 3.0, a),
        AttemptLate(a, c, 13.0),
        AttemptStarted(c, 3),
        AttemptFailed(a, late, 14.0, c, overtaken=True),  # type: ignore[arg-type]
        FailedOver(a, c, late),  # type: ignore[arg-type]
    ]


async def test_an_older_one_that_fails_leaves_the_younger_one_alone(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [Pause(12), REFUSED]), ScriptedLLM("b", answer(15, "From b"))

    turn = await turn_with(hedged(a, b, clock=clock))

    assert (turn.text, turn.elapsed) == ("From b and more", 10 + 15 + 1)
    assert turn.events == [
        AttemptStarted(a, 1),
        AttemptLate(a, b, 10.0),
        AttemptStarted(b, 2),
        AttemptFailed(a, REFUSED, 12.0, b),
        FailedOver(a, b, REFUSED),
    ]


async def test_when_nobody_else_is_left_a_late_provider_has_its_time_once_more(clock: FakeClock) -> None:
    a = ScriptedLLM("a", answer(19, "From a"))
    lost = ScriptedLLM("a", [SILENCE])

    turn = await turn_with(hedged(a, clock=clock))
    failed = await turn_with(hedged(lost, clock=clock))

    assert (turn.text, turn.record) == ("From a and more", [("a", "ok", None)])
    assert (error_of(failed, AllProvidersFailed).kind, failed.elapsed) == (ErrorKind.TIMEOUT, 20)


class Local(ScriptedLLM):
    machine = "local"


@pytest.mark.parametrize("after", ["timeout", 2.5])
async def test_one_on_the_same_machine_is_not_asked_beside_it_but_instead_when_its_time_is_over(
    clock: FakeClock, after: str | float
) -> None:
    a, b = Local("a", [SILENCE]), Local("b", answer(1, "From b"))

    turn = await turn_with(hedged(a, b, clock=clock, after=after))

    assert (turn.text, turn.elapsed) == ("From b and more", 12)
    assert (turn.record[0], a.open_streams) == (("a", "failed", "timeout"), 0)
    assert str(turn.stream.attempts[0].error) == "nothing for 10 s"


async def test_one_on_the_same_machine_that_answers_in_its_time_is_not_left_early(clock: FakeClock) -> None:
    a, b = Local("a", answer(8, "From a")), Local("b", answer(1, "From b"))

    turn = await turn_with(hedged(a, b, clock=clock, after=2.5))

    assert (turn.text, turn.record, b.calls) == ("From a and more", [("a", "ok", None)], [])


async def test_one_whose_rest_ends_between_is_asked_when_the_time_is_over(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", answer(1, "From b"))
    chain = hedged(a, b, clock=clock, after=2.5)
    chain.note_check(b, RESTING)

    turn = await turn_with(chain)

    assert (turn.text, turn.elapsed, turn.record) == (
        "From b and more",
        12,
        [("a", "failed", "timeout"), ("b", "ok", None)],
    )


async def test_one_that_rests_is_not_asked_beside_another(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED], answer(15, "From a")), ScriptedLLM("b", answer(0, "x"), [REFUSED])
    chain = hedged(b, a, clock=clock)
    chain.note_check(a, REFUSED)

    turn = await turn_with(hedged(ScriptedLLM("slow", answer(15, "Slow")), clock=clock))
    assert turn.text == "Slow and more"
    resting = ScriptedLLM("slow", answer(15, "Slow"))
    other = hedged(resting, a, clock=clock)
    other.note_check(a, REFUSED)
    turn = await turn_with(other)

    assert (turn.text, len(a.calls)) == ("Slow and more", 0)


async def test_the_next_one_may_be_asked_before_the_time_is_over_and_then_the_loser_is_not_blamed(
    clock: FakeClock,
) -> None:
    a, b = ScriptedLLM("a", answer(8, "From a")), ScriptedLLM("b", answer(1, "From b"))
    chain = hedged(a, b, clock=clock, after=2.0)

    turn = await turn_with(chain)

    assert (turn.text, turn.elapsed) == ("From b and more", 4)
    assert turn.record == [("a", "cancelled", None), ("b", "ok", None)]
    assert [state.value for state in states(chain)] == ["closed", "closed"]


async def test_early_hedges_are_at_most_one_turn_in_ten(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", answer(5, "From a")), ScriptedLLM("b", answer(0, "From b"))
    chain = hedged(a, b, clock=clock, after=1.0)

    for _ in range(30):
        await turn_with(chain)

    assert len(b.calls) == 3


def test_what_quiet_turns_do_not_use_is_saved_for_five_stalls_in_a_row() -> None:
    hedging = Hedging(1.0)
    for _ in range(200):
        hedging.begin_turn()
    hedged = []
    for _ in range(8):
        hedging.begin_turn()
        hedged.append(hedging.hedge(Budget(10, BudgetReason.DEFAULT), []).after is not None)
        if hedged[-1]:
            hedging.note_hedge()

    assert hedged == [True] * 5 + [False] * 3


async def test_giving_up_leaves_the_older_of_two(clock: FakeClock) -> None:
    a, b, c = (
        ScriptedLLM("a", [SILENCE]),
        ScriptedLLM("b", answer(5, "From b")),
        ScriptedLLM("c", answer(0, "From c")),
    )
    chain = hedged(a, b, c, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(12)
    (stream,) = chain._streams

    assert stream.give_up()
    turn = await reading

    assert (turn.text, turn.record) == ("From b and more", [("a", "cancelled", None), ("b", "ok", None)])


async def test_a_cancel_closes_both(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [SILENCE])
    chain = hedged(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(12)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert (a.open_streams, b.open_streams) == (0, 0)
    assert [state.value for state in states(chain)] == ["closed", "closed"]


async def test_a_second_cancel_while_the_first_one_closes_closes_both_too(clock: FakeClock) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.5)

    a, b = (ScriptedLLM(name, [SILENCE], on_close=slowly) for name in "ab")
    chain = hedged(a, b, clock=clock)
    before = asyncio.all_tasks()
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(12)

    reading.cancel()
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert (a.open_streams, b.open_streams) == (0, 0)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("limit", ["deadline", "total_timeout"])
async def test_no_late_one_is_waited_for_beyond_the_limits_of_the_turn(limit: str, clock: FakeClock) -> None:
    a = ScriptedLLM("a", [SILENCE])

    turn = await turn_with(hedged(a, clock=clock), **{limit: 14})

    assert (turn.elapsed, turn.error is None) == (14, False)


async def test_two_in_parallel_share_the_total_time(clock: FakeClock) -> None:
    going_on: list[Step] = [Pause(5), "…"]
    a, b = ScriptedLLM("a", [Pause(12), REFUSED]), ScriptedLLM("b", [Pause(4), "From b", *going_on * 9])

    turn = await turn_with(hedged(a, b, clock=clock), total_timeout=25)

    assert (turn.text, turn.elapsed, str(turn.error)) == (
        "From b……",
        25,
        "the time for the whole answer is over",
    )


async def test_without_hedging_nobody_is_waited_for_beyond_its_time(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", answer(11, "From a")), ScriptedLLM("b", answer(2, "From b"))

    turn = await turn_with(hedged(a, b, clock=clock, after="off"))

    assert (turn.text, turn.elapsed) == ("From b and more", 13)


async def test_hung_providers_before_the_good_one_cost_one_time_out_each_at_most(clock: FakeClock) -> None:
    hung = [ScriptedLLM(f"hung{number}", [SILENCE]) for number in range(4)]
    good = ScriptedLLM("good", answer(0, "Good"))

    turn = await turn_with(hedged(*hung, good, clock=clock))

    assert turn.text == "Good and more"
    assert turn.elapsed <= 4 * 10 + 1
    assert [len(llm.calls) for llm in (*hung, good)] == [1] * 5


@pytest.mark.parametrize(
    ("after", "samples", "hedge"),
    [
        ("off", [1.0] * 50, NEVER),
        ("timeout", [1.0] * 50, Hedge(None, grace=10)),
        ("p95", [1.0] * 9, Hedge(None, grace=10)),
        ("p95", [1.0] * 10, Hedge(1.0, grace=10)),
        ("p95", [50.0] * 10, Hedge(None, grace=10)),
        (3.0, [], Hedge(3.0, grace=10)),
        (30.0, [], Hedge(None, grace=10)),
    ],
)
def test_when_a_second_provider_is_asked(after: float | str, samples: list[float], hedge: Hedge) -> None:
    hedging = Hedging(after)
    hedging.begin_turn()

    assert hedging.hedge(Budget(10, BudgetReason.DEFAULT), samples) == hedge
