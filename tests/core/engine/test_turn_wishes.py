"""What a caller may wish for one turn: who is left out, and how long the present wait may still take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.engine.adapter import FallbackAdapter
from tests.core.scripted import SILENCE, STOP, ScriptedLLM

if TYPE_CHECKING:
    from fallback_chat.core.llm import ChatChunk

HI = ChatContext.from_text("hi")


async def text_of(adapter: FallbackAdapter, *without: ScriptedLLM, start_with: ScriptedLLM | None = None) -> str:
    async with adapter.chat(chat_ctx=HI, without=without, start_with=start_with) as stream:
        chunks: list[ChatChunk] = [chunk async for chunk in stream]
    return "".join(chunk.delta.content or "" for chunk in chunks if chunk.delta)


async def test_a_provider_that_is_left_out_is_not_asked() -> None:
    a, b = ScriptedLLM("a", ["from a", STOP]), ScriptedLLM("b", ["from b", STOP])
    assert await text_of(FallbackAdapter([a, b]), a) == "from b"
    assert (len(a.calls), len(b.calls)) == (0, 1)


async def test_who_is_to_begin_is_asked_even_when_left_out() -> None:
    a, b = ScriptedLLM("a", ["from a", STOP]), ScriptedLLM("b", ["from b", STOP])
    assert await text_of(FallbackAdapter([a, b]), a, start_with=a) == "from a"


async def test_a_stream_tells_how_long_the_present_wait_may_take() -> None:
    adapter = FallbackAdapter([ScriptedLLM("a", [SILENCE])], attempt_timeout=5.0)
    async with adapter.chat(chat_ctx=HI) as stream:
        assert stream.gives_up_in is None
        pull = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        left = stream.gives_up_in
        assert left is not None
        assert 4.5 < left <= 5.0
        pull.cancel()
        await asyncio.wait([pull])
        assert stream.gives_up_in is None
