"""T1-T3, T5: what one streamed token costs, in the engine and in the whole program, beside plain httpx."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from statistics import median

import httpx

from benchmarks.floor_ask import BODY
from benchmarks.measure import ROUNDS, alternate, ratio, row, run, upstream, verdict
from benchmarks.startup import PROGRAM, PYTHON, config
from fallback_chat import ChatContext, FallbackAdapter
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine

TOKENS = 20_000
PACED = 500
"""Tokens that come one every 2 ms."""


async def plain(url: str) -> int:
    """Read the stream with httpx alone: split `data:` lines, decode, count."""
    seen = 0
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("POST", f"{url}/chat/completions", json=BODY) as response,
    ):
        rest = b""
        async for data in response.aiter_bytes():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    for choice in json.loads(line[6:])["choices"]:
                        seen += bool(choice["delta"].get("content"))
    return seen


async def engine(url: str) -> int:
    """Read it through the chain."""
    settings = ProviderSettings(name="p", kind="openai", model="m", base_url=url)
    seen = 0
    llm = load("openai").create(settings, api_key="k", http=HttpEngine())
    async with (
        FallbackAdapter([llm], close_llms=True) as chain,
        chain.chat(chat_ctx=ChatContext.from_text("hi")) as stream,
    ):
        async for chunk in stream:
            seen += bool(chunk.delta and chunk.delta.content)
    return seen


def cpu_of(job: object, url: str, tokens: int = TOKENS) -> float:
    """Give the CPU seconds of one reading, warmed up."""
    started = time.process_time()
    assert asyncio.run(job(url)) == tokens  # type: ignore[operator]
    return time.process_time() - started


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, upstream() as base:
        url = f"{base}/good/{TOKENS}/v1"
        pairs = [(cpu_of(engine, url), cpu_of(plain, url)) for _ in range(ROUNDS + 1)][1:]
        ours, floor = zip(*pairs, strict=True)
        print(
            f"     per token: engine {median(ours) / TOKENS * 1e6:.1f} µs, plain httpx {median(floor) / TOKENS * 1e6:.1f} µs"
        )
        row("T1", "engine, CPU per token / plain httpx", ratio(ours, floor), 1.3)
        url = f"{base}/paced/{PACED}/0.002/v1"
        pairs = [(cpu_of(engine, url, PACED), cpu_of(plain, url, PACED)) for _ in range(3)]
        row("T2", "engine, 500 tokens a second, CPU / plain httpx", ratio(*zip(*pairs, strict=True)), 1.15)
        url = f"{base}/good/{TOKENS}/v1"
        short = config(folder, f"{base}/good/1")
        one = min(run([*PROGRAM, "ask", "hi"], short).rss for _ in range(3))
        env = config(folder, f"{base}/good/{TOKENS}")
        many = min(run([*PROGRAM, "ask", "hi"], env).rss for _ in range(3))
        row("T5", f"peak memory of {TOKENS} tokens beyond that of one", (many - one) / 1024, 3, "MB")
        results = alternate(
            {
                "ask": lambda: run([*PROGRAM, "ask", "hi"], env),
                "floor": lambda: run([PYTHON, "benchmarks/floor_ask.py", f"{url}/chat/completions"]),
            }
        )
        cpu = {name: [one.cpu for one in runs] for name, runs in results.items()}
        row("T3", "ask of 20 000 tokens to a pipe, CPU / httpx async script", ratio(cpu["ask"], cpu["floor"]), 1.0)
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
