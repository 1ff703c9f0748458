"""Reading one answer: who ends it, what that means for the program, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.turn import Turn
from fallback_chat.core.answer import PART
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text
from fallback_chat.core.engine.adapter import FallbackAdapter
from tests.core.scripted import SILENCE, ScriptedLLM
from tests.fake_time import JUMPING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.engine.stream import FallbackLLMStream


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return JUMPING


def chat(llm: ScriptedLLM) -> Callable[..., FallbackLLMStream]:
    """Return what opens the answer to a question."""
    context = ChatContext().add_message(ChatMessage(Role.USER, (Text("hi"),)))
    return partial(FallbackAdapter([llm]).chat, chat_ctx=context)


async def test_an_answer_that_is_stopped_between_two_pieces_is_kept_so_far_and_its_connection_closed() -> None:
    llm = ScriptedLLM("a", ["word " * PART, SILENCE])
    turn = Turn(chat(llm), lambda _: turn.stop(), id)

    assert (await turn.run(), len(turn.text), llm.open_streams) == (None, PART, 0)


async def test_an_answer_that_is_stopped_before_it_is_asked_for_is_not_asked_for() -> None:
    llm = ScriptedLLM("a", ["Some", SILENCE])
    turn = Turn(chat(llm), id, id)

    turn.stop()

    assert (await turn.run(), turn.stopped, llm.calls) == (None, True, [])


async def test_a_signal_ends_the_program_although_the_answer_was_stopped_in_the_same_moment() -> None:
    llm = ScriptedLLM("a", ["Some", SILENCE])
    begun = asyncio.Event()
    turn = Turn(chat(llm), lambda _: begun.set(), id)
    task = asyncio.ensure_future(turn.run())
    await begun.wait()

    turn.stop()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert llm.open_streams == 0
