"""What the library promises about connections, secrets, cancellation and events, over real sockets."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.chat_context import ChatContext, Tool
from fallback_chat.core.llm import FinishReason
from fallback_chat.providers.simulator import (
    Manner,
    Simulator,
    sequence,
)
from tests.failover.chains import FAULTY_TEXT, HEALTHY_TEXT, KEY, Chain, ask, chain

HI = ChatContext.from_text("hi")


async def test_a_connection_that_went_stale_is_replaced_without_a_word() -> None:
    async with chain(sequence("ok", "head-close", "ok"), "ok") as it:
        turns = [await ask(it.adapter) for _ in range(2)]

    assert [turn.attempts for turn in turns] == [[("p1", "ok", None)]] * 2
    assert [request.connection for request in it.sims[0].requests] == [0, 0, 1]
    assert it.edges == []


async def test_a_connection_that_the_server_closed_after_the_answer_is_replaced_without_a_word() -> None:
    async with chain("stale", "ok") as it:
        turns = []
        for _ in range(2):
            turns.append(await ask(it.adapter))
            await it.sims[0].idle()

    assert [turn.attempts for turn in turns] == [[("p1", "ok", None)]] * 2
    assert (it.asked, it.edges) == ([2, 0], [])


async def test_turns_share_a_connection() -> None:
    async with chain("ok") as it:
        for _ in range(3):
            await ask(it.adapter)

    assert [request.connection for request in it.sims[0].requests] == [0, 0, 0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_takes_neither_key_nor_conversation_to_another_origin(status: int) -> None:
    async with Simulator() as elsewhere, chain(f"{status}-away", "ok", manner=Manner(redirect_to=elsewhere.url)) as it:
        turn = await ask(it.adapter)

    assert (turn.text, elsewhere.requests) == (HEALTHY_TEXT, [])


async def test_a_key_that_the_server_sends_back_is_not_in_the_error() -> None:
    async with chain("key-in-message") as it:
        turn = await ask(it.adapter)

    assert isinstance(turn.error, AllProvidersFailed)
    cause = turn.error.attempts[0].error
    assert cause is not None
    assert "Incorrect API key" in cause.message
    assert KEY not in f"{turn.error} {turn.error!r} {cause} {cause!r} {cause.body} {cause.__cause__!r}"


async def test_a_request_with_tools_passes_a_strict_server() -> None:
    tool = Tool("lookup", "Look something up.", {"type": "object", "properties": {"key": {"type": "string"}}})
    async with chain("tool-call", "ok") as it:
        calls = []
        async with it.adapter.chat(chat_ctx=HI, tools=[tool], tool_choice="auto") as stream:
            async for chunk in stream:
                calls += [(call.name, call.arguments) for call in (chunk.delta.tool_calls if chunk.delta else ())]
                finish = chunk.finish_reason
                if finish is not None:
                    assert finish is FinishReason.TOOL_CALLS

    assert (calls, it.rejected, it.asked) == ([("lookup", '{"key": "value"}')], [], [1, 0])


# Cancellation


async def cancelled(it: Chain, delay: float) -> float:
    """Begin a turn, cancel it after `delay`, and give the seconds until the first server saw the connection closed."""
    now = asyncio.get_running_loop().time
    task = asyncio.create_task(ask(it.adapter))
    await asyncio.sleep(delay)
    began = now()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await it.sims[0].idle()
    return now() - began


@pytest.mark.parametrize("fault", ["accept-silent", "head-silent", "silence", "comments", "token-silence", "slow"])
async def test_a_cancel_closes_the_connection_at_once_and_blames_nobody(fault: str) -> None:
    manner = Manner(delay=5.0, tick=0.05)
    async with chain(fault, "ok", attempt_timeout=5.0, idle_timeout=5.0, manner=manner) as it:
        took = await cancelled(it, 0.1)

        assert took < 0.1
        assert (it.asked, it.edges) == ([1, 0], [])
        assert it.adapter.health(it.adapter.llms[0]).available


async def test_a_cancel_ends_the_pause_before_a_retry() -> None:
    async with chain("429-wait-1s", attempt_timeout=5.0, max_retry_per_llm=1) as it:
        task = asyncio.create_task(ask(it.adapter, max_wait=5.0))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert it.asked == [1]


async def test_a_consumer_that_leaves_early_closes_the_connection_and_blames_nobody() -> None:
    async with chain("slow", "ok", manner=Manner(tick=0.5)) as it:
        async with it.adapter.chat(chat_ctx=HI) as stream:
            async for chunk in stream:
                if chunk.delta and chunk.delta.content:
                    break
        async with asyncio.timeout(0.1):
            await it.sims[0].idle()

        assert (it.asked, it.edges) == ([1, 0], [])


async def test_a_trial_that_the_consumer_leaves_proves_nothing_and_is_repeated() -> None:
    async with chain(sequence("503", "slow", "ok"), "ok") as it:
        await ask(it.adapter)
        it.clock.advance(3600)
        async with it.adapter.chat(chat_ctx=HI) as stream:
            async for chunk in stream:
                if chunk.delta and chunk.delta.content:
                    break
        edges = list(it.edges)
        turn = await ask(it.adapter)

    assert edges == [("p1", False)]
    assert (turn.text, it.asked, it.edges) == (FAULTY_TEXT, [3, 1], [("p1", False), ("p1", True)])


# Events


async def test_the_events_of_a_failover_tell_the_story_in_order() -> None:
    names = ("attempt_started", "attempt_failed", "failed_over", "llm_availability_changed", "all_failed")
    story: list[str] = []

    def note(name: str, _event: object) -> None:
        story.append(name)

    async with chain("503", "ok") as it:
        for name in names:
            it.adapter.on(name, partial(note, name))
        await ask(it.adapter)

    assert [name for name in story if name != "llm_availability_changed"] == [
        "attempt_started",
        "attempt_failed",
        "failed_over",
        "attempt_started",
    ]
    assert story.count("llm_availability_changed") == 1


async def test_a_handler_that_raises_never_breaks_a_chat(caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: object) -> None:
        raise RuntimeError("not my day")

    async with chain("503", "ok") as it:
        it.adapter.on("attempt_failed", handler)
        it.adapter.on("llm_availability_changed", handler)
        turn = await ask(it.adapter)

    assert (turn.text, turn.error) == (HEALTHY_TEXT, None)
    assert "not my day" in caplog.text
