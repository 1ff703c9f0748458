"""Providers that play a script, and the clock that goes with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.core.llm import LLM, ChatChunk, ChoiceDelta, FinishReason, LLMStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from fallback_chat.core.chat_context import ChatContext
    from fallback_chat.core.llm import ModelInfo


@dataclass(frozen=True)
class Pause:
    """The provider is silent for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Anything:
    """What the provider returns in place of a chunk."""

    value: Any


@dataclass(frozen=True)
class Deaf:
    """The provider is silent until it is cancelled, and then goes on as if nothing had happened."""


Step = str | ChatChunk | Pause | Deaf | Anything | asyncio.Event | BaseException | type[BaseException]
"""Text, any chunk, silence (for a time, until a cancellation or an event), or an exception to be raised."""
SILENCE = Pause(86_400)
ROLE = ChatChunk(ChoiceDelta(role="assistant"))
STOP = ChatChunk(finish_reason=FinishReason.STOP)


def text(content: str) -> ChatChunk:
    return ChatChunk(ChoiceDelta(content))


def thought(reasoning: str) -> ChatChunk:
    return ChatChunk(ChoiceDelta(reasoning=reasoning))


def call(arguments: str = "{}", *, name: str = "look_up", id_: str = "c1") -> ChatChunk:
    return ChatChunk(ChoiceDelta(tool_calls=(ToolCall(id_, name, arguments),)))


def finish(reason: FinishReason) -> ChatChunk:
    return ChatChunk(finish_reason=reason)


THINKING = ChatChunk(ChoiceDelta(thinking=True))
FRAGMENT = ChatChunk(ChoiceDelta(tool_fragment=True))


class FakeClock:
    """Wall-clock seconds: follow the loop's time and can be set; `sleep` waits on the loop and is recorded."""

    def __init__(self) -> None:
        self._offset = 1_000_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self._offset + asyncio.get_running_loop().time()

    def advance(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds)


class ScriptedStream(LLMStream):
    """Plays one script. `pulls` and `closes` count what the engine asked of it."""

    def __init__(
        self,
        script: Iterable[Step],
        *,
        on_close: Callable[[], Awaitable[None]] | None = None,
        notices: tuple[str, ...] = (),
    ) -> None:
        self.notices = notices
        self._steps = iter(script)
        self._on_close = on_close
        self.pulls = 0
        self.closes = 0

    async def __anext__(self) -> ChatChunk:
        self.pulls += 1
        for step in self._steps:
            match step:
                case str():
                    return text(step)
                case ChatChunk():
                    return step
                case Anything(value):
                    return value  # type: ignore[no-any-return]
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Deaf():
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(86_400)
                case asyncio.Event():
                    await step.wait()
                case _:
                    raise step
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closes += 1
        if self._on_close is not None:
            await self._on_close()


@dataclass(frozen=True)
class Call:
    """What one `chat()` was given."""

    chat_ctx: ChatContext
    arguments: dict[str, Any] = field(default_factory=dict)


class ScriptedLLM(LLM):
    """Plays one script for each call; the last one is played again for every further call."""

    def __init__(
        self,
        label: str,
        *scripts: Sequence[Step],
        context_window: int | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
        notices: tuple[str, ...] = (),
        models: Sequence[ModelInfo] = (),
    ) -> None:
        self._label = label
        self._scripts = deque(scripts)
        self._context_window = context_window
        self._on_close = on_close
        self._notices = notices
        self._models = models
        self.lists = 0
        self.calls: list[Call] = []
        self.streams: list[ScriptedStream] = []
        self.closes = 0

    def __repr__(self) -> str:
        return f"<{self._label}>"

    @property
    def label(self) -> str:
        return self._label

    @property
    def kind(self) -> str:
        return "scripted"

    @property
    def model(self) -> str:
        return f"{self._label}-1"

    @property
    def context_window(self) -> int | None:
        return self._context_window or super().context_window

    async def list_models(self) -> Sequence[ModelInfo]:
        self.lists += 1
        return self._models

    @property
    def open_streams(self) -> int:
        """Streams that were started and never closed."""
        return sum(stream.pulls > 0 and stream.closes == 0 for stream in self.streams)

    def chat(self, *, chat_ctx: ChatContext, **arguments: Any) -> ScriptedStream:
        self.calls.append(Call(chat_ctx, arguments))
        script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        stream = ScriptedStream(script, on_close=self._on_close, notices=self._notices)
        self.streams.append(stream)
        return stream

    async def aclose(self) -> None:
        self.closes += 1
