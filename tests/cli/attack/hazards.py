"""What a server can send to exhaust its client: one row each, which sends until nobody reads any more."""

from __future__ import annotations

import gzip
import itertools
import zlib
from typing import TYPE_CHECKING, Any, Final

from tests.cli.canned import frame, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.cli.attack.rude import Send

MB: Final = 2**20
SSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
JSON: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
ERROR: Final = b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nConnection: close\r\n"
END: Final = b"".join(spoken("ok"))


def packed(head: bytes, pieces: Iterable[bytes], *, window: int = 31, name: bytes = b"gzip") -> Callable[[Send], None]:
    """Send `pieces` as one compressed body."""

    def play(send: Send) -> None:
        send(head + b"Content-Encoding: " + name + b"\r\n\r\n")
        packer = zlib.compressobj(9, zlib.DEFLATED, window)
        for piece in pieces:
            send(packer.compress(piece))
        send(packer.flush())

    return play


def ever(head: bytes, *pieces: bytes) -> Callable[[Send], None]:
    """Send `pieces` behind `head` again and again."""

    def play(send: Send) -> None:
        send(head)
        while True:
            for piece in pieces:
                send(piece)

    return play


def once(*pieces: bytes) -> Callable[[Send], None]:
    """Send `pieces`."""
    return lambda send: send(b"".join(pieces))


def numbered(event: Callable[[int], bytes]) -> Callable[[Send], None]:
    """Send events without end that differ in a number."""

    def play(send: Send) -> None:
        send(SSE + b"\r\n")
        for start in itertools.count(0, 500):
            send(b"".join(map(event, range(start, start + 500))))

    return play


def call(number: int, arguments: str = "{}", **more: Any) -> bytes:
    return frame({"tool_calls": [{"index": number, "function": {"arguments": arguments, **more}}]})


TWICE: Final = gzip.compress(gzip.compress(bytes(64 * MB), 9), 9)
ZEROS: Final = [bytes(MB)] * 512
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

