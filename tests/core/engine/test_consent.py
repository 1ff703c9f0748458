"""Consent: which crossings need it, who is asked when, and what a refusal leads to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.engine.settings import ChainSettings, Switching
from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State, Switch
from tests.core.chain import HELLO, SETTINGS, chain_of, error_of, states, turn_with
from tests.core.scripted import ROLE, SILENCE, STOP, Pause, ScriptedLLM, Step

if TYPE_CHECKING:
    from fallback_chat.core.engine.adapter import FallbackAdapter
    from tests.core.scripted import FakeClock

ANSWER: list[Step] = [ROLE, "Hello", STOP]
DOWN = APIStatusError("down", details=ErrorDetails(status=503))
BUSY = APIStatusError("busy", details=ErrorDetails(status=429, retry_after=10))


class User:
    """Answers every question alike, and remembers what was asked."""

    def __init__(self, *, agrees: bool) -> None:
        self.agrees = agrees
        self.asked: list[Switch] = []

    async def decide(self, switch: Switch) -> bool:
        self.asked.append(switch)
        await asyncio.sleep(7)
        return self.agrees


class Border:
    """a fails; b wants what `switch` says; c is a matter of course."""

    def __init__(self, clock: FakeClock, switch: Switching, hedge_after: str = "off") -> None:
        self.a, self.b, self.c = ScriptedLLM("a", [DOWN]), ScriptedLLM("b", ANSWER), ScriptedLLM("c", ANSWER)
        settings = [SETTINGS, replace(SETTINGS, switch=switch), SETTINGS]
        self.chain: FallbackAdapter = chain_of(
            self.a, self.b, self.c, clock=clock, settings=settings, chain=ChainSettings(hedge_after=hedge_after)
        )


@pytest.mark.parametrize("switch", [Switching.AUTO, Switching.NOTIFY])
async def test_a_matter_of_course_is_not_asked_about(switch: Switching, clock: FakeClock) -> None:
    it, user = Border(clock, switch), User(agrees=False)

    turn = await turn_with(it.chain, decide=user.decide)

    assert (turn.record, user.asked) == ([("a", "failed", "overloaded"), ("b", "ok", None)], [])


async def test_the_user_is_asked_before_anything_is_sent_and_no_clock_runs(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK), User(agrees=True)

    turn = await turn_with(it.chain, decide=user.decide)

    assert user.asked == [Switch(it.a, it.b, DOWN)]
    assert turn.record == [("a", "failed", "overloaded"), ("b", "ok", None)]


async def test_one_who_refuses_gets_the_answer_of_the_next_and_the_record_says_why(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK), User(agrees=False)

    turn = await turn_with(it.chain, decide=user.decide)

    assert turn.text == "Hello"
    assert sorted(turn.record) == [("a", "failed", "overloaded"), ("b", "skipped", "permission"), ("c", "ok", None)]
    assert (it.b.calls, it.chain.health(it.b).state) == ([], State.CLOSED)


@pytest.mark.parametrize("switch", [Switching.ASK, Switching.NEVER])
async def test_where_nobody_can_be_asked_that_means_no(switch: Switching, clock: FakeClock) -> None:
    it = Border(clock, switch)

    turn = await turn_with(it.chain)

    assert (turn.text, it.b.calls, len(it.c.calls)) == ("Hello", [], 1)


async def test_never_is_never_asked_about(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.NEVER), User(agrees=True)

    await turn_with(it.chain, decide=user.decide)

    assert (user.asked, it.b.calls) == ([], [])


@pytest.mark.parametrize("switch", [Switching.ASK, Switching.NEVER])
async def test_whoever_the_turn_begins_with_needs_no_consent(switch: Switching, clock: FakeClock) -> None:
    it = Border(clock, switch)

    turns = [await turn_with(it.chain, **begin) for begin in ({"start_with": it.b}, {"only": it.b})]

    assert [turn.record for turn in turns] == [[("b", "ok", None)]] * 2


async def test_a_provider_that_rests_is_not_crossed_over_silently_either(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK), User(agrees=False)
    await turn_with(it.chain, without=[it.b])

    await turn_with(it.chain, decide=user.decide)

    assert [(one.from_llm, one.to_llm) for one in user.asked] == [(it.a, it.b)]
    assert it.b.calls == []


async def test_nobody_is_asked_beside_a_late_one_where_that_needs_consent(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK, hedge_after="timeout"), User(agrees=True)
    it.a._scripts.clear()
    it.a._scripts.append([SILENCE])

    turn = await turn_with(it.chain, decide=user.decide)

    assert turn.record == [("a", "failed", "timeout"), ("b", "ok", None)]
    assert turn.elapsed == 10 + 10 + 7  # its time, its grace because nobody is asked beside it, and the user's


async def test_nobody_is_asked_beside_a_late_one_in_place_of_one_that_rests(clock: FakeClock) -> None:
    a, b, c = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [DOWN]), ScriptedLLM("c", ANSWER)
    settings = [SETTINGS, SETTINGS, replace(SETTINGS, switch=Switching.ASK)]
    chain = chain_of(a, b, c, clock=clock, settings=settings, chain=ChainSettings(hedge_after="timeout"))
    user = User(agrees=False)
    chain.note_check(b, DOWN)

    await turn_with(chain, decide=user.decide)

    assert (user.asked[0].to_llm, c.calls) == (c, [])


async def test_one_that_the_turn_cannot_switch_to_takes_no_share_from_the_others(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE], ANSWER), ScriptedLLM("b", ANSWER)
    settings = [replace(SETTINGS, max_retry_per_llm=None), replace(SETTINGS, switch=Switching.NEVER)]
    chain = chain_of(a, b, clock=clock, settings=settings)

    turns = [await turn_with(chain, deadline=8), await turn_with(chain)]

    assert [turn.elapsed for turn in turns] == [8, 0]
    assert [turn.record for turn in turns] == [[("a", "failed", "timeout")], [("a", "ok", None)]]
    assert states(chain) == [State.CLOSED, State.CLOSED]  # a had no alternative: it does not rest


async def test_the_deadline_stands_still_while_the_user_decides(clock: FakeClock) -> None:
    a, b, user = ScriptedLLM("a", [Pause(5), DOWN]), ScriptedLLM("b", [SILENCE]), User(agrees=True)
    chain = chain_of(a, b, clock=clock, settings=[SETTINGS, replace(SETTINGS, switch=Switching.ASK)])

    turn = await turn_with(chain, decide=user.decide, deadline=12)

    assert turn.elapsed == 12 + 7


async def test_a_turn_cancelled_while_the_user_decides_keeps_no_lease(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK), User(agrees=True)
    it.chain.note_check(it.b, BUSY)
    clock.advance(11)  # b is due: one request at a time may ask it
    asking = asyncio.ensure_future(turn_with(it.chain, decide=user.decide))
    await asyncio.sleep(3)

    asking.cancel()
    await asyncio.wait([asking])

    assert (len(user.asked), it.chain.health(it.b).state) == (1, State.OPEN)


async def test_one_who_has_agreed_is_not_asked_again_in_the_next_round(clock: FakeClock) -> None:
    a, b, user = ScriptedLLM("a", [DOWN]), ScriptedLLM("b", [BUSY], ANSWER), User(agrees=True)
    chain = chain_of(a, b, clock=clock, settings=[SETTINGS, replace(SETTINGS, switch=Switching.ASK)])

    turn = await turn_with(chain, decide=user.decide, max_wait=30)

    assert (turn.text, len(b.calls), user.asked) == ("Hello", 2, [Switch(a, b, DOWN)])


async def test_a_refusal_takes_nothing_from_the_turn_that_agrees(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN]), ScriptedLLM("b", [BUSY], ANSWER)
    settings = [SETTINGS, replace(SETTINGS, switch=Switching.ASK)]
    chain, refuses, agrees = chain_of(a, b, clock=clock, settings=settings), User(agrees=False), User(agrees=True)
    await turn_with(chain, decide=User(agrees=True).decide)
    clock.advance(30)  # b is due: one request at a time may ask it

    await turn_with(chain, decide=refuses.decide)
    is_free = chain.health(b).is_due(clock())
    turn = await turn_with(chain, decide=agrees.decide)

    assert is_free
    assert (len(refuses.asked), len(agrees.asked)) == (1, 1)
    assert turn.record == [("a", "skipped", "overloaded"), ("b", "ok", None)]


async def test_when_nobody_is_left_the_error_is_that_of_those_who_were_asked(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock, settings=[SETTINGS, replace(SETTINGS, switch=Switching.ASK)])

    error = error_of(await turn_with(chain), AllProvidersFailed)

    assert error.kind is ErrorKind.OVERLOADED
    assert [one.error.kind for one in error.attempts if one.error] == [ErrorKind.PERMISSION, ErrorKind.OVERLOADED]


async def test_a_cancel_while_the_user_thinks_ends_the_turn_and_blames_nobody(clock: FakeClock) -> None:
    it, user = Border(clock, Switching.ASK), User(agrees=True)
    stream = it.chain.chat(chat_ctx=HELLO, decide=user.decide)
    reading = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(3)

    await stream.aclose()

    assert (await reading, it.b.calls, it.chain.health(it.b).state) == (None, [], State.CLOSED)
