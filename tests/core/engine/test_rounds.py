"""Waiting for the whole chain: when a turn begins another round, what it tells, and when it gives up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnStreamFailure, Switching
from fallback_chat.core.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    ErrorDetails,
    ErrorKind,
)
from fallback_chat.core.events import AttemptFailed, AttemptSkipped, AttemptStarted, Waiting
from tests.core.chain import HELLO, SETTINGS, chain_of, error_of, turn_with
from tests.core.scripted import ROLE, SILENCE, STOP, THINKING, Pause, ScriptedLLM, Step

if TYPE_CHECKING:
    from tests.core.scripted import FakeClock

ANSWER: list[Step] = [ROLE, "Hel", "lo", STOP]
REFUSED = APIConnectionError("connection refused")
RESET = APIStreamError("connection reset")


def busy(kind: ErrorKind = ErrorKind.RATE_LIMITED, retry_after: float | None = None) -> APIStatusError:
    return APIStatusError("busy", kind=kind, details=ErrorDetails(status=429, retry_after=retry_after))


async def test_when_all_are_busy_the_turn_waits_for_the_first_to_be_back_and_asks_anew(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [busy(retry_after=20)], [SILENCE]), ScriptedLLM("b", [busy(retry_after=10)], ANSWER)

    turn = await turn_with(chain_of(a, b, clock=clock), max_wait=30)

    assert (turn.text, clock.slept, turn.elapsed) == ("Hello", [10.5], 10.5)  # up to a second more than was asked for
    assert [(one.provider, one.outcome.value, one.round) for one in turn.stream.attempts] == [
        ("a", "failed", 1),
        ("b", "failed", 1),
        ("a", "skipped", 2),
        ("b", "ok", 2),
    ]


async def test_waiting_is_told_with_the_moment_and_the_provider(clock: FakeClock) -> None:
    error = busy(retry_after=10)
    a, b = ScriptedLLM("a", [REFUSED]), ScriptedLLM("b", [error], ANSWER)
    chain = chain_of(a, b, clock=clock)
    began = clock()

    turn = await turn_with(chain, max_wait=30)

    told = [one for one in turn.events if not isinstance(one, AttemptSkipped)]  # a, which still rests by then
    assert told[-4:] == [
        AttemptStarted(b, 2),
        AttemptFailed(b, error, 0.0, None),
        Waiting(10.5, began + 10.5, b, error),
        AttemptStarted(b, 3),
    ]


@pytest.mark.parametrize("kind", [ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED])
async def test_one_that_does_not_say_how_long_is_asked_again_after_its_rest(kind: ErrorKind, clock: FakeClock) -> None:
    a = ScriptedLLM("a", [busy(kind)], [busy(kind)], ANSWER)

    turn = await turn_with(chain_of(a, clock=clock), max_wait=40)

    assert (turn.text, clock.slept) == ("Hello", [15, 15])


async def test_all_pauses_together_are_not_longer_than_the_user_puts_up_with(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [busy(retry_after=20)])

    turn = await turn_with(chain_of(a, clock=clock, settings=AttemptSettings()), max_wait=50)

    assert (error_of(turn, AllProvidersFailed).retry_after, clock.slept) == (20, [20, 20.5])
    assert [(one.provider, one.round) for one in turn.stream.attempts] == [("a", 1), ("a", 1), ("a", 2)]


async def test_nobody_waits_for_what_does_not_pass_by_itself(clock: FakeClock) -> None:
    turn = await turn_with(
        chain_of(ScriptedLLM("a", [REFUSED]), ScriptedLLM("b", [SILENCE]), clock=clock), max_wait=500
    )

    assert (error_of(turn, AllProvidersFailed).kind, clock.slept) == (ErrorKind.TIMEOUT, [])


@pytest.mark.parametrize(
    ("kinds", "max_wait", "next_round"),
    [
        ([ErrorKind.RATE_LIMITED], 3, 15),
        ([ErrorKind.OVERLOADED, ErrorKind.SERVER_ERROR], 14, 15),
        ([ErrorKind.OVERLOADED], 20, 15),  # it did wait once, and 5 s are left
        ([ErrorKind.SERVER_ERROR], 3, None),
        ([ErrorKind.AUTH], 3, None),
    ],
)
async def test_a_turn_that_would_not_wait_so_long_says_when_the_next_round_would_be(
    kinds: list[ErrorKind], max_wait: float, next_round: float | None, clock: FakeClock
) -> None:
    llms = [ScriptedLLM(kind, [busy(kind)]) for kind in kinds]

    turn = await turn_with(chain_of(*llms, clock=clock), max_wait=max_wait)

    error = error_of(turn, AllProvidersFailed)
    assert (error.next_round, error.retry_after) == (next_round, next_round)


async def test_a_chain_that_asks_for_no_pause_at_all_is_not_asked_without_end(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [busy(retry_after=0)])

    turn = await turn_with(chain_of(a, clock=clock), max_wait=4)

    assert (isinstance(turn.error, AllProvidersFailed), clock.slept, len(a.calls)) == (True, [1.5, 1.5, 1], 4)


async def test_the_deadline_begins_anew_with_each_round(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [Pause(5), busy(retry_after=20)], [Pause(5), *ANSWER])

    turn = await turn_with(chain_of(a, clock=clock, chain=ChainSettings(deadline=6)), max_wait=30)

    assert (turn.text, turn.elapsed) == ("Hello", 5 + 20.5 + 5)


async def test_a_turn_that_the_deadline_ended_does_not_wait(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [Pause(1), busy(retry_after=1)])

    turn = await turn_with(chain_of(a, b, clock=clock, chain=ChainSettings(deadline=2)), max_wait=30)

    assert (error_of(turn, AllProvidersFailed).deadline_exceeded, clock.slept) == (True, [])


async def test_the_settings_of_the_chain_say_how_long_a_turn_may_wait(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [busy(retry_after=10)], ANSWER)

    turn = await turn_with(chain_of(a, clock=clock, chain=ChainSettings(max_wait=10)))

    assert (turn.text, clock.slept) == ("Hello", [10])


async def test_a_cancel_ends_the_wait_at_once(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [busy(retry_after=20)])
    stream = chain_of(a, clock=clock).chat(chat_ctx=HELLO, max_wait=30)
    reader = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(5)

    await stream.aclose()

    assert (await reader, asyncio.get_running_loop().time(), len(a.calls)) == (None, 5, 1)


# The user gives a provider up


async def test_giving_up_goes_on_to_the_next_provider_and_blames_nobody(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    assert stream.give_up()
    turn = await reading

    assert (turn.text, turn.record) == ("Hello", [("a", "cancelled", None), ("b", "ok", None)])
    assert [type(event).__name__ for event in turn.events] == ["AttemptStarted", "ProviderGivenUp", "AttemptStarted"]
    assert (turn.elapsed, a.open_streams, chain.health(a).available) == (3, 0, True)


async def test_text_of_a_provider_that_was_given_up_is_void(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", ["Once", SILENCE]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    stream.give_up()
    turn = await reading

    assert (turn.text, [chunk.restarted for chunk in turn.chunks]) == (
        "Hello",
        [False, True, False, False, False, False],
    )


async def test_text_that_cannot_be_taken_back_is_not_given_up(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", ["Once", Pause(5), " upon", STOP]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain, can_discard=False))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    assert (stream.can_give_up, stream.give_up()) == (False, False)
    assert (await reading).record == [("a", "ok", None)]


async def test_one_given_up_while_its_seam_was_open_ends_the_turn_if_the_text_has_been_shown(clock: FakeClock) -> None:
    """The words that prove the seam arrive with others: they are handed out before the wish is heard."""
    text = "Once upon a time there was a king who had three daughters."
    proof: list[Step] = [THINKING, text, " The eldest", SILENCE]
    a, b, c = ScriptedLLM("a", [text, RESET]), ScriptedLLM("b", proof), ScriptedLLM("c", ANSWER)
    chain = chain_of(a, b, c, clock=clock, settings=replace(SETTINGS, on_stream_failure=OnStreamFailure.CONTINUE))
    stream = chain.chat(chat_ctx=HELLO, can_discard=False)
    chunks = []

    async def read() -> None:
        async for chunk in stream:
            chunks.append(chunk)
            if chunk == THINKING:
                assert stream.give_up()

    with pytest.raises(APIError, match="given up by you"):
        await read()

    assert ("".join(one.delta.content or "" for one in chunks if one.delta), c.calls) == (text, [])
    await stream.aclose()


async def test_nobody_is_given_up_for_one_that_the_turn_cannot_switch_to(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [Pause(5), *ANSWER]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock, settings=[SETTINGS, replace(SETTINGS, switch=Switching.NEVER)])
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    assert not stream.give_up()
    assert (await reading).record == [("a", "ok", None)]


async def test_the_last_provider_left_cannot_be_given_up(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED]), ScriptedLLM("b", [Pause(5), *ANSWER])
    chain = chain_of(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    assert not stream.give_up()
    assert (await reading).text == "Hello"
    assert not stream.give_up()


async def test_giving_up_ends_the_pause_before_a_retry(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [busy(retry_after=2)], ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock, settings=replace(SETTINGS, max_retry_per_llm=1))
    reading = asyncio.ensure_future(turn_with(chain, max_wait=30))
    await asyncio.sleep(1)
    (stream,) = chain._streams

    assert stream.give_up()
    turn = await reading

    assert (turn.record, turn.elapsed) == ([("a", "failed", "rate_limited"), ("b", "ok", None)], 1)


async def test_one_that_was_given_up_is_not_asked_in_a_later_round(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [busy(retry_after=10)], ANSWER)
    chain = chain_of(a, b, clock=clock)
    reading = asyncio.ensure_future(turn_with(chain, max_wait=30))
    await asyncio.sleep(3)
    (stream,) = chain._streams

    stream.give_up()
    turn = await reading

    assert [(one.provider, one.outcome.value, one.round) for one in turn.stream.attempts] == [
        ("a", "cancelled", 1),
        ("b", "failed", 1),
        ("b", "ok", 2),
    ]


# Where a turn begins


@pytest.mark.parametrize(("sticky", "begins_with"), [(False, "a"), (True, "b")])
async def test_a_sticky_chain_stays_with_the_provider_that_answered_last(
    sticky: bool, begins_with: str, clock: FakeClock
) -> None:
    a, b = ScriptedLLM("a", [REFUSED], ANSWER), ScriptedLLM("b", ANSWER)
    from fallback_chat.core.engine.adapter import FallbackAdapter

    chain = FallbackAdapter([a, b], sticky=sticky, max_retry_per_llm=0, clock=clock, sleep=clock.sleep)
    await turn_with(chain)
    clock.advance(60)

    turn = await turn_with(chain)

    assert turn.record == [(begins_with, "ok", None)]
