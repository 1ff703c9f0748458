"""The failover loop: who is asked, what the consumer sees, what is told, who is blamed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnRefusal, OnStreamFailure
from fallback_chat.core.errors import APIConnectionError, APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.events import (
    AllFailed,
    AttemptFailed,
    AttemptStarted,
    AvailabilityChangedEvent,
    FailedOver,
    State,
    StreamRestarted,
)
from fallback_chat.core.llm import ChatChunk, FinishReason
from tests.core.chain import HELLO, SETTINGS, all_events_of, chain_of, error_of, states, turn_with
from tests.core.scripted import (
    FRAGMENT,
    ROLE,
    SILENCE,
    STOP,
    Deaf,
    FakeClock,
    Pause,
    ScriptedLLM,
    Step,
    call,
    finish,
    text,
    thought,
)

if TYPE_CHECKING:
    from fallback_chat.core.engine.stream import FallbackLLMStream

REFUSED = APIConnectionError("connection refused")
DOWN = APIStatusError("HTTP 500", details=ErrorDetails(status=500))
RESET = APIStreamError("connection reset")
BAD_KEY = APIStatusError("HTTP 401", kind=ErrorKind.AUTH, details=ErrorDetails(status=401))
ANSWER: list[Step] = [ROLE, "Hel", "lo", STOP]
SLOW: list[Step] = ["x", Pause(20)] * 10
PARTIAL: list[Step] = [ROLE, "Once", " upon", RESET]


def rate_limited(seconds: float) -> APIStatusError:
    return APIStatusError(
        "HTTP 429", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=seconds)
    )


def two(first: list[Step], second: list[Step] = ANSWER) -> tuple[ScriptedLLM, ScriptedLLM]:
    return ScriptedLLM("a", first), ScriptedLLM("b", second)


def restarting(policy: OnStreamFailure = OnStreamFailure.RESTART) -> AttemptSettings:
    return replace(SETTINGS, on_stream_failure=policy)


# Before the first content


def test_an_answer_can_be_asked_for_before_its_event_loop_runs_and_in_one_loop_after_another() -> None:
    async def watched() -> None:
        chain.start_recovery()

    chain = FallbackAdapter(two([BAD_KEY]))
    asyncio.run(watched())
    texts = [asyncio.run(chain.chat(chat_ctx=HELLO).collect()).text for _ in range(2)]
    asyncio.run(chain.aclose())
    assert texts == ["Hello"] * 2


async def test_the_first_provider_answers_and_the_second_is_never_asked(clock: FakeClock) -> None:
    a, b = two(ANSWER)

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert (turn.chunks, turn.error) == ([ROLE, text("Hel"), text("lo"), STOP], None)
    assert (turn.record, turn.stream.llm) == ([("a", "ok", None)], a)
    assert (turn.events, len(b.calls)) == ([AttemptStarted(a, 1)], 0)


async def test_a_failed_attempt_leaves_no_trace_in_the_answer(clock: FakeClock) -> None:
    a, b = two([ROLE, thought("hm"), text(" "), RESET])

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert turn.chunks == [ROLE, text("Hel"), text("lo"), STOP]
    assert turn.record == [("a", "failed", "stream_error"), ("b", "ok", None)]


async def test_a_failover_is_told_in_order(clock: FakeClock) -> None:
    a, b = two([Pause(2), DOWN])
    chain = chain_of(a, b, clock=clock)
    seen, began = all_events_of(chain), clock()

    await turn_with(chain)

    assert seen == [
        AttemptStarted(a, 1),
        AvailabilityChangedEvent(a, False, State.OPEN, "server_error", began + 2 + 15, DOWN),
        AttemptFailed(a, DOWN, 2.0, b),
        FailedOver(a, b, DOWN),
        AttemptStarted(b, 2),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        [],
        [STOP],
        [ROLE, STOP],
        [REFUSED],
        [ROLE, DOWN],
        [SILENCE],
        [ROLE, SILENCE],
        [*[ROLE, Pause(1)] * 100],
        [thought("hm"), STOP],
        [call("{"), STOP],
        [ZeroDivisionError()],
        [asyncio.CancelledError()],
    ],
)
async def test_whatever_happens_before_content_the_next_one_answers(fault: list[Step], clock: FakeClock) -> None:
    a, b = two(fault)

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert (turn.text, turn.error, turn.stream.llm) == ("Hello", None, b)
    assert turn.elapsed <= 10
    assert (a.open_streams, b.open_streams) == (0, 0)


async def test_the_whole_chain_is_asked_in_order(clock: FakeClock) -> None:
    llms = [ScriptedLLM(name, [DOWN]) for name in "abc"] + [ScriptedLLM("d", ANSWER)]

    turn = await turn_with(chain_of(*llms, clock=clock))

    assert [one[0] for one in turn.record] == ["a", "b", "c", "d"]


async def test_providers_that_are_passed_over_are_on_the_record(clock: FakeClock) -> None:
    a, b = two([DOWN])
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)

    turn = await turn_with(chain)

    assert (turn.record, len(a.calls)) == ([("a", "skipped", "server_error"), ("b", "ok", None)], 1)


async def test_the_record_of_a_turn_is_not_changed_by_what_happens_later(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN], ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    turn = await turn_with(chain)
    clock.advance(15)
    await turn_with(chain)

    assert (states(chain)[0], turn.record) == (State.CLOSED, [("a", "skipped", "server_error"), ("b", "ok", None)])


async def test_the_record_has_the_times(clock: FakeClock) -> None:
    a, b = two([Pause(1), DOWN], [Pause(2), "hello", Pause(4), STOP])

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert [(one.first_token, one.elapsed, one.kind, one.model) for one in turn.stream.attempts] == [
        (None, 1, "scripted", "a-1"),
        (2, 6, "scripted", "b-1"),
    ]


# Retries


async def test_a_retry_that_succeeds_blames_nobody(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN], ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock, settings=replace(SETTINGS, max_retry_per_llm=1))
    seen = all_events_of(chain)

    turn = await turn_with(chain)

    assert seen == [AttemptStarted(a, 1), AttemptFailed(a, DOWN, 0.0, a, retry_in=0.25), AttemptStarted(a, 2)]
    assert (turn.text, clock.slept, states(chain)) == ("Hello", [0.25], [State.CLOSED, State.CLOSED])
    assert turn.record == [("a", "failed", "server_error"), ("a", "ok", None)]


async def test_each_provider_gets_one_request_and_its_retries(clock: FakeClock) -> None:
    a, b = two([DOWN], [DOWN])

    turn = await turn_with(chain_of(a, b, clock=clock, settings=replace(SETTINGS, max_retry_per_llm=2)))

    assert (len(a.calls), len(b.calls)) == (3, 3)
    assert clock.slept == [0.25, 0.5, 0.25, 0.5]
    error_of(turn, AllProvidersFailed)


async def test_in_a_chain_the_next_provider_is_the_retry_and_the_last_one_gets_one(clock: FakeClock) -> None:
    a, b = two([DOWN], [DOWN])

    await turn_with(chain_of(a, b, clock=clock, settings=AttemptSettings()))

    assert (len(a.calls), len(b.calls)) == (1, 2)


async def test_one_with_a_successor_is_not_waited_for_longer_than_two_seconds(clock: FakeClock) -> None:
    settings = replace(SETTINGS, max_retry_per_llm=1)
    patient, b = ScriptedLLM("a", [rate_limited(2)], ANSWER), ScriptedLLM("b", ANSWER)
    busy = ScriptedLLM("a", [rate_limited(3)], ANSWER)

    first = await turn_with(chain_of(patient, b, clock=clock, settings=settings), max_wait=30)
    second = await turn_with(chain_of(busy, b, clock=clock, settings=settings), max_wait=30)

    assert (first.stream.llm, second.stream.llm, clock.slept) == (patient, b, [2])


async def test_the_last_one_left_is_waited_for(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [rate_limited(30)], ANSWER)
    chain = chain_of(a, clock=clock, settings=AttemptSettings())

    turn = await turn_with(chain, max_wait=30)

    assert (turn.text, clock.slept) == ("Hello", [30])
    assert turn.events[1] == AttemptFailed(a, turn.stream.attempts[0].error, 0.0, a, retry_in=30)  # type: ignore[arg-type]


async def test_nobody_is_waited_for_longer_than_the_caller_puts_up_with(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [rate_limited(30)], ANSWER)

    turn = await turn_with(chain_of(a, clock=clock, settings=AttemptSettings()), max_wait=29)

    assert (error_of(turn, AllProvidersFailed).retry_after, clock.slept) == (30, [])


async def test_a_library_waits_for_nobody_unless_it_is_told_to(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [rate_limited(1)], ANSWER)

    turn = await turn_with(chain_of(a, clock=clock, settings=AttemptSettings()))

    assert (error_of(turn, AllProvidersFailed).retry_after, clock.slept) == (1, [])


async def test_the_deadline_stands_still_in_a_pause(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [Pause(5), rate_limited(30)], [Pause(14), *ANSWER])
    patient = AttemptSettings(attempt_timeout=30)

    turn = await turn_with(chain_of(a, clock=clock, settings=patient, chain=ChainSettings(deadline=20)), max_wait=30)

    assert (turn.text, turn.elapsed, clock.slept) == ("Hello", 49, [30])


# Time


async def test_whoever_has_successors_leaves_them_half_of_the_deadline(clock: FakeClock) -> None:
    llms = [ScriptedLLM(name, [SILENCE]) for name in "abc"]

    turn = await turn_with(chain_of(*llms, clock=clock, chain=ChainSettings(deadline=8)))

    assert [(one.elapsed, one.budget) for one in turn.stream.attempts] == [(4, 4), (2, 2), (2, 2)]
    assert (turn.elapsed, error_of(turn, AllProvidersFailed).deadline_exceeded) == (8, True)


async def test_a_silent_one_gets_no_more_than_half_even_if_its_successor_needs_less(clock: FakeClock) -> None:
    settings = [AttemptSettings(attempt_timeout=20), AttemptSettings(attempt_timeout=5)]
    llms = [ScriptedLLM(name, [SILENCE]) for name in "ab"]

    turn = await turn_with(chain_of(*llms, clock=clock, settings=settings, chain=ChainSettings(deadline=30)))

    assert [one.elapsed for one in turn.stream.attempts] == [15, 5]


@pytest.mark.parametrize("sign", [thought("hm"), FRAGMENT], ids=["thinking", "a long tool call"])
async def test_one_that_is_at_work_leaves_the_next_one_its_time_before_the_deadline(
    clock: FakeClock, sign: ChatChunk
) -> None:
    a = ScriptedLLM("a", [part for _ in range(40) for part in (sign, Pause(1))])
    b = ScriptedLLM("b", ANSWER)

    turn = await turn_with(chain_of(a, b, clock=clock, chain=ChainSettings(deadline=25)))

    assert (turn.text, turn.elapsed) == ("Hello", 15)
    assert turn.record == [("a", "failed", "timeout"), ("b", "ok", None)]


async def test_the_last_one_left_is_bound_by_the_deadline_however_lively_it_is(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [part for _ in range(40) for part in (thought("hm"), Pause(1))])

    turn = await turn_with(chain_of(a, clock=clock, chain=ChainSettings(deadline=25)))

    assert error_of(turn, AllProvidersFailed).deadline_exceeded
    assert (turn.elapsed, turn.record) == (25, [("a", "failed", "timeout")])


@pytest.mark.parametrize("successors", [0, 1])
async def test_the_deadline_is_for_the_first_content_and_not_for_the_rest(successors: int, clock: FakeClock) -> None:
    llms = [ScriptedLLM(name, ["Hel", Pause(20), "lo", Pause(20), "!", STOP]) for name in "ab"[: 1 + successors]]

    turn = await turn_with(chain_of(*llms, clock=clock, chain=ChainSettings(deadline=10)))

    assert (turn.text, turn.error, turn.elapsed, turn.record) == ("Hello!", None, 40, [("a", "ok", None)])


async def test_without_a_deadline_every_provider_has_its_own_time_only(clock: FakeClock) -> None:
    llms = [ScriptedLLM(name, [SILENCE]) for name in "abcdefghi"]

    turn = await turn_with(chain_of(*llms, clock=clock, chain=ChainSettings(deadline=None)))

    assert (turn.elapsed, error_of(turn, AllProvidersFailed).deadline_exceeded) == (90, False)


async def test_a_slow_reader_costs_the_provider_nothing(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [ROLE, *SLOW, STOP])
    chain = chain_of(a, clock=clock)
    chunks = 0

    async with chain.chat(chat_ctx=HELLO, total_timeout=201) as stream:
        async for _ in stream:
            chunks += 1
            await asyncio.sleep(1000)

    assert (chunks, states(chain)) == (12, [State.CLOSED])


async def test_the_total_time_ends_an_answer_and_blames_nobody(clock: FakeClock) -> None:
    a, b = two(SLOW, ANSWER)
    chain = chain_of(a, b, clock=clock, settings=restarting())

    turn = await turn_with(chain, total_timeout=50)

    assert (str(turn.error), turn.text, turn.elapsed) == ("the time for the whole answer is over", "xxx", 50)
    assert (turn.record, len(b.calls)) == ([("a", "partial", "timeout")], 0)
    assert states(chain) == [State.CLOSED, State.CLOSED]


async def test_time_spent_on_failures_is_gone_from_the_total_and_pauses_are_not(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [Pause(9), rate_limited(2)], [SILENCE])
    b = ScriptedLLM("b", [SILENCE])
    chain = chain_of(a, b, clock=clock, settings=replace(SETTINGS, max_retry_per_llm=1))

    turn = await turn_with(chain, total_timeout=15, max_wait=2)

    assert ([one.elapsed for one in turn.stream.attempts], turn.elapsed) == ([9, 6], 17)
    assert error_of(turn, AllProvidersFailed).deadline_exceeded
    assert (states(chain), len(b.calls)) == ([State.CLOSED, State.CLOSED], 0)


async def test_one_can_see_how_long_the_present_wait_may_still_take(clock: FakeClock) -> None:
    a, b = two([SILENCE], ["Once", Pause(20), STOP])
    stream = chain_of(a, b, clock=clock).chat(chat_ctx=HELLO)
    seen = [stream.gives_up_in]

    async def read() -> None:
        await anext(stream)
        seen.append(stream.gives_up_in)
        await anext(stream)

    reader = asyncio.create_task(read())
    for seconds in (4, 4, 12):
        await asyncio.sleep(seconds)
        seen.append(stream.gives_up_in)
    await reader
    await stream.aclose()

    assert seen == [None, 6, 2, None, 20]


async def test_there_is_no_retry_that_the_end_of_all_time_would_cut(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [Pause(5), rate_limited(15)], ANSWER)

    turn = await turn_with(chain_of(a, clock=clock, settings=AttemptSettings()), total_timeout=20)

    assert (turn.record, clock.slept) == ([("a", "failed", "rate_limited")], [])


async def test_a_trial_that_the_total_time_ends_is_handed_back(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [DOWN], ["Once", SILENCE], ANSWER)
    chain = chain_of(a, ScriptedLLM("b", ANSWER), clock=clock)
    await turn_with(chain)
    clock.advance(15)

    await turn_with(chain, total_timeout=5)

    assert (await turn_with(chain)).stream.llm is a


# All failed


async def test_when_all_have_failed_every_attempt_is_listed_and_the_last_is_the_cause(clock: FakeClock) -> None:
    limits = [rate_limited(40), rate_limited(20)]
    a, b, c = ScriptedLLM("a", [limits[0]]), ScriptedLLM("b", [limits[1]]), ScriptedLLM("c", [DOWN])
    chain = chain_of(a, b, c, clock=clock)

    turn = await turn_with(chain)

    error = error_of(turn, AllProvidersFailed)
    assert [(one.provider, one.error) for one in error.attempts] == [("a", limits[0]), ("b", limits[1]), ("c", DOWN)]
    assert (error.__cause__, error.retry_after, error.kind) == (DOWN, 20, ErrorKind.RATE_LIMITED)
    assert turn.events[-2:] == [AttemptFailed(c, DOWN, 0.0, None), AllFailed(error)]


async def test_after_the_failure_the_stream_is_at_its_end(clock: FakeClock) -> None:
    stream = chain_of(ScriptedLLM("a", [DOWN]), clock=clock).chat(chat_ctx=HELLO)
    with pytest.raises(AllProvidersFailed):
        await anext(stream)

    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_when_none_is_available_all_are_tried_and_a_success_brings_one_back(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [BAD_KEY], ANSWER), ScriptedLLM("b", [DOWN])
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    seen = all_events_of(chain)

    turn = await turn_with(chain)

    assert (turn.text, turn.record) == ("Hello", [("b", "failed", "server_error"), ("a", "ok", None)])
    assert seen[-1] == AvailabilityChangedEvent(a, True, State.CLOSED, "success")
    assert states(chain) == [State.CLOSED, State.OPEN]


async def test_a_chain_that_is_switched_off_says_so(clock: FakeClock) -> None:
    a = ScriptedLLM("a", ANSWER)
    chain = chain_of(a, clock=clock)
    chain.set_enabled(a, enabled=False)

    turn = await turn_with(chain)

    error = error_of(turn, AllProvidersFailed)
    assert (str(error), error.__cause__, turn.record) == (
        "no provider of the chain could be asked (a: not asked)",
        None,
        [("a", "skipped", None)],
    )


async def test_two_that_reject_the_input_end_the_turn(clock: FakeClock) -> None:
    details = ErrorDetails(status=400, blames_input=True)
    rejected = APIStatusError("HTTP 400", kind=ErrorKind.BAD_REQUEST, details=details)
    a, b, c = ScriptedLLM("a", [rejected]), ScriptedLLM("b", [rejected]), ScriptedLLM("c", ANSWER)
    chain = chain_of(a, b, c, clock=clock)

    turn = await turn_with(chain)

    assert error_of(turn, AllProvidersFailed).kind is ErrorKind.BAD_REQUEST
    assert turn.record == [("c", "skipped", None), ("a", "failed", "bad_request"), ("b", "failed", "bad_request")]
    assert states(chain) == [State.CLOSED] * 3


@pytest.mark.parametrize(
    ("policy", "record"),
    [
        (OnRefusal.STOP, [("a", "ok", None)]),
        (OnRefusal.NEXT, [("a", "failed", "content_filter"), ("b", "ok", None)]),
    ],
)
async def test_a_refusal_stands_unless_a_second_opinion_is_wanted(
    policy: OnRefusal, record: list[tuple[str, str, str | None]], clock: FakeClock
) -> None:
    a, b = two([ROLE, finish(FinishReason.CONTENT_FILTER)])
    chain = chain_of(a, b, clock=clock, settings=replace(SETTINGS, on_refusal=policy))

    turn = await turn_with(chain)

    assert (turn.record, states(chain)) == (record, [State.CLOSED, State.CLOSED])


# After the first content


async def test_by_default_a_broken_answer_is_kept_and_the_error_raised(clock: FakeClock) -> None:
    a, b = two(PARTIAL)
    chain = chain_of(a, b, clock=clock)
    seen = all_events_of(chain)

    turn = await turn_with(chain)

    assert (turn.text, turn.error, turn.record) == ("Once upon", RESET, [("a", "partial", "stream_error")])
    assert seen[2:] == [AttemptFailed(a, RESET, 0.0, None, after_content=True)]
    assert (states(chain), len(b.calls)) == ([State.OPEN, State.CLOSED], 0)


async def test_a_restart_never_concatenates(clock: FakeClock) -> None:
    a, b = two(PARTIAL)
    chain = chain_of(a, b, clock=clock, settings=restarting())

    turn = await turn_with(chain)

    assert turn.chunks == [
        ROLE,
        text("Once"),
        text(" upon"),
        ChatChunk(restarted=True),
        ROLE,
        text("Hel"),
        text("lo"),
        STOP,
    ]
    assert turn.record == [("a", "partial", "stream_error"), ("b", "ok", None)]
    assert turn.events == [
        AttemptStarted(a, 1),
        AttemptFailed(a, RESET, 0.0, b, after_content=True),
        FailedOver(a, b, RESET),
        AttemptStarted(b, 2),
        StreamRestarted(a, b, 9),
    ]


async def test_a_restart_is_announced_only_once_another_one_has_content(clock: FakeClock) -> None:
    a, b, c = ScriptedLLM("a", PARTIAL), ScriptedLLM("b", [DOWN]), ScriptedLLM("c", ANSWER)

    turn = await turn_with(chain_of(a, b, c, clock=clock, settings=restarting()))

    assert ([chunk.restarted for chunk in turn.chunks].count(True), turn.text) == (1, "Hello")
    assert turn.events[-1] == StreamRestarted(a, c, 9)


async def test_a_restart_that_finds_nobody_keeps_the_partial(clock: FakeClock) -> None:
    a, b = two(PARTIAL, [DOWN])

    turn = await turn_with(chain_of(a, b, clock=clock, settings=restarting()))

    assert (turn.text, error_of(turn, AllProvidersFailed).__cause__) == ("Once upon", DOWN)
    assert turn.record == [("a", "partial", "stream_error"), ("b", "failed", "server_error")]


async def test_the_last_provider_has_nobody_to_restart_with(clock: FakeClock) -> None:
    turn = await turn_with(chain_of(ScriptedLLM("a", PARTIAL), clock=clock, settings=restarting()))

    assert (turn.text, turn.error) == ("Once upon", RESET)


async def test_a_restart_has_the_deadline_to_itself(clock: FakeClock) -> None:
    a, b = two(["Once", Pause(25), "x", Pause(25), "x", Pause(25), RESET], [Pause(9), *ANSWER])

    turn = await turn_with(chain_of(a, b, clock=clock, settings=restarting()))

    assert (turn.text, turn.elapsed) == ("Hello", 84)


# Cancelling and closing


async def cancelled_after(stream: FallbackLLMStream, seconds: float) -> None:
    async def read() -> None:
        async for _ in stream:
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("script", "record"),
    [
        ([SILENCE], [("a", "cancelled", None)]),
        ([ROLE, thought("hm"), SILENCE], [("a", "cancelled", None)]),
        ([*ANSWER[:2], SILENCE], [("a", "cancelled", None)]),
        ([rate_limited(30)], [("a", "failed", "rate_limited")]),
    ],
    ids=["connecting", "thinking", "answering", "pausing"],
)
async def test_a_cancel_is_immediate_and_blames_nobody(
    script: list[Step], record: list[tuple[str, str, str | None]], clock: FakeClock
) -> None:
    a = ScriptedLLM("a", script)
    chain = chain_of(a, clock=clock, settings=AttemptSettings())
    stream = chain.chat(chat_ctx=HELLO, max_wait=30)
    before = chain.health(a)

    await cancelled_after(stream, 5)

    assert (chain.health(a), a.open_streams, len(a.calls)) == (before, 0, 1)
    assert [(one.provider, one.outcome, one.error and one.error.kind) for one in stream.attempts] == record
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("script", [[SILENCE], [ROLE, "Hel", SILENCE], [Pause(3), rate_limited(2)]])
async def test_a_cancelled_trial_is_handed_back_for_the_next_turn(script: list[Step], clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED], script, ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock, settings=replace(SETTINGS, max_retry_per_llm=1))
    await turn_with(chain)
    clock.advance(15)

    await cancelled_after(chain.chat(chat_ctx=HELLO, max_wait=30), 4)
    turn = await turn_with(chain)

    assert (turn.stream.llm, turn.text, len(a.calls)) == (a, "Hello", 3)


async def test_a_cancel_emits_nothing_more(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [SILENCE])
    chain = chain_of(a, clock=clock)
    seen = all_events_of(chain)

    await cancelled_after(chain.chat(chat_ctx=HELLO), 5)

    assert seen == [AttemptStarted(a, 1)]


@pytest.mark.parametrize("pulls", range(6))
async def test_a_stream_can_be_closed_at_any_point_and_more_than_once(pulls: int, clock: FakeClock) -> None:
    a = ScriptedLLM("a", ANSWER)
    chain = chain_of(a, clock=clock)
    stream = chain.chat(chat_ctx=HELLO)
    for _ in range(pulls):
        await anext(stream, None)

    await stream.aclose()
    await stream.aclose()

    outcome = {0: [], 5: ["ok"]}.get(pulls, ["cancelled"])
    assert [one.outcome for one in stream.attempts] == outcome
    assert (a.open_streams, states(chain), await anext(stream, None)) == (0, [State.CLOSED], None)


@pytest.mark.parametrize(
    ("script", "record"),
    [
        ([SILENCE], ["cancelled"]),
        ([ROLE, "Hel", SILENCE], ["cancelled"]),
        ([rate_limited(30)], ["failed"]),
    ],
    ids=["connecting", "answering", "pausing"],
)
async def test_closing_under_a_reader_ends_its_stream_and_blames_nobody(
    script: list[Step], record: list[str], clock: FakeClock
) -> None:
    a = ScriptedLLM("a", script)
    chain = chain_of(a, clock=clock, settings=AttemptSettings())
    stream = chain.chat(chat_ctx=HELLO, max_wait=30)

    async def read() -> tuple[int, int]:
        chunks = [chunk async for chunk in stream]
        task = asyncio.current_task()
        assert task is not None
        return len(chunks), task.cancelling()

    reader = asyncio.create_task(read())
    await asyncio.sleep(5)
    await asyncio.gather(stream.aclose(), stream.aclose())

    assert await reader == (2 if len(script) == 3 else 0, 0)
    assert ([one.outcome for one in stream.attempts], a.open_streams) == (record, 0)
    assert (states(chain), asyncio.get_running_loop().time()) == ([State.CLOSED], 5)
    await stream.aclose()
    assert await anext(stream, None) is None


async def test_whoever_reads_or_closes_while_another_task_closes_waits_for_its_end(clock: FakeClock) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.5)

    a = ScriptedLLM("a", ["Once", " upon", STOP], on_close=slowly)
    chain = chain_of(a, clock=clock)
    stream = chain.chat(chat_ctx=HELLO)
    await anext(stream)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(chain.aclose())
        await asyncio.sleep(0.1)
        tasks.create_task(stream.aclose())
        late = tasks.create_task(anext(stream, None))

    assert (late.result(), a.streams[0].closes, asyncio.get_running_loop().time()) == (None, 1, 0.5)


async def test_a_request_whose_closing_took_the_rest_of_the_deadline_is_not_retried(clock: FakeClock) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.9)

    a = ScriptedLLM("a", [DOWN], on_close=slowly)

    turn = await turn_with(chain_of(a, clock=clock, settings=AttemptSettings(retry_interval=0)), deadline=0.5)

    assert error_of(turn, AllProvidersFailed).deadline_exceeded
    assert len(a.calls) == 1


async def test_a_provider_that_swallows_the_interruption_is_closed_all_the_same(clock: FakeClock) -> None:
    a = ScriptedLLM("a", ["Once", Deaf(), "late", SILENCE])
    stream = chain_of(a, clock=clock).chat(chat_ctx=HELLO)
    await anext(stream)
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)

    await stream.aclose()

    assert (await reader, reader.cancelling()) == (text("late"), 0)
    assert ([one.outcome for one in stream.attempts], a.open_streams) == (["cancelled"], 0)
    assert await anext(stream, None) is None


async def test_a_provider_that_swallows_the_time_out_fails_over_all_the_same(clock: FakeClock) -> None:
    a, b = two([Deaf(), "late", STOP])

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert (turn.text, turn.record, turn.elapsed) == ("Hello", [("a", "failed", "timeout"), ("b", "ok", None)], 10)


async def test_a_cancel_from_outside_while_another_task_closes_is_not_lost(clock: FakeClock) -> None:
    stream = chain_of(ScriptedLLM("a", [SILENCE]), clock=clock).chat(chat_ctx=HELLO)
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    closing = asyncio.create_task(stream.aclose())
    await asyncio.sleep(0)
    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader
    await closing


async def test_an_error_while_closing_costs_neither_the_answer_nor_the_failover(clock: FakeClock) -> None:
    async def fail() -> None:
        raise OSError("already gone")

    a = ScriptedLLM("a", [DOWN], on_close=fail)
    b = ScriptedLLM("b", ANSWER, on_close=fail)

    turn = await turn_with(chain_of(a, b, clock=clock))

    assert (turn.text, turn.error) == ("Hello", None)


@pytest.mark.parametrize("script", [[DOWN], ["Once", RESET]])
async def test_a_cancel_while_a_failed_attempt_is_closed_leaks_no_permit(script: list[Step], clock: FakeClock) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.5)

    a, b = ScriptedLLM("a", [DOWN], script, ANSWER, on_close=slowly), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    clock.advance(15)

    await cancelled_after(chain.chat(chat_ctx=HELLO), 0.25)

    assert chain.health(a).state is not State.HALF_OPEN
