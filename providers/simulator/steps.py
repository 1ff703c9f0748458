"""The steps that make up faults: each writes some bytes, waits, or ends the connection."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Final

from fallback_chat.providers.simulator.exchange import Exchange, Framing, render_head

Step = Callable[[Exchange], Awaitable[None]]

THOUGHT: Final = "The user wants words. "
COMMENT: Final = "I look at the file."
BLANK: Final = " \n\t"
REFUSAL: Final = "I cannot help with that."
SEPARATORS: Final = "a\u2028b\u2029c\u0085d\u000be\u001cf 😀 é"
"""Characters at which careless readers split lines, and some multi-byte ones."""


def pieces(text: str) -> list[str]:
    """Split `text` into words, each with the blanks before it."""
    return re.findall(r"\s*\S+", text)


def head(*headers: tuple[str, str], framing: Framing = Framing.CHUNKED, version: str = "HTTP/1.1") -> Step:
    """Send a 200 and the usual headers."""

    async def step(ex: Exchange) -> None:
        await ex.head(200, *headers, content_type=ex.voice.stream_type, framing=framing, version=version)

    return step


def head_as(content_type: str | None) -> Step:
    """Send a 200 with another content type, or without one."""

    async def step(ex: Exchange) -> None:
        await ex.head(200, content_type=content_type)

    return step


def raw(data: bytes, times: int = 1) -> Step:
    """Send bytes outside HTTP, without framing."""

    async def step(ex: Exchange) -> None:
        for _ in range(times):
            await ex.connection.write(data)

    return step


def body(data: bytes, times: int = 1) -> Step:
    """Send bytes as a piece of the body."""

    async def step(ex: Exchange) -> None:
        for _ in range(times):
            await ex.send(data)

    return step


def say(text: str) -> Step:
    """Send `text` as one piece of the answer."""

    async def step(ex: Exchange) -> None:
        await ex.send(ex.voice.text(text))

    return step


def finish(reason: str) -> Step:
    """Send the reason for the end of the answer."""

    async def step(ex: Exchange) -> None:
        await ex.send(ex.voice.finish(reason))

    return step


def newline(line_end: bytes) -> Step:
    """Use another line end for server-sent events from here on."""

    async def step(ex: Exchange) -> None:
        ex.newline = line_end

    return step


async def as_stream(ex: Exchange) -> None:
    """Answer with a stream from here on, whatever was requested."""
    ex.voice = ex.wire


async def start(ex: Exchange) -> None:
    """Send what precedes content: the role."""
    await ex.send(ex.voice.start())


async def token(ex: Exchange) -> None:
    """Send the first word."""
    await ex.send(ex.voice.text(pieces(ex.manner.text)[0]))


async def rest(ex: Exchange) -> None:
    """Send all words but the first."""
    for piece in pieces(ex.manner.text)[1:]:
        await ex.send(ex.voice.text(piece))


async def half(ex: Exchange) -> None:
    """Send the first half of the words."""
    words = pieces(ex.manner.text)
    for piece in words[: len(words) // 2]:
        await ex.send(ex.voice.text(piece))


async def go_on(ex: Exchange) -> None:
    """Send the words from those on that the request quotes between two lines of dashes.

    Without a quotation, send all words.
    """
    quoted = re.findall(rb"-----\\n(.+?)\\n-----", ex.request.body)
    anchor = json.loads(b'"%s"' % quoted[-1]) if quoted else ""
    for piece in pieces(ex.manner.text[max(ex.manner.text.rfind(anchor), 0) if anchor else 0 :]):
        await ex.send(ex.voice.text(piece))


async def slowly(ex: Exchange) -> None:
    """Send all words but the first, a tick apart."""
    for piece in pieces(ex.manner.text)[1:]:
        await ex.sleep(ex.manner.tick)
        await ex.send(ex.voice.text(piece))


async def think(ex: Exchange) -> None:
    """Send one piece of reasoning."""
    await ex.send(ex.voice.thinking(THOUGHT))


async def think_silently(ex: Exchange) -> None:
    """Show that the model begins to think, where the format can, and nothing of what."""
    await ex.send(ex.voice.think_silently())


async def comment(ex: Exchange) -> None:
    """Comment on the work, before the final answer."""
    await ex.send(ex.voice.comment_on(COMMENT))


async def refuse(ex: Exchange) -> None:
    """Send a refusal in words."""
    await ex.send(ex.voice.refusal(REFUSAL))


async def call_tool(ex: Exchange) -> None:
    """Send a tool call."""
    await ex.send(ex.voice.tool_call("lookup", {"key": "value"}))


async def error(ex: Exchange) -> None:
    """Send an error inside the stream."""
    await ex.send(ex.voice.error("The server had an error while processing your request."))


async def usage(ex: Exchange) -> None:
    await ex.send(ex.voice.usage())


async def terminate(ex: Exchange) -> None:
    """Send the terminator, if the format has one."""
    await ex.send(ex.voice.terminator)


async def flush(ex: Exchange) -> None:
    """Send what a complete document still holds back; a stream holds nothing back."""
    await ex.send(ex.voice.end())


async def end(ex: Exchange) -> None:
    """End the body properly."""
    await ex.end()


async def late(ex: Exchange) -> None:
    """Send nothing for the delay."""
    await ex.sleep(ex.manner.delay)


async def comments(ex: Exchange) -> None:
    """Send comments only, for the delay."""
    await _signs(ex, lambda: ex.voice.comment)


async def pings(ex: Exchange) -> None:
    """Send frames without content for the delay."""
    await _signs(ex, ex.voice.alive)


async def thoughts(ex: Exchange) -> None:
    """Send reasoning for the delay."""
    await _signs(ex, lambda: ex.voice.thinking(THOUGHT))


async def _signs(ex: Exchange, make: Callable[[], bytes]) -> None:
    for _ in range(max(1, round(ex.manner.delay / ex.manner.tick))):
        await ex.send(make())
        await ex.sleep(ex.manner.tick)


def for_ever(step: Step) -> Step:
    """Repeat a step until the client leaves or the connection's lifetime ends."""

    async def repeated(ex: Exchange) -> None:
        while True:
            await step(ex)

    return repeated


