"""What the library promises about time, requests, blame and recovery, over real sockets."""

from __future__ import annotations

import asyncio
import math

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import OnRefusal
from fallback_chat.core.errors import ErrorKind as Kind
from fallback_chat.providers.simulator import (
    black_hole,
    closed_port,
    first,
    flapping,
    sequence,
)
from fallback_chat.providers.simulator.faults import HOSTILE_WAITS
from tests.failover.chains import FAULTY_TEXT, HEALTHY_TEXT, ask, chain, llm

SLACK = 0.01
HI = ChatContext.from_text("hi")


# Time and the number of requests


@pytest.mark.parametrize(("fault", "requests"), [("503", 3), ("role-error", 3), ("silence", 1), ("401", 1), ("400", 1)])
async def test_retries_stay_within_the_formula_for_time_and_requests(fault: str, requests: int) -> None:
    budget, retries, interval = 0.3, 2, 0.2
    async with chain(fault, "ok", attempt_timeout=budget, max_retry_per_llm=retries, retry_interval=interval) as it:
        turn = await ask(it.adapter)

    assert (turn.text, it.asked) == (HEALTHY_TEXT, [requests, 1])
    assert turn.first_content is not None
    assert turn.first_content <= (retries + 1) * budget + retries * interval + SLACK


@pytest.mark.parametrize("name", HOSTILE_WAITS)
async def test_no_value_of_retry_after_delays_the_failover(name: str) -> None:
    async with chain(f"429-wait-{name}", "ok") as it:
        turns = [await ask(it.adapter) for _ in range(2)]
        until = it.adapter.health(it.adapter.llms[0]).until

    assert [turn.text for turn in turns] == [HEALTHY_TEXT] * 2
    assert (it.asked, it.edges) == ([1, 2], [("p1", False)])
    assert until is None or math.isfinite(until)
    assert all(turn.elapsed < SLACK for turn in turns)


@pytest.mark.parametrize("name", HOSTILE_WAITS)
async def test_no_value_of_retry_after_holds_up_a_lone_provider_past_the_deadline(name: str) -> None:
    async with chain(f"429-wait-{name}", deadline=0.5) as it:
        turn = await ask(it.adapter)

    assert isinstance(turn.error, AllProvidersFailed)
    assert it.asked[0] <= 2
    assert turn.elapsed <= 0.5 + SLACK


@pytest.mark.parametrize("seconds", [1, 3])
async def test_a_provider_rests_as_long_as_its_server_says_and_at_most_a_second_more(seconds: int) -> None:
    async with chain(f"429-wait-{seconds}s", "ok") as it:
        await ask(it.adapter)
        until = it.adapter.health(it.adapter.llms[0]).until

    assert until is not None
    assert seconds <= until - it.clock() <= seconds + 1


async def test_a_refused_connection_fails_over_at_once() -> None:
    async with chain("ok") as it:
        adapter = FallbackAdapter([llm("gone", f"http://127.0.0.1:{closed_port()}", it.http), *it.adapter.llms])
        turn = await ask(adapter)

    assert (turn.text, turn.attempts[0]) == (HEALTHY_TEXT, ("gone", "failed", Kind.CONNECTION))
    assert turn.elapsed < SLACK


async def test_a_host_that_answers_no_packet_costs_the_budget_and_no_more() -> None:
    with black_hole() as port:
        async with chain("ok") as it:
            llms = [llm("hole", f"http://127.0.0.1:{port}", it.http), *it.adapter.llms]
            turn = await ask(FallbackAdapter(llms, attempt_timeout=0.3, max_retry_per_llm=0))

    assert (turn.text, turn.attempts[0][:2]) == (HEALTHY_TEXT, ("hole", "failed"))
    assert 0.25 <= turn.elapsed <= 0.3 + SLACK


async def test_a_name_that_does_not_resolve_fails_over() -> None:
    async with chain("ok") as it:
        llms = [llm("nowhere", "http://simulator.invalid", it.http), *it.adapter.llms]
        turn = await ask(FallbackAdapter(llms, attempt_timeout=0.5, max_retry_per_llm=0))

    assert (turn.text, turn.attempts[0][:2]) == (HEALTHY_TEXT, ("nowhere", "failed"))
    assert turn.elapsed <= 0.5 + SLACK


