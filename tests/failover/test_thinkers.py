"""Models that think and show nothing of it, on the budgets that users have who have set none: none of them is cut off."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from fallback_chat.core.config.provider_entry import LOCAL_ATTEMPT_TIMEOUT
from fallback_chat.core.config.settings import NOTHING_WRITTEN
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, TimeoutSource
from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.simulator import Manner, Simulator
from tests.failover.chains import FAULTY_TEXT, HEALTHY_TEXT, KEY, ask, llm

if TYPE_CHECKING:
    from tests.failover.chains import Turn

AT_HOME: Final = AttemptSettings(attempt_timeout=LOCAL_ATTEMPT_TIMEOUT, attempt_timeout_source=TimeoutSource.LOCAL)
"""What an entry for a server on this machine has."""
AS_WRITTEN_NOWHERE: Final = ChainSettings(hedge_after="timeout")
"""What a fallback.toml without [chain] says."""


class Thinker(NamedTuple):
    """A model that thinks, and how long its entry waits for the first sign of that when nothing is written."""

    model: str
    attempt: AttemptSettings
    budget: tuple[float, str]


THINKERS: Final = {
    # These two show that they have begun to think. The next two show nothing, which their names tell; the last one is at home.
    "openai-responses": Thinker("gpt-6.2-sol", NOTHING_WRITTEN, (10, "default")),
    "anthropic": Thinker("claude-opus-5", NOTHING_WRITTEN, (10, "default")),
    "openai": Thinker("gpt-6.2-sol", NOTHING_WRITTEN, (120, "thinks")),
    "gemini": Thinker("gemini-3.8-flash", NOTHING_WRITTEN, (120, "thinks")),
    "ollama": Thinker("qwen3", AT_HOME, (120, "local")),
}


async def turn_of(kind: str, fault: str, *, silence: float = 0, model: str = "") -> tuple[Turn, list[int]]:
    """Ask a chain of three whose first one plays `fault`; return also how often each was asked."""
    thinker = THINKERS[kind]
    async with AsyncExitStack() as stack:
        http = HttpEngine(environ={})
        stack.push_async_callback(http.aclose)
        sims = [
            await stack.enter_async_context(Simulator(play, manner=Manner(text, silence), key=KEY, lifetime=1000))
            for play, text in ((fault, FAULTY_TEXT), ("ok", HEALTHY_TEXT), ("ok", HEALTHY_TEXT))
        ]
        first = llm("first", sims[0].url, http, kind, model=model or thinker.model, attempt=thinker.attempt)
        others = [llm(name, sim.url, http) for name, sim in zip(("second", "third"), sims[1:], strict=True)]
        attempts = [thinker.attempt, NOTHING_WRITTEN, NOTHING_WRITTEN]
        async with FallbackAdapter([first, *others], settings=AS_WRITTEN_NOWHERE, attempt_settings=attempts) as adapter:
            turn = await ask(adapter, patience=1000)
        return turn, [len(sim.requests) for sim in sims]


@pytest.mark.parametrize("kind", THINKERS)
async def test_a_model_that_is_silent_for_110_seconds_gives_the_answer(kind: str) -> None:
    turn, asked = await turn_of(kind, "thinking-unseen", silence=110)

    assert (turn.text, turn.error, round(turn.first_content or 0)) == (FAULTY_TEXT, None, 110)
    assert (turn.attempts, turn.budgets) == ([("first", "ok", None)], [THINKERS[kind].budget])
    assert asked == [1, 0, 0]


@pytest.mark.parametrize("kind", THINKERS)
async def test_a_server_that_hangs_is_left_when_its_budget_is_over(kind: str) -> None:
    turn, asked = await turn_of(kind, "role-silence")

    assert (turn.text, turn.error, round(turn.first_content or 0)) == (HEALTHY_TEXT, None, THINKERS[kind].budget[0])
    assert turn.attempts == [("first", "failed", ErrorKind.TIMEOUT), ("second", "ok", None)]
    assert asked == [1, 1, 0]


@pytest.mark.parametrize("kind", ["openai-responses", "anthropic"])
async def test_a_model_that_begins_to_think_and_hangs_is_left_after_two_minutes(kind: str) -> None:
    turn, asked = await turn_of(kind, "thinking-unseen", silence=900)

    assert (turn.text, turn.error, round(turn.first_content or 0)) == (HEALTHY_TEXT, None, 120)
    assert (turn.attempts[0], asked) == (("first", "failed", ErrorKind.TIMEOUT), [1, 1, 0])


@pytest.mark.parametrize("model", ["gpt-4.1", "llama-4-70b"])
async def test_a_model_that_does_not_think_has_no_more_time_for_that(model: str) -> None:
    turn, _ = await turn_of("openai", "role-silence", model=model)

    assert (turn.text, round(turn.first_content or 0)) == (HEALTHY_TEXT, 10)