HAZARDS: Final[dict[str, Callable[[Send], None]]] = {
    # compression
    "a bomb of gzip": packed(SSE, ZEROS),
    "a bomb of deflate": packed(SSE, ZEROS, window=15, name=b"deflate"),
    "a bomb of bare deflate": packed(SSE, ZEROS, window=-15, name=b"deflate"),
    "a bomb in a document": packed(JSON, ZEROS),
    "a bomb in an error": packed(ERROR, ZEROS),
    "a bomb of blanks": packed(SSE, [b" \n" * (MB // 2)] * 512),
    "a bomb of comments": packed(SSE, [b": x\n\n" * 200_000] * 512),
    "a bomb of text": packed(SSE, [frame({"content": "A" * 65536})] * 4000),
    "a bomb of thoughts": packed(SSE, [frame({"reasoning": "A" * 65536})] * 4000),
    "two layers of gzip": once(SSE, b"Content-Encoding: gzip, gzip\r\n\r\n", TWICE),
    "two headers of gzip": once(SSE, b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n", TWICE),
    "two hundred layers": once(SSE, b"Content-Encoding: ", b", ".join([b"gzip"] * 200), b"\r\n\r\n", TWICE),
    "unknown encodings": once(SSE, b"Content-Encoding: br, zstd, x\r\n\r\n", bytes(1000)),
    "members without end": ever(SSE + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 1000),
    # heads and framing
    "a status line without end": ever(b"HTTP/1.1 200 ", b"a" * 65536),
    "a header without end": ever(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
    "headers without end": ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 5000),
    "heads of 100 without end": ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "heads of 103 without end": ever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 500),
    "a chunk's size without end": ever(CHUNKED, b"0" * 65536),
    "a chunk's extension without end": ever(CHUNKED + b"5;", b"a" * 65536),
    "trailers without end": ever(CHUNKED + b"0\r\n", b"X: y\r\n" * 8000),
    "chunks of one byte": once(CHUNKED, *(b"1\r\n%c\r\n" % byte for byte in END * 50), b"0\r\n\r\n"),
    "a length of 400 digits": once(b"HTTP/1.1 200 OK\r\nContent-Length: ", b"9" * 400, b"\r\n\r\n", END),
    "two lengths": once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n", END),
    # lines and events
    "a line without end": ever(SSE + b"\r\n", b"z" * 65536),
    "data without end": ever(SSE + b"\r\ndata: ", b"x" * 65536),
    "lines of data without end": ever(SSE + b"\r\n", b"data: x\n" * 8000),
    "an event's name without end": ever(SSE + b"\r\nevent: ", b"x" * 65536),
    "empty lines without end": ever(SSE + b"\r\n", b"\n" * 65536),
    "comments without end": ever(SSE + b"\r\n", b": ping\n\n" * 8000),
    "a comment without end": ever(SSE + b"\r\n:", b"x" * 65536),
    "empty events, then an answer": once(SSE, b"\r\n", b"data:\n\n" * 100_000, END),
    "an error without end": ever(ERROR + b"\r\n", b"e" * 65536),
    # JSON
    "deep objects": once(SSE, b"\r\ndata: ", b'{"a":' * 200_000, b"1", b"}" * 200_000, b"\n\n"),
    "deep lists": once(SSE, b"\r\ndata: ", b"[" * 3_000_000, b"\n\n"),
    "a deep error": once(ERROR, b'\r\n{"error":', b"[" * 100_000, b"]" * 100_000, b"}"),
    "empty lists": once(SSE, b'\r\ndata: {"a":[', b"[]," * 5_000_000, b"[]]}\n\n"),
    "empty objects": once(JSON, b'\r\n{"a":[', b"{}," * 5_000_000, b"{}]}"),
    "small objects": once(SSE, b'\r\ndata: {"a":[', b'{"a":1},' * 1_900_000, b"0]}\n\n"),
    "many keys": once(JSON, b"\r\n{", b",".join(b'"%d":0' % number for number in range(1_000_000)), b"}"),
    "a number of 4,000 digits": once(SSE, b'\r\ndata: {"created":', b"9" * 4000, b"}\n\n", END),
    "numbers out of range": once(SSE, b'\r\ndata: {"created":1e400,"x":NaN,"y":-Infinity}\n\n', END),
    # what is said
    "text without end": ever(SSE + b"\r\n", frame({"content": "word " * 4000}) * 4),
    "text of wide characters without end": ever(SSE + b"\r\n", frame({"content": "\U0001f600" * 4000}) * 4),
    "one-letter text without end": ever(SSE + b"\r\n", frame({"content": "x"}) * 2000),
    "a refusal without end": ever(SSE + b"\r\n", frame({"refusal": "no " * 4000}) * 4),
    "thoughts without end": ever(SSE + b"\r\n", frame({"reasoning_content": "word " * 4000}) * 4),
    "one-letter thoughts without end": ever(SSE + b"\r\n", frame({"reasoning_content": "x"}) * 2000),
    "thoughts in raw tags without end": ever(
        SSE + b"\r\n" + frame({"content": "<think>"}), frame({"content": "x "}) * 2000
    ),
    "thoughts behind text without end": ever(
        SSE + b"\r\n" + frame({"content": "ok"}), frame({"reasoning": "x"}) * 2000
    ),
    "blanks without end": ever(SSE + b"\r\n", frame({"content": " "}) * 2000),
    "newlines without end": ever(SSE + b"\r\n", frame({"content": "\n"}) * 2000),
    "empty deltas without end": ever(SSE + b"\r\n", frame({"content": ""}) * 200),
    "millions of newlines": once(SSE, b"\r\n", frame({"content": "\n" * 4_000_000}), END),
    "millions of blanks between words": once(SSE, b"\r\n", frame({"content": "a" + " " * 4_000_000}), END),
    "millions of invisible characters": once(SSE, b"\r\n", frame({"content": "\u200b" * 2_000_000}), END),
    "one delta of 8 MB": once(SSE, b"\r\n", frame({"content": "w " * 4_000_000}), END),
    # calls and state
    "pieces of a call without end": ever(SSE + b"\r\n" + call(0, "{", name="f"), call(0, "a") * 2000),
    "pieces of a call behind text without end": ever(
        SSE + b"\r\n" + frame({"content": "ok"}) + call(0, "{", name="f"), call(0, "a") * 2000
    ),
    "calls without end": numbered(lambda number: call(number, name="f")),
    "calls of one index without end": ever(SSE + b"\r\n", call(0, name="f") * 500),
    "nameless calls without end": numbered(call),
    "a call's name without end": ever(SSE + b"\r\n", call(0, "", name="f" * 4000) * 8),
    "images without end": ever(SSE + b"\r\n", frame({"images": [{"image_url": {"url": "data:" + "A" * 65536}}]})),
    "a huge index of a call": once(SSE, b"\r\n", call(10**18, name="f"), END),
    "ids without end": numbered(lambda number: frame({"role": "assistant"}, id=f"id-{number}" * 50)),
}
"""Where nothing else is said: a stream of Chat Completions."""
CHEAP: Final = (
    *("a bomb of gzip", "two hundred layers", "a header without end", "trailers without end", "data without end"),
    *("a line without end", "deep lists", "empty lists", "small objects", "text without end", "calls without end"),
    *("thoughts without end", "members without end", "a refusal without end", "images without end"),
)
"""Those that take a second or less: an ordinary run tries two of them."""
