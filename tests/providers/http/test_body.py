"""Bodies of a 200, and of errors, over real sockets: what each of them is."""

from __future__ import annotations

import asyncio
import gzip
import json

import httpx
import pytest

from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIConnectionError, APIError, APIStatusError, APIStreamError, ErrorKind
from fallback_chat.providers.http import body as reader
from fallback_chat.providers.http import fetch, frames, ndjson, sse
from tests.providers.asking import DOCUMENT, DONE, JSON, KEY, WHOLE, event, hello, llm, outcome, says, sends
from tests.providers.raw_server import CHUNKED, SSE, Peer, chunk, head, raw_server
from tests.waiting import PATIENCE


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (SSE, WHOLE),
        (SSE, b"\xef\xbb\xbf" + WHOLE),
        ((), WHOLE),
        ((("Content-Type", "text/html"),), WHOLE),
        ((("Content-Type", "application/json"),), WHOLE),
        (JSON, DOCUMENT),
        (JSON, b"\xef\xbb\xbf" + DOCUMENT),
        (JSON, b"\n\n \xef\xbb\xbf" + DOCUMENT),
        (SSE, DOCUMENT),
        ((), b"[" + DOCUMENT + b"]"),
        ((*SSE, ("Content-Encoding", "gzip")), gzip.compress(WHOLE, mtime=0)),
        (SSE, WHOLE.removesuffix(DONE)),
        (SSE, WHOLE + b"data: not json\n\n" + event(" MORE")),
        (SSE, WHOLE.removesuffix(DONE) + b"data: not json\n\n" + event(" MORE")),
    ],
)
async def test_whatever_the_content_type_an_answer_is_the_answer(
    headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    assert await outcome(sends(body, headers=headers)) == ("Hi there", None)


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        (b"", "", ErrorKind.EMPTY),
        (b" \n\n", "", ErrorKind.EMPTY),
        (DONE, "", ErrorKind.EMPTY),
        (event(""), "", ErrorKind.EMPTY),
        (event("Hi"), "Hi", ErrorKind.TRUNCATED),
        (b"<html>login</html>", "", ErrorKind.SERVER_ERROR),
        (b"It works!", "", ErrorKind.SERVER_ERROR),
        (b"null", "", ErrorKind.SERVER_ERROR),
        (b'"maintenance"', "", ErrorKind.SERVER_ERROR),
        (b"[1, 2]", "", ErrorKind.SERVER_ERROR),
        (b'{"ok": true}', "", ErrorKind.SERVER_ERROR),
        (DOCUMENT[:20], "", ErrorKind.SERVER_ERROR),
        (b'{"error": {"message": "The server is overloaded."}}', "", ErrorKind.OVERLOADED),
        (b"data: {\n\n", "", ErrorKind.SERVER_ERROR),
        (b"data: [1]\n\n", "", ErrorKind.SERVER_ERROR),
        (event("Hi") + b"data: {\n\n" + event(" there"), "Hi", ErrorKind.STREAM_ERROR),
        (event("Hi") + b'{"error": {"code": 503,\n"message": "x"}}', "Hi", ErrorKind.OVERLOADED),
        (event("Hi") + event(finish="stop") + b'{"error": {"code": 503,\n"message": "x"}}', "Hi", ErrorKind.OVERLOADED),
        (event("Hi") + b'event: error\ndata: {"message": "x", "code": 429}\n\n', "Hi", ErrorKind.RATE_LIMITED),
        (event("Hi") + b'data: {"error": "' + KEY.encode() + b'"}\n\n', "Hi", ErrorKind.SERVER_ERROR),
    ],
)
async def test_a_200_that_is_no_whole_answer_is_named(body: bytes, text: str, kind: ErrorKind) -> None:
    said, error = await outcome(sends(body))
    assert (said, error and error.kind, isinstance(error, APIStreamError)) == (text, kind, True)
    assert KEY not in f"{error}{error.body if error else ''}"


async def test_a_malformed_event_does_not_show_the_key() -> None:
    _, error = await outcome(sends(b"data: %s\n\n" % KEY.encode()))
    assert error is not None
    assert "[redacted]" in error.message


