"""T6: what a token costs from bytes to chunks in each wire format, beside `json.loads` of the same events alone."""

from __future__ import annotations

import json
import time
from importlib import import_module
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import ratio, row, verdict
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.errors import APIError
from fallback_chat.providers.http.body import BodyReader
from fallback_chat.providers.wire.dialect import ChatRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOKENS = 2_000
ROUNDS = 60
"""Short ones, side by side: what else the machine does hits both of a pair, or few pairs."""
READ = 65_536
"""Bytes of one read of a server that sends faster than it is read."""
WORST = 1.5
SLOWEST = 1e6 / 20_000
"""Microseconds of one of 20 000 tokens a second."""


class Format(NamedTuple):
    """How a family sends a token, and the whole end of an answer; `%d` is the token's number."""

    token: str
    end: str

    def events(self, tokens: int = TOKENS) -> list[bytes]:
        """Return an answer, one event each."""
        return [*((self.token % number).encode() for number in range(tokens)), self.end.encode()]


FORMATS = {
    "openai": Format(
        'data: {"id":"chatcmpl-Cx0fT7bAq1","object":"chat.completion.chunk","created":1790000000,"model":"gpt-6.2-sol",'
        '"service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" w%d"},'
        '"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kQ4Jx0"}\n\n',
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    ),
    "openai-responses": Format(
        'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
        '"item_id":"msg_0f3c9a6d5b2e4f","output_index":0,"content_index":0,"delta":" word","logprobs":[],'
        '"obfuscation":"kQ4Jx0aB"}\n\n',
        'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed"}}\n\n',
    ),
    "anthropic": Format(
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":" w%d"}           }\n\n',
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n',
    ),
    "gemini": Format(
        'data: {"candidates": [{"content": {"parts": [{"text": " word"}],"role": "model"},"index": 0}],'
        '"usageMetadata": {"promptTokenCount": 7,"candidatesTokenCount": %d,"totalTokenCount": 9,'
        '"promptTokensDetails": [{"modality": "TEXT","tokenCount": 7}]},"modelVersion": "gemini-3.8-flash",'
        '"responseId": "cGVwcGVyc3RlYWs"}\r\n\r\n',
        'data: {"candidates": [{"index": 0,"finishReason": "STOP"}]}\r\n\r\n',
    ),
    "ollama": Format(
        '{"model":"qwen4:8b","created_at":"2026-11-01T08:00:00.123456789Z","message":{"role":"assistant",'
        '"content":" w%d"},"done":false}\n',
        '{"model":"qwen4:8b","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n',
    ),
}


def cpu_of(job: Callable[[], None]) -> float:
    """Give the CPU seconds of one run."""
    started = time.process_time()
    job()
    return time.process_time() - started


def read(kind: str, pieces: Sequence[bytes], tokens: int = TOKENS) -> None:
    """Read an answer, piece by piece, to its end."""
    dialect = import_module(f"fallback_chat.providers.{kind.replace('-', '_')}").DIALECT
    settings = ProviderSettings(name="p", kind=kind, model="m")
    request = ChatRequest(settings=settings, chat_ctx=ChatContext())
    body = BodyReader(dialect.reader(request), ndjson=dialect.framing == "ndjson", classify=lambda _: APIError("no"))
    chunks = 0
    for piece in pieces:
        body.feed(piece)
        chunks += len(body.ready)
        body.ready.clear()
    assert (chunks > tokens, body.finished, body.error) == (True, True, None)


def load(documents: Sequence[bytes]) -> None:
    """Parse the JSON of the same events as it comes in, and nothing else."""
    for document in documents:
        json.loads(document)


def main() -> int:
    for kind, format_ in FORMATS.items():
        events = format_.events()
        stream = b"".join(events)
        reads = [stream[start : start + READ] for start in range(0, len(stream), READ)]
        documents = [event[event.index(b"{") :].rstrip() for event in events]
        jobs = (lambda: read(kind, events), lambda: read(kind, reads), lambda: load(documents))  # noqa: B023 - run at once
        single, bulk, floor = zip(*[tuple(map(cpu_of, jobs)) for _ in range(ROUNDS + 1)][1:], strict=True)
        costs = (median(some) / TOKENS * 1e6 for some in (single, bulk, floor))
        print("     {}: {:.2f} µs a token by events, {:.2f} by reads, json.loads {:.2f}".format(kind, *costs))
        row("T6", f"{kind}, one event per read, CPU / json.loads", ratio(single, floor), WORST)
        row("T6", f"{kind}, reads of 64 KiB, CPU / json.loads", ratio(bulk, floor), WORST)
        row("T6", f"{kind}, CPU of a token", median(single) / TOKENS * 1e6, SLOWEST, "µs")
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
