"""A deterministic provider on loopback, in a process of its own: fast enough never to be what is measured.

    python -m benchmarks.upstream        prints its port, then serves until its standard input is closed

The path chooses what it does, so one server plays a whole chain: `/good/N/v1` streams N tokens, one HTTP chunk each;
`/paced/N/S/v1` one every S seconds; `/dies/N/v1` breaks off after N; `/500/v1`, `/429/v1` refuse; `/hang/v1` accepts and is silent;
`/headers/v1` sends the head and is silent; `/role/v1` sends role-only deltas and `/comments/v1` comments, both for ever (20 s).
`/calls` tells how many requests each path received.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter

LIFETIME = 20.0
calls: Counter[str] = Counter()


def token(text: str) -> bytes:
    delta = {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return chunk(b"data: " + json.dumps(delta).encode() + b"\n\n")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TOKEN = token("word ")
ROLE = chunk(b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n')
COMMENT = chunk(b": keep-alive\n\n")
END = (
    chunk(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    + chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


def refusal(status: str, extra: str = "") -> bytes:
    body = json.dumps({"error": {"message": "no", "type": "server_error", "code": None}})
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{extra}content-length: {len(body)}\r\n\r\n{body}".encode()


REFUSALS = {
    "500": refusal("500 Internal Server Error"),
    "429": refusal("429 Too Many Requests", "retry-after: 30\r\n"),
}


async def answer(path: str, writer: asyncio.StreamWriter) -> None:
    kind, *rest = path.strip("/").split("/")
    calls[kind] += 1
    if kind == "good":
        count = int(rest[0])
        writer.write(HEAD)
        for start in range(0, count, 100):
            writer.write(TOKEN * min(100, count - start))
            await writer.drain()
        writer.write(END)
    elif kind == "paced":
        count, gap = int(rest[0]), float(rest[1])
        writer.write(HEAD)
        now = asyncio.get_running_loop().time
        began = now()
        for number in range(1, count + 1):
            writer.write(TOKEN)
            await writer.drain()
            await asyncio.sleep(began + number * gap - now())  # a late token does not delay the rest
        writer.write(END)
    elif kind == "dies":
        writer.write(HEAD)
        writer.write(TOKEN * int(rest[0]))
        await writer.drain()
        writer.transport.abort()
    elif kind in REFUSALS:
        writer.write(REFUSALS[kind])
    elif kind == "calls":
        body = json.dumps(calls).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        calls.clear()
    elif kind == "hang":
        await asyncio.sleep(LIFETIME)
    else:
        writer.write(HEAD)
        signs = {"headers": b"", "role": ROLE, "comments": COMMENT}[kind]
        for _ in range(int(LIFETIME / 0.05)):
            writer.write(signs)
            await writer.drain()
            await asyncio.sleep(0.05)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0
            )
            await reader.readexactly(length)
            await answer(head.split(" ")[1], writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)  # whatever still hangs was told to


if __name__ == "__main__":
    asyncio.run(main())