async def test_204_is_an_empty_answer() -> None:
    _, error = await outcome(says(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert error is not None
    assert error.kind is ErrorKind.EMPTY


@pytest.mark.parametrize(
    ("said", "reset", "text", "kind", "type_"),
    [
        (chunk(b": hi\n\n"), True, "", ErrorKind.CONNECTION, APIConnectionError),
        (chunk(b": hi\n\n"), False, "", ErrorKind.CONNECTION, APIConnectionError),
        (chunk(event("Hi")), True, "Hi", ErrorKind.STREAM_ERROR, APIStreamError),
        (chunk(event("Hi")), False, "Hi", ErrorKind.STREAM_ERROR, APIStreamError),
        (chunk(event("Hi")) + b"zz\r\n", False, "Hi", ErrorKind.STREAM_ERROR, APIStreamError),
        (chunk(event("Hi there") + event(finish="stop")), True, "Hi there", None, None),
        (chunk(WHOLE), True, "Hi there", None, None),
    ],
)
async def test_a_broken_body_is_judged_by_what_was_seen(
    said: bytes, reset: bool, text: str, kind: ErrorKind | None, type_: type[APIError] | None
) -> None:
    read = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + said)
        await read.wait()
        if reset:
            peer.reset()

    async with raw_server(play) as server, llm(server.url) as one:
        stream = hello(one)
        got, error = "", None
        asyncio.get_running_loop().call_later(0.05, read.set)
        try:
            async for piece in stream:
                got += (piece.delta and piece.delta.content) or ""
        except APIError as caught:
            error = caught
    assert (got, error and error.kind, error and type(error)) == (text, kind, type_)
    assert error is None or isinstance(error.__cause__, httpx.HTTPError)


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        (gzip.compress(WHOLE, mtime=0)[:20], "", ErrorKind.EMPTY),
        (b"not compressed", "", ErrorKind.SERVER_ERROR),
        (gzip.compress(b"data: " + b"0" * 200_000, mtime=0), "", ErrorKind.SERVER_ERROR),
    ],
)
async def test_compressed_bytes_are_bounded_and_may_be_broken(
    body: bytes, text: str, kind: ErrorKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (frames, sse, ndjson, reader):
        monkeypatch.setattr(module, "MAX_FRAME", 100_000)
    said, error = await outcome(sends(body, headers=(*SSE, ("Content-Encoding", "gzip"))))
    assert (said, error and error.kind) == (text, kind)


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT", 1000)
    said, error = await outcome(sends(event("x" * 100) * 100))
    assert (len(said), error and error.kind) == (1100, ErrorKind.STREAM_ERROR)


@pytest.mark.parametrize("key", ["content", "reasoning_content", "refusal"])
async def test_all_that_a_model_says_counts_for_the_limit(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT", 1000)
    piece = json.dumps({"choices": [{"delta": {key: "x" * 100}}]}).encode()
    _, error = await outcome(sends(b"data: %b\n\n" % piece * 100 + event(finish="stop") + DONE))
    assert error is not None
    assert (error.kind, error.message) == (ErrorKind.STREAM_ERROR, "the provider sent more than 16 MiB of text")


async def test_a_list_of_models_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_FRAME", 1000)
    sent = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + chunk(b'{"data": [' + b'{"id": "m"},' * 1000))
        sent.set()
        await peer.until_gone()

    async with asyncio.timeout(PATIENCE), raw_server(play) as server, llm(server.url) as one:
        with pytest.raises(APIStatusError, match="the provider answered 200 with what is not JSON"):
            await one.list_models()
        assert sent.is_set()


@pytest.mark.parametrize("data", [b"{}", b'{"choices":[{"delta":{"content":"x"}}]}'])
async def test_an_answer_of_countless_events_is_cut_off(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_EVENTS", 100)
    _, error = await outcome(sends((b"data: %b\n\n" % data) * 200))
    assert error is not None
    assert error.message == "the provider sent more than 100 events"


@pytest.mark.parametrize("body", [WHOLE, event("Hi there") + DONE])
async def test_the_terminator_ends_the_answer_though_the_server_keeps_the_connection_open(body: bytes) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + chunk(body))
        await peer.until_gone()

    async with asyncio.timeout(PATIENCE):
        assert await outcome(play) == ("Hi there", None)


@pytest.mark.parametrize("half", ["\\ud83d", "\\uD83D"])
async def test_a_character_cut_between_two_events_is_put_together(half: str) -> None:
    def piece(text: str) -> bytes:
        return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()

    assert await outcome(sends(piece("a" + half) + piece("\\udef6b") + event(finish="stop"))) == ("a\U0001f6f6b", None)
    assert await outcome(sends(piece("a" + half) + event("b") + event(finish="stop"))) == ("a\ufffdb", None)
    assert await outcome(sends(piece("a" + half) + event(finish="stop"))) == ("a\ufffd", None)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "wait"),
    [
        (401, (), b"{}", ErrorKind.AUTH, None),
        (429, (("Retry-After", "7"),), b'{"error": {"message": "slow"}}', ErrorKind.RATE_LIMITED, 7.0),
        (500, (), b"\xff" * 200_000, ErrorKind.SERVER_ERROR, None),
        (302, (("Location", "https://elsewhere.invalid/v1"),), b"", ErrorKind.SERVER_ERROR, None),
    ],
)
async def test_a_status_is_an_error_of_its_class(
    status: int, headers: tuple[tuple[str, str], ...], body: bytes, kind: ErrorKind, wait: float | None
) -> None:
    _, error = await outcome(sends(body, status=status, headers=headers))
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.kind, error.retry_after) == (status, kind, wait)


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "iso-8859-1"), ("iso-8859-1", "iso-8859-1"), ("utf-16", "utf-16"), ("utf-8", "no such charset")],
)
async def test_the_words_of_an_error_are_read_in_their_charset(encoding: str, declared: str) -> None:
    body = '{"error": {"message": "verweigert für den Schlüssel"}}'.encode(encoding)
    headers = (("Content-Type", f"application/json; charset={declared}"),)

    _, error = await outcome(sends(body, status=400, headers=headers))

    assert error is not None
    assert error.message == "verweigert für den Schlüssel"


