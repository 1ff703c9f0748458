"""The chain as one LLM."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.attempts import Outcome
from fallback_chat.core.chat_context import ChatContext, Tool
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnStreamFailure
from fallback_chat.core.errors import APIConnectionError, APIStatusError, ErrorDetails
from fallback_chat.core.events import AttemptStarted, AvailabilityChangedEvent, State
from fallback_chat.core.llm import ChatChunk, ChatOptions, ChoiceDelta, CompletionUsage, FinishReason, ProbeReport
from tests.core.chain import HELLO, SETTINGS, all_events_of, chain_of, states, turn_with
from tests.core.scripted import SILENCE, STOP, FakeClock, Pause, ScriptedLLM, Step, call, finish, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fallback_chat.core.llm import LLM

DOWN = APIStatusError("HTTP 500", details=ErrorDetails(status=500))
ANSWER: list[Step] = ["Hello", STOP]


def three(*first: Step) -> tuple[ScriptedLLM, ScriptedLLM, ScriptedLLM]:
    return ScriptedLLM("a", list(first) or ANSWER), ScriptedLLM("b", ANSWER), ScriptedLLM("c", ANSWER)


# What is asked


async def test_every_provider_gets_the_conversation_and_the_wishes_as_they_were_given(clock: FakeClock) -> None:
    a, b, _ = three(DOWN)
    wishes: dict[str, Any] = {
        "tools": (Tool("look_up", "Looks it up.", {"type": "object"}),),
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "options": ChatOptions(max_tokens=5),
        "vendor_thing": 0,
    }

    await turn_with(chain_of(a, b, clock=clock), **wishes)

    assert [(one.chat_ctx, one.arguments) for one in (*a.calls, *b.calls)] == [(HELLO, wishes)] * 2


async def test_what_nobody_wished_for_is_left_to_the_provider(clock: FakeClock) -> None:
    a, *_ = three()

    await turn_with(chain_of(a, clock=clock))

    assert a.calls[0].arguments == {}


@pytest.mark.parametrize(("wish", "order"), [("start_with", ["c", "a", "b"]), ("only", ["c"])])
async def test_a_turn_may_begin_elsewhere_or_stay_with_one(wish: str, order: list[str], clock: FakeClock) -> None:
    llms = [ScriptedLLM(name, [DOWN]) for name in "abc"]

    turn = await turn_with(chain_of(*llms, clock=clock), **{wish: llms[2]})

    assert [one[0] for one in turn.record] == order


async def test_a_turn_may_leave_some_out(clock: FakeClock) -> None:
    llms = a, _, c = [ScriptedLLM(name, [DOWN]) for name in "abc"]
    chain = chain_of(*llms, clock=clock)

    some = await turn_with(chain, without=[a])
    rest = await turn_with(chain, without=[a], start_with=c)
    none = await turn_with(chain, without=llms)

    assert [[one[0] for one in turn.record] for turn in (some, rest, none)] == [["b", "c"], ["c", "b"], []]
    assert str(none.error) == "no provider of the chain could be asked"


@pytest.mark.parametrize("wish", ["start_with", "only"])
async def test_a_stranger_cannot_be_asked(wish: str, clock: FakeClock) -> None:
    a, b, stranger = three()

    with pytest.raises(KeyError, match="'c' is not in this chain"):
        chain_of(a, b, clock=clock).chat(chat_ctx=HELLO, **{wish: stranger})  # type: ignore[arg-type]


async def test_the_only_one_asked_opens_after_three_failures(clock: FakeClock) -> None:
    a, b, _ = three(DOWN)
    chain, seen = chain_of(a, b, clock=clock), []

    for _ in range(3):
        await turn_with(chain, only=a)
        seen.append(chain.health(a).state)

    assert seen == [State.CLOSED, State.CLOSED, State.OPEN]


def test_a_chain_without_links_is_none() -> None:
    with pytest.raises(ValueError, match="at least one LLM"):
        FallbackAdapter([])


def test_every_link_has_settings_or_none_has() -> None:
    with pytest.raises(ValueError, match="attempt_settings must be as many as there are LLMs, 3, not 1"):
        FallbackAdapter(three(), attempt_settings=[AttemptSettings()])


def test_it_is_an_llm_itself() -> None:
    a, b, c = three()
    chain = FallbackAdapter([a, FallbackAdapter([b, c])])

    assert (chain.label, chain.kind, chain.model) == ("a → b → c", "fallback", "a-1")
    assert chain.llms[0] is a


async def test_a_chain_can_be_a_link_of_a_chain(clock: FakeClock) -> None:
    a, b, c = three(DOWN)
    inner = chain_of(b, c, clock=clock)

    turn = await turn_with(FallbackAdapter([a, inner], attempt_settings=SETTINGS, clock=clock, sleep=clock.sleep))

    assert (turn.text, turn.stream.llm) == ("Hello", inner)


async def test_the_names_of_livekits_adapter_set_the_chain(clock: FakeClock) -> None:
    broken: list[Step] = ["Once", DOWN]
    a, b = ScriptedLLM("a", [SILENCE], [DOWN], [DOWN], broken), ScriptedLLM("b", ANSWER)
    chain = FallbackAdapter(
        [a, b],
        attempt_timeout=3,
        max_retry_per_llm=2,
        retry_interval=0.25,
        retry_on_chunk_sent=True,
        clock=clock,
        sleep=clock.sleep,
        random=lambda: 1.0,
    )

    slow = await turn_with(chain)
    clock.advance(1000)
    broken_off = await turn_with(chain)

    assert (slow.elapsed, slow.text) == (3, "Hello")
    assert (clock.slept, broken_off.text) == ([0.25, 0.25], "Hello")
    assert [one[:2] for one in broken_off.record] == [("a", "failed"), ("a", "failed"), ("a", "partial"), ("b", "ok")]


async def test_every_provider_has_its_own_settings(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [SILENCE]), ScriptedLLM("b", [Pause(7), "Once", DOWN])
    each = [AttemptSettings(attempt_timeout=1), AttemptSettings(on_stream_failure=OnStreamFailure.RESTART)]

    turn = await turn_with(chain_of(a, b, ScriptedLLM("c", ANSWER), clock=clock, settings=[*each, SETTINGS]))

    assert (turn.elapsed, turn.text) == (8, "Hello")


# Health over several turns


async def test_a_primary_that_is_down_costs_one_time_out_and_no_more(clock: FakeClock) -> None:
    a, b, _ = three(SILENCE)
    chain = chain_of(a, b, clock=clock)

    elapsed = [(await turn_with(chain)).elapsed for _ in range(5)]

    assert (elapsed, len(a.calls)) == ([10, 0, 0, 0, 0], 1)


async def test_the_first_turn_after_the_rest_tries_the_primary_and_a_success_brings_it_back(
    clock: FakeClock,
) -> None:
    a, b = ScriptedLLM("a", [DOWN], ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    seen: list[AvailabilityChangedEvent] = []
    chain.on("llm_availability_changed", seen.append)
    await turn_with(chain)
    clock.advance(15)

    turn = await turn_with(chain)

    assert turn.stream.llm is a
    assert [(one.llm, one.available, one.state, one.reason) for one in seen] == [
        (a, False, State.OPEN, "server_error"),
        (a, True, State.CLOSED, "success"),
    ]


async def test_one_on_trial_has_three_times_what_it_usually_takes(clock: FakeClock) -> None:
    usual: list[Step] = [Pause(2), *ANSWER]
    a = ScriptedLLM("a", usual, usual, [Pause(1), *ANSWER], [DOWN], [SILENCE])
    chain = chain_of(a, ScriptedLLM("b", ANSWER), clock=clock)
    for _ in range(4):
        await turn_with(chain)
    clock.advance(15)

    turn = await turn_with(chain)

    assert (turn.elapsed, turn.record) == (6, [("a", "failed", "timeout"), ("b", "ok", None)])
    assert [(one.budget, one.budget_reason) for one in turn.stream.attempts] == [(6, "trial"), (10, "asked")]


async def test_a_trial_that_runs_out_of_less_than_the_full_time_repeats_the_rest(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [Pause(2), *ANSWER], [DOWN], [SILENCE], [SILENCE])
    b = ScriptedLLM("b", ANSWER, ANSWER, ANSWER)
    chain = chain_of(a, b, clock=clock)
    rests = []
    for pause, insist in ((0, False), (0, False), (15, False), (15, True)):
        clock.advance(pause)
        await turn_with(chain, start_with=a, insist=insist)
        health = chain.health(a)
        rests.append((health.opens, None if health.until is None else round(health.until - health.since)))

    assert rests == [(0, None), (1, 15), (1, 15), (2, 30)]  # the last trial was the user's own, with the full time


async def test_one_on_trial_that_is_usually_quick_has_half_of_the_time(clock: FakeClock) -> None:
    a = ScriptedLLM("a", ANSWER, [DOWN], [SILENCE])
    chain = chain_of(a, ScriptedLLM("b", ANSWER), clock=clock)
    for _ in range(2):
        await turn_with(chain)
    clock.advance(15)

    assert (await turn_with(chain)).elapsed == 5


async def test_one_that_the_user_insists_on_has_the_full_time(clock: FakeClock) -> None:
    a = ScriptedLLM("a", ANSWER, [DOWN], [SILENCE])
    chain = chain_of(a, ScriptedLLM("b", ANSWER), clock=clock)
    for _ in range(2):
        await turn_with(chain)
    clock.advance(15)

    assert (await turn_with(chain, start_with=a, insist=True)).elapsed == 10


async def test_what_the_user_switches_is_told_and_obeyed(clock: FakeClock) -> None:
    a, b, _ = three()
    chain = chain_of(a, b, clock=clock)
    seen = all_events_of(chain)

    chain.set_enabled(a, enabled=False)
    turn = await turn_with(chain)
    chain.set_enabled(a, enabled=True)

    assert turn.record == [("a", "skipped", None), ("b", "ok", None)]
    assert seen == [
        AvailabilityChangedEvent(a, False, State.DISABLED, "user"),
        AttemptStarted(b, 1),
        AvailabilityChangedEvent(a, True, State.CLOSED, "user"),
    ]


# Many at once


async def test_parallel_failures_are_one_event_and_every_chat_gets_its_answer(clock: FakeClock) -> None:
    a, b, _ = three(Pause(1), DOWN)
    chain = chain_of(a, b, clock=clock)
    seen: list[AvailabilityChangedEvent] = []
    chain.on("llm_availability_changed", seen.append)

    turns = await asyncio.gather(*(turn_with(chain) for _ in range(5)))

    assert [(turn.text, turn.record) for turn in turns] == [
        ("Hello", [("a", "failed", "server_error"), ("b", "ok", None)])
    ] * 5
    assert [(one.llm, one.available) for one in seen] == [(a, False)]


async def test_parallel_turns_after_the_rest_send_one_trial(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [DOWN], [Pause(1), *ANSWER]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    clock.advance(15)

    turns = await asyncio.gather(*(turn_with(chain) for _ in range(5)))

    assert [turn.stream.llm for turn in turns] == [a, b, b, b, b]
    assert states(chain) == [State.CLOSED, State.CLOSED]


async def test_chats_that_share_a_chain_do_not_mix(clock: FakeClock) -> None:
    scripts: list[list[Step]] = [[f"{number}:", Pause(number % 3), str(number), STOP] for number in range(50)]
    chain = chain_of(ScriptedLLM("a", *scripts, ANSWER), clock=clock)

    turns = await asyncio.gather(*(turn_with(chain) for _ in range(50)))

    assert [turn.text for turn in turns] == [f"{number}:{number}" for number in range(50)]
    assert all(len(turn.events) == 1 for turn in turns)


async def test_the_failure_of_one_chat_is_not_the_failure_of_another(clock: FakeClock) -> None:
    chain = chain_of(ScriptedLLM("a", ["Once", Pause(2), DOWN], ["Hel", Pause(4), "lo", STOP]), clock=clock)

    broken, whole = await asyncio.gather(turn_with(chain), turn_with(chain))

    assert (broken.error, broken.text, whole.error, whole.text) == (DOWN, "Once", None, "Hello")


# Events


async def test_a_handler_that_fails_breaks_no_chat(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    a, b, _ = three(DOWN)
    chain = chain_of(a, b, clock=clock)
    later: list[object] = []

    def fail(event: object) -> None:
        raise ZeroDivisionError(event)

    chain.on("llm_availability_changed", fail)
    chain.on("llm_availability_changed", later.append)
    async with chain.chat(chat_ctx=HELLO, on_event=fail) as stream:
        text = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta is not None])

    assert (text, len(later)) == ("Hello", 1)
    assert set(caplog.messages) == {
        f"a handler of {name} failed"
        for name in ("attempt_started", "attempt_failed", "failed_over", "llm_availability_changed")
    }


async def test_a_handler_may_be_taken_off(clock: FakeClock) -> None:
    a, *_ = three()
    chain = chain_of(a, clock=clock)
    seen: list[object] = []

    chain.on("attempt_started", seen.append)
    chain.off("attempt_started", seen.append)
    await turn_with(chain)

    assert seen == []


# Closing


async def test_what_was_handed_in_is_not_closed(clock: FakeClock) -> None:
    a, b, _ = three()

    async with chain_of(a, b, clock=clock):
        pass

    assert (a.closes, b.closes) == (0, 0)


async def test_what_is_the_chains_own_is_closed_even_when_one_of_them_fails(clock: FakeClock) -> None:
    class Broken(ScriptedLLM):
        async def aclose(self) -> None:
            raise OSError("already gone")

    a, b, c = three()
    chain = chain_of(a, Broken("x", ANSWER), c, clock=clock, close_llms=True)

    with pytest.raises(OSError, match="already gone"):
        await chain.aclose()

    assert (a.closes, b.closes, c.closes) == (1, 0, 1)


# The contract's own defaults


async def test_any_object_that_implements_llm_can_be_a_link() -> None:
    class Plain(ScriptedLLM):
        label = property(lambda self: super(ScriptedLLM, self).label)
        kind = property(lambda self: super(ScriptedLLM, self).kind)
        model = property(lambda self: super(ScriptedLLM, self).model)

    llm: LLM = Plain("x", [APIConnectionError("refused")], ANSWER)
    async with FallbackAdapter([llm], random=lambda: 0.0) as chain, chain.chat(chat_ctx=ChatContext()) as stream:
        chunks = [chunk async for chunk in stream]

    assert (len(chunks), llm.kind, llm.model, llm.context_window) == (2, "custom", "unknown", None)
    assert llm.label.endswith("Plain")
    assert await llm.probe() == ProbeReport(ok=True, check="none")


async def test_a_provider_of_the_chain_is_closed_once(clock: FakeClock) -> None:
    a, *_ = three()
    chain = chain_of(a, a, clock=clock, close_llms=True)

    await chain.aclose()
    await chain.aclose()

    assert a.closes == 1


def test_an_llm_is_shown_by_its_label(clock: FakeClock) -> None:
    a, b, _ = three()
    assert repr(chain_of(a, b, clock=clock)) == "<FallbackAdapter 'a → b'>"


async def test_closing_a_chain_ends_its_answers_and_begins_no_other(clock: FakeClock) -> None:
    llm = ScriptedLLM("a", ["Hel", SILENCE])
    chain = chain_of(llm, clock=clock)
    stream = chain.chat(chat_ctx=HELLO)
    assert (await anext(stream)).delta == ChoiceDelta("Hel")

    await chain.aclose()
    await chain.aclose()

    assert [chunk async for chunk in stream] == []
    assert (llm.open_streams, [one.outcome for one in stream.attempts]) == (0, [Outcome.CANCELLED])
    with pytest.raises(RuntimeError, match="this chain is closed"):
        chain.chat(chat_ctx=HELLO)


async def test_one_stream_has_one_reader(clock: FakeClock) -> None:
    stream = chain_of(ScriptedLLM("a", [Pause(1), "Hello", STOP]), clock=clock).chat(chat_ctx=HELLO)
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="one stream has one reader"):
        await anext(stream)

    assert (await first).delta == ChoiceDelta("Hello")
    await stream.aclose()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="attempt_timeout must be more than 0 seconds"):
        FallbackAdapter([ScriptedLLM("a")], attempt_timeout=seconds)


async def test_a_stream_that_is_an_async_generator_is_read_like_any_other(clock: FakeClock) -> None:
    class Generating(ScriptedLLM):
        def chat(self, **_: object) -> Any:
            async def chunks() -> AsyncIterator[ChatChunk]:
                yield ChatChunk(ChoiceDelta("Hello"))
                yield STOP

            return chunks()

    turn = await turn_with(chain_of(Generating("a"), clock=clock))

    assert (turn.text, turn.record) == ("Hello", [("a", "ok", None)])


async def test_llms_may_compare_as_they_like(clock: FakeClock) -> None:
    class Equal(ScriptedLLM):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    a, b = Equal("a", [APIConnectionError("refused")]), Equal("b", ANSWER)
    chain = chain_of(a, b, clock=clock)

    turns = [await turn_with(chain), await turn_with(chain), await turn_with(chain, without=[a])]

    assert [turn.text for turn in turns] == ["Hello"] * 3
    assert (len(a.calls), len(b.calls)) == (1, 3)


async def test_a_trial_that_takes_long_closes_the_breaker(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [APIConnectionError("refused")], ["Hel", Pause(25), "lo", STOP])
    b = ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    clock.advance(20)

    trial = asyncio.ensure_future(turn_with(chain))
    await asyncio.sleep(22)
    beside = await turn_with(chain)

    assert ((await trial).text, beside.record[-1][:2]) == ("Hello", ("b", "ok"))
    assert states(chain)[0] is State.CLOSED


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_retry_per_llm": -1},
        {"retry_interval": -5.0},
        {"retry_interval": float("nan")},
        {"attempt_settings": AttemptSettings(), "attempt_timeout": 1.0},
        {"attempt_settings": AttemptSettings(), "retry_on_chunk_sent": True},
        {"settings": ChainSettings(), "sticky": True},
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"less than 0|0 or more|not both"):
        FallbackAdapter([ScriptedLLM("a")], **arguments)


# What somebody's own LLM does instead


class Misused(ScriptedLLM):
    def __init__(self, stream: Any) -> None:
        super().__init__("a")
        self._stream = stream

    def chat(self, **_: object) -> Any:
        return self._stream() if callable(self._stream) else self._stream


def kind_of(value: object) -> str:
    """Name a parameter of a test without its address, which differs from one process to the next."""
    return value if isinstance(value, str) else type(value).__name__


async def asynchronous() -> None: ...


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (asynchronous, "chat() must be a plain function that returns LLMStream, not coroutine"),
        (None, "what chat() returns must be LLMStream, not NoneType"),
        ("Hello", "what chat() returns must be LLMStream, not str"),
        ([STOP], "what chat() returns must be LLMStream, not list"),
    ],
    ids=kind_of,
)
async def test_an_llm_that_returns_no_stream_is_told_what_it_did_and_the_next_one_answers(
    stream: Any, words: str, clock: FakeClock
) -> None:
    turn = await turn_with(chain_of(Misused(stream), ScriptedLLM("b", ANSWER), clock=clock))

    assert (turn.text, turn.record) == ("Hello", [("a", "failed", "bug"), ("b", "ok", None)])
    assert str(turn.stream.attempts[0].error) == words


@pytest.mark.parametrize("notices", ["all of it", [b"x"], ("a", 1), None, 5], ids=repr)
async def test_notices_that_are_no_texts_are_reported_and_disturb_no_answer(
    notices: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    turn = await turn_with(chain_of(ScriptedLLM("a", ANSWER, notices=notices), clock=clock))

    assert (turn.text, turn.error) == ("Hello", None)
    assert caplog.messages == [f"notices must be a tuple of strings, not {notices!r}"]


async def test_two_of_one_name_are_told_apart(clock: FakeClock) -> None:
    llms = [ScriptedLLM("a", [DOWN]), ScriptedLLM("b", [DOWN]), ScriptedLLM("a", [APIConnectionError("refused")])]

    turn = await turn_with(chain_of(*llms, clock=clock))

    assert [one[0] for one in turn.record] == ["a #1", "b", "a #2"]
    assert "(a #1: server error (HTTP 500: HTTP 500); b: server error (HTTP 500: HTTP 500); a #2: connection" in str(
        turn.error
    )


# Reading all of it, and closing


async def test_an_answer_can_be_collected(clock: FakeClock) -> None:
    a, b, _ = three(DOWN)
    stream = chain_of(a, b, clock=clock).chat(chat_ctx=HELLO)

    answer = await stream.collect()

    assert (answer.text, answer.complete, answer.provider, answer.finish_reason) == ("Hello", True, "b", "stop")
    assert [one.outcome for one in answer.attempts] == [Outcome.FAILED, Outcome.OK]
    assert (b.open_streams, stream.ended) == (0, True)


async def test_half_an_answer_is_not_collected_as_the_whole(clock: FakeClock) -> None:
    chain = chain_of(ScriptedLLM("a", ["Hel", "lo", STOP], ANSWER), clock=clock)
    begun, read = chain.chat(chat_ctx=HELLO), chain.chat(chat_ctx=HELLO)
    await anext(begun)
    await read.collect()

    for stream in (begun, read):
        with pytest.raises(RuntimeError, match="this one has been read or closed"):
            await stream.collect()

    await chain.aclose()


async def test_tool_calls_and_usage_are_collected_with_the_answer(clock: FakeClock) -> None:
    usage = CompletionUsage(input=3, output=4)
    llm = ScriptedLLM("a", [call('{"city": "Rome"}'), finish(FinishReason.TOOL_CALLS), ChatChunk(usage=usage)])

    answer = await chain_of(llm, clock=clock).chat(chat_ctx=HELLO).collect()

    assert (answer.text, answer.usage) == ("", usage)
    assert [(one.name, one.arguments) for one in answer.tool_calls] == [("look_up", '{"city": "Rome"}')]


async def test_what_broke_an_answer_off_is_raised_where_it_is_collected(clock: FakeClock) -> None:
    stream = chain_of(ScriptedLLM("a", ["Hel", DOWN]), clock=clock).chat(chat_ctx=HELLO)

    with pytest.raises(APIStatusError, match="HTTP 500"):
        await stream.collect()

    assert stream.ended


async def test_a_chain_closes_where_the_outermost_block_ends(clock: FakeClock) -> None:
    a, *_ = three()
    chain = chain_of(a, clock=clock, close_llms=True)

    async with chain, chain:
        async with chain:
            pass
        assert (await turn_with(chain)).text == "Hello"
        assert a.closes == 0
    assert a.closes == 1


async def test_an_answer_closes_where_the_outermost_block_ends(clock: FakeClock) -> None:
    chain = chain_of(ScriptedLLM("a", ["Hel", "lo", STOP]), clock=clock)

    async with chain.chat(chat_ctx=HELLO) as stream:
        async with stream:
            first = await anext(stream)
        rest = [chunk async for chunk in stream]

    assert [first, *rest] == [text("Hel"), text("lo"), STOP]


# What cannot be meant


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"llm": []}, "llm is empty: a chain needs at least one LLM"),
        ({"llm": None}, "llm must be a list of LLM, not None"),
        ({"llm": "openai"}, "llm must be a list of LLM, not str"),
        ({"llm": 5}, "llm must be a list of LLM, not int"),
        ({"llm": {"a": ScriptedLLM("a")}}, "llm must be a list of LLM, not dict"),
        ({"llm": ScriptedLLM("a")}, "llm must be a list of LLM, not tests.core.scripted.ScriptedLLM"),
        ({"llm": [ScriptedLLM("a"), "b"]}, r"llm\[1\] must be fallback_chat.core.llm.LLM, not str"),
        ({"llm": [ScriptedLLM]}, r"llm\[0\] must be fallback_chat.core.llm.LLM, not abc.ABCMeta"),
        ({"llm": [None]}, r"llm\[0\] must be fallback_chat.core.llm.LLM, not None"),
        ({"llm": [ScriptedLLM(5)]}, r"llm\[0\].label must be str, not int"),  # type: ignore[arg-type]
        ({"llm": [ScriptedLLM("a", context_window="8k")]}, r"llm\[0\].context_window must be a whole number"),  # type: ignore[arg-type]
        ({"attempt_timeout": "10"}, "attempt_timeout must be a number of seconds"),
        ({"attempt_timeout": None}, "attempt_timeout must be a number of seconds"),
        ({"max_retry_per_llm": 1.5}, "max_retry_per_llm must be a whole number"),
        ({"retry_interval": []}, "retry_interval must be a number of seconds"),
        ({"retry_on_chunk_sent": "no"}, "retry_on_chunk_sent must be bool, not str"),
        ({"sticky": 1}, "sticky must be bool, not int"),
        ({"close_llms": None}, "close_llms must be bool, not None"),
        ({"settings": {"prefer": "sticky"}}, "settings must be ChainSettings, not dict"),
        ({"attempt_settings": {"attempt_timeout": 1}}, "attempt_settings must be a list of AttemptSettings, not dict"),
        ({"attempt_settings": [None]}, r"attempt_settings\[0\] must be .*AttemptSettings, not None"),
        ({"attempt_settings": []}, "attempt_settings must be as many as there are LLMs, 1, not 0"),
        ({"keys": "a"}, "keys must be a list of str, not str"),
        ({"keys": [5]}, r"keys\[0\] must be str, not int"),
        ({"keys": ["a", "b"]}, "keys must be as many as there are LLMs, 1, not 2"),
        ({"llm": [ScriptedLLM("a")] * 2, "keys": ["a", "a"]}, "keys must differ"),
        ({"store": {}}, "store must be HealthStore, not dict"),
        ({"clock": 5.0}, "clock must be a function, not float"),
        ({"random": None}, "random must be a function, not None"),
        ({"sleep": 1}, "sleep must be a function, not int"),
    ],
    ids=range(30),
)
def test_a_chain_is_made_of_what_can_be_meant_or_names_what_cannot(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        FallbackAdapter(**{"llm": [ScriptedLLM("a")]} | arguments)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("chat_ctx", "hi"),
        ("chat_ctx", None),
        ("tools", [print]),
        ("tools", 5),
        ("tool_choice", 5),
        ("tool_choice", {"type": "function"}),
        ("tool_choice", "look_up"),
        ("parallel_tool_calls", "yes"),
        ("options", {"max_tokens": 5}),
        ("start_with", "a"),
        ("insist", 1),
        ("only", "a"),
        ("only", 0),
        ("without", "a"),
        ("without", 5),
        ("without", ["a"]),
        ("total_timeout", "5"),
        ("total_timeout", 0),
        ("max_wait", -1),
        ("max_wait", [5]),
        ("can_discard", None),
        ("on_event", 5),
        ("on_event", asynchronous),
        ("on_event", lambda: None),
    ],
    ids=range(24),
)
async def test_a_chat_is_asked_for_with_what_can_be_meant_or_names_what_cannot(argument: str, value: Any) -> None:
    arguments: dict[str, Any] = {"chat_ctx": HELLO, argument: value}
    llm = ScriptedLLM("a", ANSWER)

    with pytest.raises((TypeError, ValueError), match=rf"^{argument} "):
        FallbackAdapter([llm]).chat(**arguments)
    assert llm.calls == []


@pytest.mark.parametrize("method", ["health", "note_check", "set_enabled"])
@pytest.mark.parametrize("value", ["a", None, 5])
def test_health_is_asked_of_an_llm(method: str, value: Any) -> None:
    arguments = {"note_check": (None,)}.get(method, ())
    named: dict[str, Any] = {"enabled": True} if method == "set_enabled" else {}

    with pytest.raises(TypeError, match="llm must be LLM, not "):
        getattr(FallbackAdapter([ScriptedLLM("a")]), method)(value, *arguments, **named)