async def test_the_deadline_bounds_a_chain_of_silent_providers() -> None:
    async with chain("silence", "silence", "silence", attempt_timeout=5.0, deadline=0.6) as it:
        turn = await ask(it.adapter)

    assert isinstance(turn.error, AllProvidersFailed)
    assert turn.elapsed <= 0.6 + SLACK


async def test_the_last_one_left_gets_one_retry_and_the_others_none() -> None:
    async with chain("503", "503", max_retry_per_llm=None, retry_interval=0.05) as it:
        turn = await ask(it.adapter)

    assert isinstance(turn.error, AllProvidersFailed)
    assert it.asked == [1, 2]


async def test_all_down_names_every_attempt_in_order() -> None:
    async with chain("401", "silence", "accept-close") as it:
        turn = await ask(it.adapter)

    assert isinstance(turn.error, AllProvidersFailed)
    assert turn.attempts == [
        ("p1", "failed", Kind.AUTH),
        ("p2", "failed", Kind.TIMEOUT),
        ("p3", "failed", Kind.CONNECTION),
    ]
    assert [attempt.provider for attempt in turn.error.attempts] == ["p1", "p2", "p3"]
    assert turn.error.__cause__ is turn.error.attempts[-1].error
    assert it.edges == [("p1", False), ("p2", False), ("p3", False)]
    assert turn.elapsed <= 0.3 + 2 * SLACK


async def test_a_slow_consumer_never_trips_a_timer() -> None:
    async with chain("slow", "ok", attempt_timeout=0.2, idle_timeout=0.2) as it:
        text = ""
        async with it.adapter.chat(chat_ctx=HI) as stream:
            async for chunk in stream:
                text += (chunk.delta and chunk.delta.content) or ""
                if text in (FAULTY_TEXT[:5], FAULTY_TEXT[:11]):
                    await asyncio.sleep(0.4)

    assert (text, it.asked, it.edges) == (FAULTY_TEXT, [1, 0], [])


# Who is asked, who is blamed


async def test_an_unavailable_provider_is_not_asked_while_another_can_answer() -> None:
    async with chain("503", "ok") as it:
        texts = [(await ask(it.adapter)).text for _ in range(5)]

    assert (texts, it.asked, it.edges) == ([HEALTHY_TEXT] * 5, [1, 5], [("p1", False)])


async def test_five_parallel_failures_are_one_event() -> None:
    async with chain("503", "ok") as it:
        turns = await asyncio.gather(*(ask(it.adapter) for _ in range(5)))

    assert [turn.text for turn in turns] == [HEALTHY_TEXT] * 5
    assert (it.asked[1], it.edges) == (5, [("p1", False)])


async def test_under_flapping_there_are_few_events() -> None:
    async with chain(flapping("503", 0.05), "ok") as it:
        turns = []
        for _ in range(60):
            turns.append(await ask(it.adapter))
            await asyncio.sleep(0.02)

    assert {turn.text for turn in turns} == {HEALTHY_TEXT, FAULTY_TEXT}
    assert not any(turn.error for turn in turns)
    assert it.edges == [("p1", False)]


async def test_a_provider_is_taken_back_by_the_first_turn_after_its_pause() -> None:
    async with chain(sequence("503", "ok"), "ok") as it:
        before = await ask(it.adapter)
        it.clock.advance(3600)
        after = [await ask(it.adapter) for _ in range(2)]

    assert (before.text, [turn.text for turn in after]) == (HEALTHY_TEXT, [FAULTY_TEXT] * 2)
    assert (it.asked, it.edges) == ([3, 1], [("p1", False), ("p1", True)])


async def test_a_provider_that_fails_its_trial_stays_away_without_another_event() -> None:
    async with chain("503", "ok") as it:
        for pause in (0, 3600, 0):
            it.clock.advance(pause)
            assert (await ask(it.adapter)).text == HEALTHY_TEXT

    assert (it.asked, it.edges) == ([2, 3], [("p1", False)])