async def half_event(ex: Exchange) -> None:
    """Send the first half of a word's frame."""
    frame = ex.voice.text(" half")
    await ex.send(frame[: len(frame) // 2])


async def broken_frame(ex: Exchange) -> None:
    """Send a frame whose JSON is broken."""
    frame = ex.voice.text(" broken").rstrip(b"\r\n")
    await ex.send((frame[:-3] or b"{") + b"\n\n")


async def hang(ex: Exchange) -> None:
    """Send nothing more."""
    await ex.send(ex.voice.cut())
    await ex.connection.gone.wait()


async def close(ex: Exchange) -> None:
    """Close the connection without ending the body."""
    await ex.send(ex.voice.cut())
    ex.connection.close()


async def close_clean(ex: Exchange) -> None:
    """End the body properly although the answer is incomplete."""
    await ex.send(ex.voice.cut())
    await ex.end()


async def reset(ex: Exchange) -> None:
    """Reset the connection once sent data had time to arrive: a reset overtakes data."""
    await ex.send(ex.voice.cut())
    await ex.sleep(ex.manner.tick)
    ex.connection.reset()


async def close_after(ex: Exchange) -> None:
    """Close a connection that promised to stay open, after the answer was read."""
    asyncio.get_running_loop().call_later(ex.manner.tick, ex.connection.close)


async def zipped_head(ex: Exchange) -> None:
    """Send a 200 whose body is compressed from here on."""
    await head(("content-encoding", "gzip"))(ex)
    ex.zipper = zlib.compressobj(wbits=31)


async def half_zipped(ex: Exchange) -> None:
    """Send compressed bytes that end in the middle."""
    await ex.head(200, ("content-encoding", "gzip"), content_type=ex.voice.stream_type)
    packed = gzip.compress(ex.voice.start() + ex.voice.text(ex.manner.text))
    await ex.send(packed[: len(packed) // 2])


async def bytewise(ex: Exchange) -> None:
    """Send text of many-byte characters one byte at a time."""
    for byte in ex.voice.text(SEPARATORS):
        await ex.send(bytes([byte]))


async def dripping_head(ex: Exchange) -> None:
    """Send the head one byte at a time, then the answer follows."""
    data = render_head(200, [("content-type", ex.voice.stream_type), ("transfer-encoding", "chunked")])
    for byte in data:
        await ex.connection.write(bytes([byte]))
        await ex.sleep(0.001)
    ex.framing = Framing.CHUNKED


async def bomb(ex: Exchange) -> None:
    """Send 256 MB of zeros in compressed form."""
    packer = zlib.compressobj(wbits=31)
    for _ in range(256):
        await ex.send(packer.compress(bytes(1_000_000)))
    await ex.send(packer.flush())
