"""Real chains over simulators: the engine and the HTTP provider as they are, and what a turn came to."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fallback_chat import providers
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.core.errors import APIError
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.simulator import Manner, Script, Simulator
from tests.core.scripted import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fallback_chat.core.errors import ErrorKind
    from fallback_chat.core.events import AvailabilityChangedEvent
    from fallback_chat.core.llm import LLM, FinishReason

KEY = "sk-test-0123456789"
FAULTY_TEXT = "Wrong words from the faulty one."
HEALTHY_TEXT = "The quick brown fox jumps over the lazy dog."
SIMULATED = ("openai", "openai-responses", "anthropic", "gemini", "ollama")
"""The kinds that the simulator speaks."""
BASE_PATHS = {"openai": "/v1", "openai-responses": "/v1"}
"""What `base_url` has after the origin, by kind."""


@dataclass
class Chain:
    """Providers in order, each with its server, behind one adapter; `edges` has every change of availability."""

    adapter: FallbackAdapter
    sims: list[Simulator]
    http: HttpEngine
    clock: FakeClock
    """The breakers' clock, which moves with the loop's."""
    edges: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def asked(self) -> list[int]:
        """How many requests each server got, connections that never became one included."""
        return [len(sim.requests) for sim in self.sims]

    @property
    def rejected(self) -> list[tuple[str, ...]]:
        """What the strict servers had to object to."""
        return [request.problems for sim in self.sims for request in sim.requests if request.problems]

    def note_edge(self, event: AvailabilityChangedEvent) -> None:
        self.edges.append((event.llm.label, event.available))


@dataclass
class Turn:
    """What came of one turn, as a consumer sees it; times in seconds."""

    text: str = ""
    """What is left on the screen: a restart discards what was there."""
    finish: FinishReason | None = None
    error: APIError | None = None
    restarts: int = 0
    first_content: float | None = None
    elapsed: float = 0.0
    attempts: list[tuple[str, str, ErrorKind | None]] = field(default_factory=list)
    """Provider, outcome, kind of error."""
    budgets: list[tuple[float | None, str | None]] = field(default_factory=list)
    """For each attempt, the seconds to the first content, and why."""


def llm(
    name: str, origin: str, http: HttpEngine, kind: str = "openai", *, model: str = "sim-model", **options: Any
) -> LLM:
    """Make a provider whose server is at `origin`."""
    base_url = origin + BASE_PATHS.get(kind, "")
    settings = ProviderSettings(name=name, kind=kind, model=model, base_url=base_url, **options)
    return providers.load(kind).create(settings, api_key=KEY, http=http)


@asynccontextmanager
async def chain(
    *scripts: Script | str,
    manner: Manner | None = None,
    windows: tuple[int, ...] = (),
    kind: str = "openai",
    deadline: float | None = None,
    **settings: Any,
) -> AsyncIterator[Chain]:
    """Open a chain `p1`, `p2`, … with a simulator for each script; the last one says HEALTHY_TEXT, the others FAULTY_TEXT.

    `windows` are their context windows, `kind` is the wire format; `settings` are those of AttemptSettings: a first-token
    budget of 0.3 s and no retry unless they say otherwise.
    """
    clock = FakeClock()
    manner = manner or Manner(delay=1.5, tick=0.02)
    chosen = AttemptSettings(**({"attempt_timeout": 0.3, "max_retry_per_llm": 0, "idle_timeout": 0.3} | settings))
    async with AsyncExitStack() as stack:
        http = HttpEngine(wall_clock=clock)
        stack.push_async_callback(http.aclose)
        sims, llms = [], []
        for number, script in enumerate(scripts, 1):
            text = HEALTHY_TEXT if number == len(scripts) else FAULTY_TEXT
            own = Manner(text, manner.delay, manner.tick, manner.redirect_to)
            sim = await stack.enter_async_context(Simulator(script, manner=own, key=KEY, lifetime=10))
            sims.append(sim)
            window = windows[number - 1] if windows else None
            llms.append(llm(f"p{number}", sim.url, http, kind, attempt=chosen, context_window=window))
        adapter = await stack.enter_async_context(
            FallbackAdapter(llms, settings=ChainSettings(deadline=deadline), attempt_settings=chosen, clock=clock)
        )
        opened = Chain(adapter, sims, http, clock)
        adapter.on("llm_availability_changed", opened.note_edge)
        yield opened


async def ask(adapter: FallbackAdapter, text: str = "hi", *, patience: float = 10, **options: Any) -> Turn:
    """Run one turn to its end, whatever that is. Raises TimeoutError when it has none within `patience` seconds."""
    turn = Turn()
    now = asyncio.get_running_loop().time
    began = now()
    async with asyncio.timeout(patience), adapter.chat(chat_ctx=ChatContext.from_text(text), **options) as stream:
        try:
            async for chunk in stream:
                if chunk.restarted:
                    turn.text, turn.restarts = "", turn.restarts + 1
                if chunk.delta and chunk.delta.content:
                    turn.text += chunk.delta.content
                    turn.first_content = turn.first_content or now() - began
                turn.finish = chunk.finish_reason or turn.finish
        except APIError as error:
            turn.error = error
        turn.elapsed = now() - began
    turn.attempts = [
        (attempt.provider, attempt.outcome.value, attempt.error.kind if attempt.error else None)
        for attempt in stream.attempts
    ]
    turn.budgets = [(attempt.budget, attempt.budget_reason) for attempt in stream.attempts]
    return turn
