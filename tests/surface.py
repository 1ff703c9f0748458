"""What type checkers see of the library; it is checked, by mypy and by pyright, and never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_type

from fallback_chat import (
    LLM,
    AllProvidersFailed,
    Answer,
    APIConnectionError,
    AttemptRecord,
    AvailabilityChangedEvent,
    ChatChunk,
    ChatContext,
    ChatMessage,
    CompletionUsage,
    Event,
    FallbackAdapter,
    FallbackLLMStream,
    Health,
    HealthStore,
    MemoryHealthStore,
    ModelInfo,
    ProbeReport,
    Segment,
    Tool,
    ToolCall,
    load_chain,
    shared_health,
)


async def a_chain(first: LLM, second: LLM) -> None:
    chain = FallbackAdapter([first, second], store=MemoryHealthStore())
    async with chain as entered:
        assert_type(entered, FallbackAdapter)
    assert_type(load_chain(), FallbackAdapter)
    assert_type(shared_health("health.db", ["a", "b"]), HealthStore)
    assert_type(chain.active, LLM)
    assert_type(chain.llms, tuple[LLM, ...])
    assert_type((chain.label, chain.model, chain.provider), tuple[str, str, str])
    assert_type(chain.health(first), Health)
    assert_type(await chain.probe(light=True), ProbeReport)
    assert_type(await chain.list_models(), Sequence[ModelInfo])


async def an_answer(chain: FallbackAdapter, tool: Tool) -> None:
    stream = chain.chat(chat_ctx=ChatContext.from_text("hi"), tools=[tool], tool_choice="auto")
    assert_type(stream, FallbackLLMStream)
    async with stream as entered:
        async for chunk in entered:
            assert_type(chunk, ChatChunk)
    assert_type(stream.llm, LLM | None)
    assert_type(stream.attempts, tuple[AttemptRecord, ...])
    assert_type(stream.segments, tuple[Segment, ...])
    answer = await stream.collect()
    assert_type(answer, Answer)
    assert_type(answer.usage, CompletionUsage | None)
    assert_type(answer.tool_calls, tuple[ToolCall, ...])
    assert_type(answer.message(), ChatMessage)


def handlers(chain: FallbackAdapter) -> None:
    @chain.on("llm_availability_changed")
    def changed(event: AvailabilityChangedEvent) -> int:
        return len(event.llm.label)

    @chain.once("all_failed")
    def failed(event: Any) -> None:
        del event

    def each(event: Event) -> None:
        del event

    assert_type(changed(AvailabilityChangedEvent(chain, available=True)), int)
    chain.on("waiting", each)
    chain.on("waiting", lambda event: event.seconds)
    chain.off("waiting", each)
    chain.emit(AvailabilityChangedEvent(chain, available=True))
    chain.emit("llm_availability_changed", AvailabilityChangedEvent(chain, available=True))


def a_failure(error: AllProvidersFailed) -> APIConnectionError:
    return error