async def test_a_body_of_an_error_that_never_comes_does_not_hide_the_status() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(503, (("Content-Length", "100"),)) + b"busy")
        await peer.until_gone()

    now = asyncio.get_running_loop().time
    began = now()
    _, error = await outcome(play, attempt=AttemptSettings(attempt_timeout=0.2))
    assert error is not None
    assert (error.kind, error.message) == (ErrorKind.OVERLOADED, "busy")
    assert now() - began < 0.3


@pytest.mark.parametrize("body", [b"{" + b" " * 2000 + b"}", b"data: " + b"x" * 2000 + b"\n\n", b"<" + b"x" * 2000])
async def test_a_body_larger_than_any_answer_is_refused(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (frames, sse, ndjson, reader):
        monkeypatch.setattr(module, "MAX_FRAME", 1000)
    _, error = await outcome(sends(body))
    assert error is not None
    assert (error.kind, error.message) == (
        ErrorKind.SERVER_ERROR,
        "the provider sent a line or event larger than 16 MiB",
    )


async def test_a_tool_call_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fallback_chat.providers.wire.allowance.MOST", 50)
    piece = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}}]}\n\n' % (
        b"x" * 99
    )
    _, error = await outcome(sends(piece))
    assert error is not None
    assert error.message == "the provider sent calls or state larger than 32 MiB"


@pytest.mark.parametrize("at", range(0, 20, 3))
async def test_half_a_key_is_not_shown_either(at: int) -> None:
    for text in ("x" * (at + 42) + KEY, "x" * (at + 280) + KEY):
        quoted = json.dumps({"error": {"message": text}}).encode()
        for body in (b"data: " + text.encode() + b"\n\n", text.encode(), b"data: " + quoted + b"\n\n", quoted):
            _, error = await outcome(sends(body))
            assert error is not None
            assert KEY[:6] not in error.message
        _, error = await outcome(sends(quoted, status=400))
        assert error is not None
        assert KEY[:6] not in error.message
