"""A provider whose context window cannot hold the conversation is passed over, and the user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.attempts import AttemptRecord, Outcome
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Image, Role, Text, ToolCall, ToolResult
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import AttemptSkipped
from tests.core.chain import chain_of
from tests.core.scripted import STOP, ScriptedLLM

if TYPE_CHECKING:
    from fallback_chat.core.events import Event
    from tests.core.scripted import FakeClock

LONG = ChatContext.from_text("word " * 2000)


async def ask(
    clock: FakeClock, *llms: ScriptedLLM, context: ChatContext = LONG
) -> tuple[str, list[Event], list[AttemptRecord]]:
    events: list[Event] = []
    async with chain_of(*llms, clock=clock).chat(chat_ctx=context, on_event=events.append) as stream:
        text = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])
    return text, events, list(stream.attempts)


async def test_a_window_that_is_too_small_is_passed_over_with_a_notice(clock: FakeClock) -> None:
    small = ScriptedLLM("small", ["no", STOP], context_window=2000)
    large = ScriptedLLM("large", ["yes", STOP], context_window=4000)
    text, events, attempts = await ask(clock, small, large)
    skip = events[0]
    assert isinstance(skip, AttemptSkipped)
    assert (text, small.calls, skip.llm) == ("yes", [], small)
    assert skip.error.kind is ErrorKind.CONTEXT_EXCEEDED
    assert skip.error.message == "about 2504 tokens do not fit into its window of 2000"
    assert [(one.provider, one.outcome, one.error) for one in attempts] == [
        ("small", Outcome.SKIPPED, skip.error),
        ("large", Outcome.OK, None),
    ]


async def test_a_window_that_is_not_known_is_asked(clock: FakeClock) -> None:
    text, events, _ = await ask(clock, ScriptedLLM("unknown", ["yes", STOP]), ScriptedLLM("other", ["no", STOP]))
    assert text == "yes"
    assert not [event for event in events if isinstance(event, AttemptSkipped)]


async def test_where_it_fits_nowhere_by_the_estimate_a_server_decides(clock: FakeClock) -> None:
    text, events, _ = await ask(clock, ScriptedLLM("small", ["it fits", STOP], context_window=2000))
    assert text == "it fits"
    assert not [event for event in events if isinstance(event, AttemptSkipped)]


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (ChatMessage(Role.USER, (Text("x" * 40),)), 14),
        (ChatMessage(Role.USER, (Text("x" * 40), Image("image/png", b"..."))), 264),
        (ChatMessage(Role.ASSISTANT, tool_calls=(ToolCall("1", "tide", '{"port":"G"}'),)), 8),
        (ChatMessage(Role.TOOL, tool_results=(ToolResult("1", "high at 06:10"),)), 7),
    ],
)
def test_everything_that_is_sent_is_counted(message: ChatMessage, tokens: int) -> None:
    assert ChatContext((message,)).estimated_tokens == tokens
