"""Chunked bodies: what is unwrapped here, what is left to the HTTP library, and that both read the same."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.http.chunked import Unwrapper
from tests.providers.asking import WHOLE, ask, event, llm, outcome, says
from tests.providers.raw_server import CHUNKED, Peer, chunk, head, raw_server

END = b"0\r\n\r\n"


def unwrapped(body: bytes, size: int) -> tuple[bytes, bytes, bool]:
    """Unwrap `body` in pieces of `size` bytes."""
    unwrapper, content = Unwrapper(), b""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    while pieces and not unwrapper.stopped:
        content += unwrapper.feed(pieces.pop(0))
    return content, unwrapper.rest + b"".join(pieces), unwrapper.stopped


def by_h11(body: bytes) -> bytes:
    """Return the content of a chunked body as h11 reads it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(head(200, CHUNKED) + body)
    content = b""
    while not isinstance(one := client.next_event(), h11.EndOfMessage):
        content += bytes(one.data) if isinstance(one, h11.Data) else b""
    return content


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 60))
def test_the_content_of_chunks_is_that_of_the_library_however_they_are_cut(contents: list[bytes], size: int) -> None:
    body = b"".join(map(chunk, contents)) + END
    assert unwrapped(body, size) == (by_h11(body), END, True)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    "unusual",
    [
        b"5;name=value\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"0000000000005\r\nhello\r\n",
        b"5\nhello\r\n",
        b"\r\n",
        b"five\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"0;last\r\nTrailer: yes\r\n\r\n",
        b"ffffffffffff",
    ],
)
def test_whatever_is_unusual_is_left_to_the_library_as_it_came(unusual: bytes, size: int) -> None:
    assert unwrapped(chunk(b"before") + unusual, size) == (b"before", unusual, True)


def test_content_is_handed_on_before_its_chunk_is_complete() -> None:
    unwrapper = Unwrapper()
    fed = [unwrapper.feed(piece) for piece in (b"1", b"0\r", b"\nhal", b"f of 16", b" bytes", b"\r", b"\n")]
    assert (fed, unwrapper.rest, unwrapper.stopped) == ([b"", b"", b"hal", b"f of 16", b" bytes", b"", b""], b"", False)


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("wrong", [b"2\r\nhello\r\n", b"6\r\nhello\r\n5\r\nhello\r\n", b"5\r\nhello\n\n"])
def test_a_chunk_that_is_longer_or_shorter_than_it_says_breaks_the_body(wrong: bytes, size: int) -> None:
    unwrapper = Unwrapper()
    content = b"".join(unwrapper.feed(wrong[start : start + size]) for start in range(0, len(wrong), size))
    assert (unwrapper.broken, unwrapper.stopped, b"hello\r".startswith(content)) == (True, True, True)


@pytest.mark.parametrize(
    "response",
    [
        head(200, CHUNKED) + chunk(WHOLE) + END,
        head(200, CHUNKED).replace(b"\r\n", b"\n") + chunk(WHOLE) + END,
        head(200, (("Transfer-Encoding", "CHUNKED"),)) + chunk(WHOLE) + END,
        head(103, (("Link", "</x>"),)) + head(200, CHUNKED) + chunk(WHOLE) + END,
        head(200, CHUNKED) + b"%x;ext=1\r\n%s\r\n" % (len(WHOLE), WHOLE) + END,
        head(200, CHUNKED) + chunk(WHOLE) + b"0\r\nTrailer: yes\r\n\r\n",
        head(200, CHUNKED) + b"".join(chunk(WHOLE[at : at + 1]) for at in range(len(WHOLE))) + END,
    ],
    ids=["usual", "line feeds", "capitals", "early hints", "extension", "trailer", "tiny"],
)
@pytest.mark.parametrize("cut", [1, 40, 10_000])
async def test_every_form_is_read_to_its_end_and_the_connection_kept(response: bytes, cut: int) -> None:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(response[:cut])
            await peer.send(response[cut:])

    async with raw_server(play) as server, llm(server.url) as one:
        assert [await ask(one) for _ in range(2)] == [("Hi there", None)] * 2
        assert len(server.peers) == 1


async def test_a_body_that_breaks_the_rules_blames_the_http_of_the_server() -> None:
    text, error = await outcome(says(head(200, CHUNKED) + chunk(event("Hi")) + b"1\r\nlonger\r\n"))
    assert error is not None
    assert (text, error.kind) == ("Hi", ErrorKind.STREAM_ERROR)
    assert error.message.endswith("does not speak HTTP as it should")
