"""A chain of scripted providers and one turn with it, everything written down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.core.events import EVENT_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM, ChatChunk
    from tests.core.scripted import FakeClock

HELLO = ChatContext.from_text("hello")
SETTINGS = AttemptSettings(max_retry_per_llm=0)


def chain_of(
    *llms: LLM,
    clock: FakeClock,
    settings: AttemptSettings | Sequence[AttemptSettings] = SETTINGS,
    random: float = 0.5,
    chain: ChainSettings | None = None,
    **arguments: Any,
) -> FallbackAdapter:
    return FallbackAdapter(
        llms,
        settings=chain,
        attempt_settings=settings,
        clock=clock,
        sleep=clock.sleep,
        random=lambda: random,
        **arguments,
    )


@dataclass
class Turn:
    """What the consumer of one turn saw."""

    stream: FallbackLLMStream
    chunks: list[ChatChunk] = field(default_factory=list)
    error: BaseException | None = None
    events: list[Event] = field(default_factory=list)
    elapsed: float = 0.0

    @property
    def text(self) -> str:
        """What is left on the screen: a restart discards what was there."""
        shown = ""
        for chunk in self.chunks:
            shown = "" if chunk.restarted else shown
            shown += chunk.delta.content or "" if chunk.delta is not None else ""
        return shown

    @property
    def record(self) -> list[tuple[str, str, str | None]]:
        """Provider, outcome and kind of failure of every attempt."""
        return [
            (one.provider, one.outcome.value, None if one.error is None else one.error.kind.value)
            for one in self.stream.attempts
        ]


async def turn_with(chain: FallbackAdapter, **arguments: Any) -> Turn:
    """Read one answer to its end, or to its error."""
    began = asyncio.get_running_loop().time()
    events: list[Event] = []
    turn = Turn(chain.chat(chat_ctx=HELLO, on_event=events.append, **arguments), events=events)
    try:
        async for chunk in turn.stream:
            turn.chunks.append(chunk)
    except Exception as error:  # noqa: BLE001 - the test looks at whatever it is
        turn.error = error
    finally:
        turn.elapsed = asyncio.get_running_loop().time() - began
        await turn.stream.aclose()
    return turn


def all_events_of(chain: FallbackAdapter) -> list[Event]:
    """Give the list to which every event of `chain` will be added."""
    seen: list[Event] = []
    for name in EVENT_NAMES.values():
        chain.on(name, seen.append)
    return seen


def states(chain: FallbackAdapter) -> list[State]:
    return [chain.health(llm).state for llm in chain.llms]


def error_of(turn: Turn, kind: type[APIError]) -> Any:
    assert isinstance(turn.error, kind), turn.error
    return turn.error
