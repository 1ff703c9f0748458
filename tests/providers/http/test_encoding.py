"""Compressed bodies: one layer, in bounded steps, and a cancellation is heard between any two of them."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from functools import cache
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.errors import APIStatusError, APIStreamError, ErrorKind
from fallback_chat.providers.http.encoding import STEP, Expander, body_of
from tests.providers.asking import DOCUMENT, JSON, WHOLE, llm, outcome, sends
from tests.providers.raw_server import SSE, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def deflate(data: bytes) -> bytes:
    return zlib.compress(data)


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(b"") + gzip.compress(data[half:])


PACKERS = {"gzip": gzip.compress, "x-gzip": members, "deflate": deflate, "deflate ": bare_deflate}
EXPANDED = 64 * 1024 * 1024
"""Bytes of a bomb."""


@cache
def bomb() -> bytes:
    """Return zeros, compressed a thousandfold: half a second's work, so only a process that needs them makes them."""
    return gzip.compress(bytes(EXPANDED))


def expand(encoding: str, pieces: list[bytes]) -> list[bytes]:
    expander = Expander(encoding.strip())
    made = []
    for piece in pieces:
        expander.feed(piece)
        while step := expander.step():
            made.append(step)
    return made


@given(st.sampled_from(sorted(PACKERS)), st.binary(), st.integers(1, 200), st.integers(1, 30), st.binary(max_size=9))
def test_what_was_packed_comes_out_however_it_was_cut(
    encoding: str, data: bytes, times: int, size: int, behind: bytes
) -> None:
    packed = PACKERS[encoding](data * times) + (b"" if behind.startswith(b"\x1f\x8b") else behind)
    made = expand(encoding, [packed[at : at + size] for at in range(0, len(packed), size)])
    assert b"".join(made) == data * times
    assert all(len(piece) <= STEP for piece in made)


@given(st.sampled_from(["gzip", "deflate"]), st.binary())
def test_any_bytes_are_expanded_or_refused(encoding: str, junk: bytes) -> None:
    try:
        expand(encoding, [junk])
    except zlib.error:
        return


def test_a_cut_body_gives_what_it_held() -> None:
    packed = gzip.compress(b"x" * 1000 + bytes(range(256)))
    assert b"".join(expand("gzip", [packed[:-9]])).startswith(b"x" * 1000)


class Packed(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


def response(body: bytes, encoding: str) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": encoding}, stream=Packed(body))


async def test_a_bomb_takes_the_memory_of_one_step() -> None:
    made, packed = 0, bomb()
    tracemalloc.start()
    async for piece in body_of(response(packed, "gzip")):
        made += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made == EXPANDED
    assert peak < 1024 * 1024


async def test_a_cancellation_is_heard_between_two_steps() -> None:
    steps = 0
    task = asyncio.current_task()
    assert task is not None
    try:
        async for _ in body_of(response(bomb(), "gzip")):
            steps += 1
            if steps == 3:
                asyncio.get_running_loop().call_soon(task.cancel)
    except asyncio.CancelledError:
        task.uncancel()
    assert steps <= 4


@pytest.mark.parametrize("encoding", ["", "identity", "IDENTITY", "none", "utf-8"])
async def test_what_names_no_compression_is_read_as_it_is(encoding: str) -> None:
    assert await outcome(sends(WHOLE, headers=(*SSE, ("Content-Encoding", encoding)))) == ("Hi there", None)


@pytest.mark.parametrize(
    ("encoding", "packer"), [("gzip", gzip.compress), ("GZIP", members), ("deflate", bare_deflate)]
)
async def test_a_compressed_answer_is_the_answer(encoding: str, packer: object) -> None:
    assert callable(packer)
    assert await outcome(sends(packer(WHOLE), headers=(*SSE, ("Content-Encoding", encoding)))) == ("Hi there", None)


UNREADABLE = {
    "gzip, gzip": "the encoding gzip, gzip",
    "gzip,gzip,gzip": "the encoding gzip, gzip, gzip",
    "br": "the encoding br",
    "zstd": "the encoding zstd",
    "br, zstd, sk-secret": "an unknown encoding",
    "x" * 5000: "an unknown encoding",
    ", ".join(["gzip"] * 200): "the encoding gzip, gzip, gzip, gzip, gzip",
}


@pytest.mark.parametrize(("encoding", "named"), UNREADABLE.items())
async def test_stacked_and_unknown_encodings_are_refused(encoding: str, named: str) -> None:
    _, error = await outcome(sends(gzip.compress(bomb()), headers=(*SSE, ("Content-Encoding", encoding))))
    assert isinstance(error, APIStreamError)
    assert error.kind is ErrorKind.SERVER_ERROR
    assert error.message.endswith(f"sent its answer in {named}, which was not asked for")


@pytest.mark.parametrize("encoding", ["gzip", *UNREADABLE])
async def test_the_status_counts_where_the_body_cannot_be_read(encoding: str) -> None:
    _, error = await outcome(sends(bomb(), status=401, headers=(*JSON, ("Content-Encoding", encoding))))
    assert isinstance(error, APIStatusError)
    assert error.kind is ErrorKind.AUTH


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", bomb), ("gzip, gzip", lambda: gzip.compress(bomb())), ("gzip", lambda: b"junk")]
)
async def test_a_list_of_models_is_bounded_as_well(encoding: str, body: Callable[[], bytes]) -> None:
    play = sends(body(), headers=(*JSON, ("Content-Encoding", encoding)))
    async with raw_server(play) as server, llm(server.url) as one:
        report = await one.probe(light=True, timeout=30)
    assert report.error is not None
    assert report.error.kind is ErrorKind.SERVER_ERROR


async def test_a_compressed_error_is_read() -> None:
    body = gzip.compress(b'{"error": {"message": "words"}}')
    _, error = await outcome(sends(body, status=500, headers=(*JSON, ("Content-Encoding", "gzip"))))
    assert error is not None
    assert error.message == "words"


async def test_a_compressed_document_is_an_answer() -> None:
    play = sends(gzip.compress(DOCUMENT), headers=(*JSON, ("Content-Encoding", "gzip")))
    assert await outcome(play) == ("Hi there", None)
