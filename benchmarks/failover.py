"""F1-F7: milliseconds to the first token when the first provider fails, beside a naive loop over httpx."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from statistics import median

import httpx

from benchmarks.floor_ask import BODY
from benchmarks.measure import ROUNDS, row, upstream, verdict
from fallback_chat import APIError, ChatContext, FallbackAdapter
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine

T = 1.0
"""Seconds of attempt_timeout."""


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def chain(*urls: str) -> FallbackAdapter:
    engine = HttpEngine()
    settings = AttemptSettings(attempt_timeout=T)
    llms = [
        load("openai").create(
            ProviderSettings(name=f"p{n}", kind="openai", model="m", base_url=f"{url}/v1", attempt=settings),
            api_key="k",
            http=engine,
        )
        for n, url in enumerate(urls)
    ]
    return FallbackAdapter(llms, attempt_settings=settings, close_llms=True)


async def first_token(adapter: FallbackAdapter) -> float:
    started = time.perf_counter()
    async with adapter.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
        async for chunk in stream:
            if chunk.delta and chunk.delta.content:
                return time.perf_counter() - started
    raise AssertionError("no token")


async def naive(*urls: str) -> float:
    """Give the time a loop over httpx takes that asks the next one when a status is not 200 or the connection fails."""
    started = time.perf_counter()
    async with httpx.AsyncClient(timeout=60, verify=False) as client:
        for url in urls:
            try:
                async with client.stream("POST", f"{url}/v1/chat/completions", json=BODY) as response:
                    if response.status_code != 200:
                        continue
                    async for data in response.aiter_bytes():
                        if b'"content": "word' in data:
                            return time.perf_counter() - started
            except httpx.TransportError:
                continue
    raise AssertionError("no token")


async def broken(dying: str, good: str) -> tuple[int, int]:
    """Read an answer whose provider dies: return the tokens beyond its own, and how often that was told."""
    shown, told = 0, 0
    async with chain(dying, good) as adapter, adapter.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
        try:
            async for chunk in stream:
                shown += bool(chunk.delta and chunk.delta.content)
        except APIError:
            told += 1
    return max(shown - 50, 0), told


async def calls(base: str) -> dict[str, int]:
    async with httpx.AsyncClient() as client:
        return dict(json.loads((await client.post(f"{base}/calls")).content))


async def measure(base: str) -> None:
    good, refused = f"{base}/good/5", f"http://127.0.0.1:{closed_port()}"
    for number, name, first in (("F1", "refused", refused), ("F1", "500", f"{base}/500"), ("F1", "429", f"{base}/429")):
        ours, theirs, again = [], [], []
        for round_ in range(ROUNDS + 1):
            async with chain(first, good) as adapter:
                took, second = await first_token(adapter), await first_token(adapter)
            floor = await naive(first, good)
            if round_:
                ours.append(took)
                again.append(second)
                theirs.append(floor)
        first_, second, floor = (median(some) * 1000 for some in (ours, again, theirs))
        print(f"     {name}: first {first_:.1f} ms, second {second:.1f} ms, naive {floor:.1f} ms")
        row(number, f"{name} first, time to first token / naive httpx loop", median(ours) / median(theirs), 2.0)
    for number, kind in (("F2", "hang"), ("F2", "headers"), ("F2", "role"), ("F3", "comments")):
        over = []
        for _ in range(3):
            async with chain(f"{base}/{kind}", good) as adapter:
                over.append((await first_token(adapter) - T) * 1000)
        row(number, f"{kind} for ever, first token beyond T", median(over), 10.0, "ms")
    for count in (1, 2, 3):
        over = []
        for _ in range(3):
            async with chain(*[f"{base}/hang"] * count, good) as adapter:
                over.append((await first_token(adapter) - count * T) * 1000)
        row("F5", f"{count} hung in front, first token beyond {count}·T", median(over), 5.0 * count, "ms")
    twice, told = await broken(f"{base}/dies/50", good)
    row("F7", "tokens shown twice when a provider dies after 50", twice, 0, "")
    row("F7", "failures that are not told", 1 - told, 0, "")
    await calls(base)
    async with chain(f"{base}/500", good) as adapter:
        healthy = [await first_token(adapter) for _ in range(6)]
    counted = await calls(base)
    row("F4", "calls to the dead provider in the 5 turns after its failure", counted["500"] - 1, 0, "")
    row("F6", "calls per failed attempt with the defaults", counted["500"], 1, "")
    print(f"     turns after the failure: {median(healthy[1:]) * 1000:.1f} ms to the first token")


def main() -> int:
    with upstream() as base:
        asyncio.run(measure(base))
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
