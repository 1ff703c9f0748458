"""What a provider was not given of a request is told by an event, once for each attempt, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.errors import APIError
from fallback_chat.core.events import AttemptFailed, AttemptStarted, FailedOver, Notice
from tests.core.chain import HELLO, chain_of, turn_with
from tests.core.scripted import SILENCE, STOP, ScriptedLLM

if TYPE_CHECKING:
    from tests.core.scripted import FakeClock

WITHOUT_SEED = "did not receive 'seed'"
DOWN = APIError("down")


async def test_what_an_answering_provider_was_not_given_is_told(clock: FakeClock) -> None:
    a = ScriptedLLM("a", ["hello", STOP], notices=(WITHOUT_SEED, "does not accept 'top_p'"))
    turn = await turn_with(chain_of(a, clock=clock))
    assert turn.text == "hello"
    assert turn.events == [AttemptStarted(a, 1), Notice(a, WITHOUT_SEED), Notice(a, "does not accept 'top_p'")]


async def test_it_is_told_of_a_provider_that_fails_too_and_before_the_failure(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN], notices=(WITHOUT_SEED,)), ScriptedLLM("b", ["hello", STOP])
    turn = await turn_with(chain_of(a, b, clock=clock))
    assert [
        event for event in turn.events if isinstance(event, AttemptStarted | Notice | AttemptFailed | FailedOver)
    ] == [
        AttemptStarted(a, 1),
        Notice(a, WITHOUT_SEED),
        AttemptFailed(a, DOWN, 0.0, b),
        FailedOver(a, b, DOWN),
        AttemptStarted(b, 2),
    ]


async def test_it_is_told_of_an_attempt_that_the_user_gives_up(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [SILENCE], notices=(WITHOUT_SEED,))
    told: list[Notice] = []
    chain = chain_of(a, clock=clock)
    chain.on("notice", told.append)
    stream = chain.chat(chat_ctx=HELLO)
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert told == [Notice(a, WITHOUT_SEED)]