@pytest.mark.parametrize("fault", ["401", "403", "404", "quota"])
async def test_a_blocked_provider_is_not_asked_again_after_any_pause(fault: str) -> None:
    async with chain(fault, "ok") as it:
        await ask(it.adapter)
        it.clock.advance(120)
        await ask(it.adapter)

    assert (it.asked, it.edges) == ([1, 2], [("p1", False)])


async def test_an_empty_answer_is_forgiven_once() -> None:
    async with chain("empty", "ok") as it:
        edges = []
        for _ in range(3):
            assert (await ask(it.adapter)).text == HEALTHY_TEXT
            edges.append(list(it.edges))

    assert edges == [[], [("p1", False)], [("p1", False)]]
    assert it.asked == [2, 3]


@pytest.mark.parametrize("fault", ["503", "401", "silence", "empty"])
async def test_a_lone_provider_is_never_refused(fault: str) -> None:
    async with chain(fault, attempt_timeout=0.05) as it:
        for turn_number in range(1, 6):
            turn = await ask(it.adapter)
            assert isinstance(turn.error, AllProvidersFailed)
            assert it.asked == [turn_number]


async def test_a_lone_provider_answers_as_soon_as_it_can() -> None:
    async with chain(first(4, "503")) as it:
        texts = [(await ask(it.adapter)).text for _ in range(5)]

    assert texts == ["", "", "", "", HEALTHY_TEXT]


async def test_when_all_are_unavailable_all_are_tried() -> None:
    async with chain(first(1, "503"), first(1, "503")) as it:
        failed = await ask(it.adapter)
        answered = await ask(it.adapter)

    assert isinstance(failed.error, AllProvidersFailed)
    assert answered.text in (FAULTY_TEXT, HEALTHY_TEXT)
    assert it.edges[:2] == [("p1", False), ("p2", False)]
    assert len(it.edges) == 3
    assert it.edges[2][1]


async def test_the_last_resort_asks_a_blocked_provider_last() -> None:
    async with chain(first(1, "401"), first(1, "503")) as it:
        await ask(it.adapter)
        answered = await ask(it.adapter)

    assert (answered.text, it.asked) == (HEALTHY_TEXT, [1, 2])


async def test_input_that_two_providers_reject_is_not_offered_to_a_third() -> None:
    async with chain("bad-input", "bad-input", "ok") as it:
        turn = await ask(it.adapter)

    assert (it.asked, it.edges) == ([1, 1, 0], [])
    assert turn.error is not None
    assert turn.error.kind is Kind.BAD_REQUEST


async def test_rejections_that_do_not_name_the_input_lead_to_the_next_provider() -> None:
    async with chain("400", "422", "bad-input", "400", "ok") as it:
        turn = await ask(it.adapter)

    assert (turn.text, it.asked, it.edges) == (HEALTHY_TEXT, [1, 1, 1, 1, 1], [])


async def test_a_conversation_too_long_for_one_goes_only_to_a_larger_window() -> None:
    async with chain("context", "ok", "ok", windows=(8000, 4000, 16000)) as it:
        turn = await ask(it.adapter)

    assert (turn.text, it.asked, it.edges) == (HEALTHY_TEXT, [1, 0, 1], [])


async def test_a_conversation_too_long_for_all_is_said_to_be_too_long() -> None:
    async with chain("context", "ok", windows=(8000, 4000)) as it:
        turn = await ask(it.adapter)

    assert (it.asked, it.edges) == ([1, 0], [])
    assert turn.error is not None
    assert turn.error.kind is Kind.CONTEXT_EXCEEDED


async def test_a_policys_stop_is_an_answer_and_no_fault_of_the_provider() -> None:
    async with chain("policy", "ok") as it:
        turn = await ask(it.adapter)

    assert (turn.text, it.asked, it.edges) == ("", [1, 0], [])
    assert turn.error is not None
    assert turn.error.kind is Kind.CONTENT_FILTER


@pytest.mark.parametrize("fault", ["filter", "refusal", "policy"])
async def test_a_refusal_goes_on_to_the_next_where_the_user_said_so(fault: str) -> None:
    async with chain(fault, "ok", on_refusal=OnRefusal.NEXT) as it:
        turn = await ask(it.adapter)

    assert (turn.text, it.asked, it.edges) == (HEALTHY_TEXT, [1, 1], [])
