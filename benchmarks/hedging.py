"""Hedged beside unhedged: the time to the first content when one answer in twenty hangs, on a clock that jumps.

    python -m benchmarks.hedging [TURNS]

Two providers answer within a second; a stalled one says nothing at all. No second passes: the loop's clock jumps.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, TimeoutSource
from tests.core.scripted import STOP, FakeClock, Pause, ScriptedLLM
from tests.fake_time import AutojumpLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

TURNS: Final = 2000
STALLS: Final = 0.05
SILENCE: Final = 86_400.0
WAYS: Final[tuple[float | str, ...]] = ("off", "timeout", "p95", 2.0)


class Moody(ScriptedLLM):
    """Answers within a second, or stalls."""

    def __init__(self, label: str, chance: random.Random) -> None:
        super().__init__(label, [STOP])
        self._chance = chance

    def chat(self, **arguments: object) -> object:  # type: ignore[override]
        """Start an answer that comes, or never comes."""
        stalls = self._chance.random() < STALLS
        self._scripts.clear()
        self._scripts.append([Pause(SILENCE if stalls else self._chance.uniform(0.2, 1.0)), "Yes.", STOP])
        return super().chat(**arguments)  # type: ignore[arg-type]


async def first_contents(hedge_after: float | str, turns: int) -> tuple[list[float], int]:
    """Return the seconds to the first content of so many turns, and how many requests they took."""
    chance = random.Random(7)
    clock = FakeClock()
    chain = FallbackAdapter(
        [Moody("primary", chance), Moody("backup", chance)],
        settings=ChainSettings(hedge_after=hedge_after),
        attempt_settings=AttemptSettings(attempt_timeout_source=TimeoutSource.DEFAULT),
        clock=clock,
        sleep=clock.sleep,
        random=chance.random,
    )
    now, seconds = asyncio.get_running_loop().time, []
    for _ in range(turns):
        began = now()
        async with chain.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
            with suppress(AllProvidersFailed):  # both hung: the time counts all the same
                await anext(stream)
            seconds.append(now() - began)
            async for _chunk in stream:
                pass
        await clock.sleep(20)  # the user reads
    await chain.aclose()
    return seconds, sum(len(llm.calls) for llm in chain.llms if isinstance(llm, Moody))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the others do not exceed."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def main(turns: int = TURNS) -> None:
    """Print a row for each way of hedging."""
    sys.stdout.write(f"{turns} turns, {STALLS:.0%} of the answers hang\n")
    sys.stdout.write("hedge_after  median     p95     p99    longest  requests per turn\n")
    for way in WAYS:
        with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
            seconds, requests = runner.run(first_contents(way, turns))
        times = "  ".join(f"{quantile(seconds, share):5.1f} s" for share in (0.5, 0.95, 0.99, 1.0))
        sys.stdout.write(f"{way!s:<11}  {times}  {requests / turns:8.2f}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
