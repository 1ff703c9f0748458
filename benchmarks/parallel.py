"""C1-C3: many answers at once in one process, beside plain httpx: CPU, fairness, and pace."""

from __future__ import annotations

import asyncio
import json
import time
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

import httpx

from benchmarks.floor_ask import BODY
from benchmarks.measure import ratio, row, upstream, verdict
from fallback_chat import ChatContext, FallbackAdapter
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

TOKENS = 200
ROUNDS = 3
PACE = 0.02


class Crowd(NamedTuple):
    """What many answers took: seconds."""

    cpu: float
    wall: float
    first: list[float]
    """Until the first token of each."""

    @property
    def slowest(self) -> float:
        """The 99th of a hundred first tokens."""
        return quantiles(self.first, n=100)[98]


async def plain(url: str, count: int) -> list[float]:
    """Read `count` streams with httpx alone; return the seconds to each first token."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as client:

        async def one() -> float:
            began, first, rest, seen = time.perf_counter(), 0.0, b"", 0
            async with client.stream("POST", f"{url}/chat/completions", json=BODY) as response:
                async for data in response.aiter_bytes():
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        if line.startswith(b"data: ") and line != b"data: [DONE]":
                            seen += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
                            first = first or time.perf_counter() - began
            assert seen == TOKENS
            return first

        return await asyncio.gather(*(one() for _ in range(count)))


async def ours(url: str, count: int) -> list[float]:
    """Read them through one chain."""
    settings = ProviderSettings(name="p", kind="openai", model="m", base_url=url)
    llm = load("openai").create(settings, api_key="k", http=HttpEngine())
    async with FallbackAdapter([llm], attempt_timeout=60, close_llms=True) as chain:

        async def one() -> float:
            began, first, seen = time.perf_counter(), 0.0, 0
            async with chain.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
                async for chunk in stream:
                    if chunk.delta and chunk.delta.content:
                        seen += 1
                        first = first or time.perf_counter() - began
            assert seen == TOKENS
            return first

        return await asyncio.gather(*(one() for _ in range(count)))


def crowd(job: Callable[[str, int], Coroutine[None, None, list[float]]], url: str, count: int) -> Crowd:
    """Run a crowd to its end."""
    cpu, wall = time.process_time(), time.perf_counter()
    first = asyncio.run(job(url, count))
    return Crowd(time.process_time() - cpu, time.perf_counter() - wall, first)


def main() -> int:
    with upstream() as base:
        crowd(ours, f"{base}/good/{TOKENS}/v1", 10)
        for count in (100, 500):
            pairs = [
                (crowd(ours, f"{base}/good/{TOKENS}/v1", count), crowd(plain, f"{base}/good/{TOKENS}/v1", count))
                for _ in range(ROUNDS)
            ]
            mine, floor = zip(*pairs, strict=True)
            row(
                "C1",
                f"{count} streams at once, CPU / plain httpx",
                ratio([a.cpu for a in mine], [b.cpu for b in floor]),
                1.3,
            )
            if count == 100:
                share = median(one.slowest / one.wall for one in mine)
                row("C2", "99th first token of 100, share of the run", share * 100, 25, "%")
        paced = [crowd(ours, f"{base}/paced/{TOKENS}/{PACE}/v1", 100) for _ in range(ROUNDS)]
        row("C3", "100 streams of 50 tokens/s, wall / ideal", median(one.wall for one in paced) / (TOKENS * PACE), 1.04)
        row("C3", "the same, 99th first token", median(one.slowest for one in paced) * 1000, 120, "ms")
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
