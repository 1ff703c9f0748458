"""Answers over real sockets: what each way of going wrong becomes, and that nothing stays open."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.errors import APIConnectionError, APIError, APIStatusError, APIStreamError, ErrorKind
from fallback_chat.core.settings import ChainSettings, ProviderSettings
from fallback_chat.providers import _body, _frames, _ndjson, _sse, kinds, load
from fallback_chat.providers._connection_errors import HANDLED, connection_error
from fallback_chat.providers._http import HttpEngine
from fallback_chat.providers._llm import HttpLLM
from fallback_chat.providers.simulator import black_hole, closed_port
from tests.providers.raw_server import CHUNKED, SSE, Peer, chunk, head, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fallback_chat.core.llm import ChatChunk, ProbeReport

KEY = "sk-test-0123456789"


def event(content: str | None = None, finish: str | None = None) -> bytes:
    delta = {"content": content} if content is not None else {}
    return b"data: %s\n\n" % json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode()


DONE = b"data: [DONE]\n\n"
WHOLE = event("Hi") + event(" there") + event(finish="stop") + DONE
DOCUMENT = json.dumps({"choices": [{"message": {"content": "Hi there"}, "finish_reason": "stop"}]}).encode()
JSON = (("Content-Type", "application/json"),)


@asynccontextmanager
async def llm(url: str, *, http: HttpEngine | None = None, **more: Any) -> AsyncIterator[HttpLLM]:
    settings: dict[str, Any] = {"name": "p", "kind": "openai", "model": "m", "base_url": url} | more
    made = load("openai").create(ProviderSettings(**settings), api_key=KEY, http=http or HttpEngine(environ={}))
    assert isinstance(made, HttpLLM)
    async with made:
        yield made


def hello(one: HttpLLM) -> Any:
    return one.chat(chat_ctx=ChatContext.from_text("hello"))


async def ask(one: HttpLLM) -> tuple[str, APIError | None]:
    """Give the text of an answer, and what it ended in."""
    text = ""
    async with hello(one) as stream:
        try:
            async for piece in stream:
                text += (piece.delta and piece.delta.content) or ""
        except APIError as error:
            return text, error
    return text, None


async def outcome(play: Any, **more: Any) -> tuple[str, APIError | None]:
    async with raw_server(play) as server, llm(server.url, **more) as one:
        return await ask(one)


def says(data: bytes) -> Any:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return play


def sends(body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = SSE) -> Any:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, status=status, headers=headers)

    return play


def test_kinds_are_known_without_being_imported_and_others_are_refused() -> None:
    code = "import sys; from fallback_chat.providers import kinds; kinds(); sys.exit('httpx' in sys.modules)"
    subprocess.run([__import__("sys").executable, "-c", code], check=True)
    assert kinds() == ("openai", "openai-responses", "anthropic", "gemini", "ollama", "guide")
    with pytest.raises(ValueError, match="there is no kind 'x'; there are openai, "):
        load("x")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (SSE, WHOLE),
        (SSE, b"\xef\xbb\xbf" + WHOLE),
        ((), WHOLE),
        ((("Content-Type", "text/html"),), WHOLE),
        ((("Content-Type", "application/json"),), WHOLE),
        (JSON, DOCUMENT),
        (JSON, b"\n\n \xef\xbb\xbf"[:3] + DOCUMENT),
        (SSE, DOCUMENT),
        ((), b"[" + DOCUMENT + b"]"),
        ((*SSE, ("Content-Encoding", "gzip")), gzip.compress(WHOLE)),
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
        (event("Hi") + DONE, "Hi", ErrorKind.TRUNCATED),
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
        (gzip.compress(WHOLE)[:20], "", ErrorKind.EMPTY),
        (b"not compressed", "", ErrorKind.SERVER_ERROR),
        (gzip.compress(b"data: " + b"0" * 200_000), "", ErrorKind.SERVER_ERROR),
    ],
)
async def test_compressed_bytes_are_bounded_and_may_be_broken(
    body: bytes, text: str, kind: ErrorKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (_frames, _sse, _ndjson, _body):
        monkeypatch.setattr(module, "MAX_FRAME", 100_000)
    said, error = await outcome(sends(body, headers=(*SSE, ("Content-Encoding", "gzip"))))
    assert (said, error and error.kind) == (text, kind)


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_body, "MAX_TEXT", 1000)
    said, error = await outcome(sends(event("x" * 100) * 100))
    assert (len(said), error and error.kind) == (1100, ErrorKind.STREAM_ERROR)


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


async def test_a_body_of_an_error_that_never_comes_does_not_hide_the_status() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(503, (("Content-Length", "100"),)) + b"busy")
        await peer.until_gone()

    began = time.monotonic()
    _, error = await outcome(play, chain=ChainSettings(attempt_timeout=0.2))
    assert error is not None
    assert (error.kind, error.message) == (ErrorKind.OVERLOADED, "busy")
    assert time.monotonic() - began < 1


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    async with llm(f"http://127.0.0.1:{closed_port()}") as one:
        _, error = await ask(one)
    assert isinstance(error, APIConnectionError)
    assert error.message.endswith("refuses connections")
    assert error.hint == "check base_url, and that the server runs"
    assert isinstance(error.__cause__, httpx.ConnectError)


async def test_a_name_that_does_not_resolve_is_said_to_be_so() -> None:
    async with llm("http://nowhere.invalid/v1", proxy="none") as one:
        _, error = await ask(one)
    assert error is not None
    assert error.message == "the name of nowhere.invalid does not resolve"


async def test_connecting_takes_no_longer_than_allowed() -> None:
    with black_hole() as port:
        async with llm(f"http://127.0.0.1:{port}", chain=ChainSettings(connect_timeout=0.1)) as one:
            _, error = await ask(one)
    assert error is not None
    assert (error.kind, error.message) == (
        ErrorKind.CONNECTION,
        f"127.0.0.1:{port} does not accept a connection in time",
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"SSH-2.0-x\r\n\r\n", "does not speak HTTP as it should"), (b"", "closed the connection without an answer")],
)
async def test_a_peer_that_is_no_http_server_is_said_to_be_so(said: bytes, words: str) -> None:
    _, error = await outcome(says(said))
    assert isinstance(error, APIConnectionError)
    assert error.message.endswith(words)


async def test_a_header_that_http_does_not_allow_does_not_show_the_key() -> None:
    _, error = await outcome(sends(WHOLE), headers=(("x-a", "line\nbreak"),))
    assert error is not None
    assert "a header holds what HTTP does not allow" in error.message
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize("proxy", ["gopher://x", "http://h:port", "socks5://127.0.0.1:1"])
async def test_an_unusable_proxy_is_an_error_of_the_connection(proxy: str) -> None:
    async with llm("http://127.0.0.1:9", proxy=proxy) as one:
        _, error = await ask(one)
    assert isinstance(error, APIConnectionError)


async def test_a_proxy_that_refuses_is_named_without_its_password() -> None:
    async def play(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(play) as server:
        proxy = server.url.replace("http://", "http://user:pass-word@")
        async with llm("https://nowhere.invalid/v1", proxy=proxy) as one:
            _, error = await ask(one)
    assert error is not None
    assert error.message == f"nowhere.invalid cannot be reached through the proxy ({server.url})"


def test_every_exception_of_httpx_has_its_words() -> None:
    found = {
        each
        for each in vars(httpx).values()
        if isinstance(each, type)
        and issubclass(each, httpx.RequestError | httpx.InvalidURL)
        and not each.__subclasses__()
    }
    assert found == set(HANDLED)
    for kind in found:
        error = connection_error(kind("quoted"), "https://h.test/v1")
        assert HANDLED[kind] in error.message
        assert error.kind is ErrorKind.CONNECTION


async def test_a_kept_connection_is_used_again() -> None:
    async with raw_server(sends(WHOLE)) as server, llm(server.url) as one:
        assert [await ask(one) for _ in range(3)] == [("Hi there", None)] * 3
        assert [len(peer.requests) for peer in server.peers] == [3]


async def test_a_connection_is_kept_when_the_end_comes_with_the_terminator() -> None:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(head(200, CHUNKED) + chunk(WHOLE) + chunk(b""))

    async with raw_server(play) as server, llm(server.url) as one:
        assert [await ask(one) for _ in range(2)] == [("Hi there", None)] * 2
        assert len(server.peers) == 1


async def test_a_body_that_goes_on_after_the_terminator_holds_up_nobody() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + chunk(WHOLE))
        await peer.until_gone()

    async with raw_server(play) as server, llm(server.url) as one:
        began = time.monotonic()
        assert await ask(one) == ("Hi there", None)
        assert time.monotonic() - began < 0.5
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)


async def test_a_stale_connection_is_replaced_silently_and_once() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.answer(WHOLE)
            await peer.request()  # and closes without a word
        else:
            await peer.answer(WHOLE)
            await peer.until_gone()

    async with raw_server(play) as server, llm(server.url) as one:
        assert await ask(one) == ("Hi there", None)
        assert await ask(one) == ("Hi there", None)
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()

    async with raw_server(play) as server, llm(server.url) as one:
        _, error = await ask(one)
        assert error is not None
        assert error.kind is ErrorKind.CONNECTION
        assert len(server.peers) == 1


async def test_a_cancelled_answer_closes_its_connection() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + chunk(event("Hi")))
        await peer.until_gone()

    async with raw_server(play) as server, llm(server.url) as one:
        stream = hello(one)
        assert (await anext(stream)).delta.content == "Hi"
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)
        assert time.monotonic() - began < 0.1
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_closing_closes_the_connection_whenever_it_happens() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, CHUNKED) + chunk(event("Hi") + event("no")))
        await peer.until_gone()

    async with raw_server(play) as server, llm(server.url) as one:
        async with hello(one) as never_read:
            pass
        assert server.peers == []
        stream = hello(one)
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)
        for closed in (never_read, stream):
            with pytest.raises(StopAsyncIteration):
                await anext(closed)


async def test_a_buffered_answer_does_not_starve_the_others() -> None:
    async with raw_server(sends(event("x") * 1000 + event(finish="stop"))) as server, llm(server.url) as one:
        stream = hello(one)
        await anext(stream)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async for _ in stream:
            pass
        task.cancel()
        assert turns > 10


async def test_the_request_reaches_the_server_with_its_key_and_no_cookie() -> None:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(WHOLE, headers=(*SSE, ("Set-Cookie", "a=b")))

    async with raw_server(play) as server, llm(server.url) as one:
        await ask(one)
        await ask(one)
        first, second = server.peers[0].requests
        assert first == second
        assert first.startswith(b"POST /chat/completions HTTP/1.1\r\n")
        assert b"authorization: Bearer " + KEY.encode() in first
        assert b"cookie" not in second.lower()


async def test_the_proxies_of_the_environment_are_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    async with raw_server(sends(WHOLE)) as server:
        async with llm(server.url) as one:
            assert await ask(one) == ("Hi there", None)
        async with llm("http://nowhere.invalid/v1") as one:
            _, error = await ask(one)
        async with llm("http://nowhere.invalid/v1", proxy=server.url) as one:
            assert await ask(one) == ("Hi there", None)
    assert error is not None
    assert error.message == "nowhere.invalid refuses connections"


async def test_the_http_library_writes_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert await outcome(sends(WHOLE)) == ("Hi there", None)
    assert [record for record in caplog.records if record.name.startswith("http")] == []


async def test_the_last_user_of_the_engine_closes_it() -> None:
    async with raw_server(sends(WHOLE)) as server:
        http = HttpEngine(environ={})
        async with llm(server.url, http=http) as first:
            async with llm(server.url, http=http) as second:
                await ask(second)
            assert await ask(first) == ("Hi there", None)
            assert len(server.peers) == 1
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)
        assert await ask(first) == ("Hi there", None)
        await http.aclose()


def report(probed: ProbeReport) -> tuple[bool, str, ErrorKind | None]:
    assert probed.total is not None
    assert probed.connect is not None
    return probed.ok, probed.check, probed.error.kind if probed.error else None


@pytest.mark.parametrize(
    ("play", "light", "wanted"),
    [
        (sends(WHOLE), False, (True, "completion", None)),
        (sends(event(finish="length")), False, (True, "completion", None)),
        (
            sends(b'{"error":{"message":"Could not finish the message: output limit"}}', status=400),
            False,
            (True, "completion", None),
        ),
        (sends(b"{}", status=401), False, (False, "completion", ErrorKind.AUTH)),
        (sends(b""), False, (False, "completion", ErrorKind.EMPTY)),
        (sends(b'{"data": []}', headers=JSON), True, (True, "models", None)),
        (sends(b"{}", status=403), True, (False, "models", ErrorKind.PERMISSION)),
    ],
)
async def test_a_probe_tells_the_truth(play: Any, light: bool, wanted: tuple[bool, str, ErrorKind | None]) -> None:
    async with raw_server(play) as server, llm(server.url) as one:
        probed = await one.probe(light=light)
        assert report(probed) == wanted
        (request,) = server.peers[0].requests
    if light:
        assert request.startswith(b"GET /models ")
    else:
        assert json.loads(request.partition(b"\r\n\r\n")[2])["max_tokens"] == 16


@pytest.mark.parametrize("light", [True, False])
async def test_a_probe_ends_in_time(light: bool) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.until_gone()

    chain = ChainSettings(attempt_timeout=0.1)
    async with raw_server(play) as server, llm(server.url, chain=chain) as one:
        probed = await one.probe(light=light)
        assert (probed.ok, probed.error and probed.error.kind) == (False, ErrorKind.TIMEOUT)
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)


async def test_what_is_known_of_a_provider_is_what_its_entry_says() -> None:
    async with llm("http://127.0.0.1:9", context_window=5) as one:
        assert (one.label, one.kind, one.model, one.context_window) == ("p", "openai", "m", 5)


async def test_chunks_carry_the_model_that_answers() -> None:
    body = b'data: {"id":"i","model":"real","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    async with raw_server(sends(body)) as server, llm(server.url) as one:
        chunks: list[ChatChunk] = [piece async for piece in hello(one)]
    assert [(piece.id, piece.model) for piece in chunks if piece.delta] == [("i", "real")]
