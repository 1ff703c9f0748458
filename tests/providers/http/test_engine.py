"""Connections over real sockets: how each way of failing is said, what is kept, what is closed."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIConnectionError, ErrorKind
from fallback_chat.providers import kinds, load
from fallback_chat.providers.failures.connection import HANDLED, connection_error
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.simulator import black_hole, closed_port, running
from tests.providers.asking import KEY, WHOLE, ask, event, hello, llm, outcome, says, sends
from tests.providers.raw_server import CHUNKED, SSE, Peer, chunk, head, raw_server

if TYPE_CHECKING:
    from fallback_chat.core.llm import ChatChunk


def test_kinds_are_known_without_being_imported_and_others_are_refused() -> None:
    code = "import sys; from fallback_chat.providers import kinds; kinds(); sys.exit('httpx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [load(kind).__name__.rpartition(".")[2].replace("_", "-") for kind in kinds()] == list(kinds())  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="there is no kind 'x'; there are openai, "):
        load("x")


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    async with llm(f"http://127.0.0.1:{closed_port()}") as one:
        _, error = await ask(one)
    assert isinstance(error, APIConnectionError)
    assert error.message.endswith("refuses connections")
    assert error.hint == "check base_url, and that the server runs"
    assert isinstance(error.__cause__, httpx.ConnectError)


@pytest.mark.parametrize("proxy", ["none", "http://127.0.0.1:9"])
async def test_an_address_of_another_protocol_is_said_to_be_one(proxy: str) -> None:
    async with llm("ftp://api.test/v1", proxy=proxy) as one:
        _, error = await ask(one)
    assert error is not None
    assert error.message.startswith("api.test has an address that is not http:// or https://")


async def test_a_name_that_does_not_resolve_is_said_to_be_so() -> None:
    async with llm("http://nowhere.invalid/v1", proxy="none") as one:
        _, error = await ask(one)
    assert error is not None
    assert error.message == "the name of nowhere.invalid does not resolve"


async def test_connecting_takes_no_longer_than_allowed() -> None:
    with black_hole() as port:
        async with llm(f"http://127.0.0.1:{port}", attempt=AttemptSettings(connect_timeout=0.1)) as one:
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


@pytest.mark.parametrize(
    "cut", [head(headers=CHUNKED) + chunk(event("Hi")), head(headers=(*SSE, ("Content-Length", "999"))) + event("Hi")]
)
async def test_a_server_that_dies_in_the_middle_is_not_blamed_for_its_http(cut: bytes) -> None:
    text, error = await outcome(says(cut))
    assert error is not None
    assert (text, error.kind, error.hint) == ("Hi", ErrorKind.STREAM_ERROR, None)
    assert error.message.endswith("closed the connection before the answer was complete")


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
    assert error.message == (
        f"nowhere.invalid cannot be reached through the proxy {server.url} (proxy in fallback.toml):"
        " 407 Proxy Authentication Required"
    )
    assert error.hint == 'correct proxy in fallback.toml, or write proxy = "none"'


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
        assert error.kind is (ErrorKind.SERVER_ERROR if kind is httpx.DecodingError else ErrorKind.CONNECTION)


@pytest.mark.parametrize(
    "location", ["https://elsewhere.invalid/", "http://[::1", "data:,x", "http://a:b:c", "//", "é"]
)
async def test_wherever_a_server_redirects_to_it_is_told_as_a_redirect(location: str) -> None:
    _, error = await outcome(sends(b"", status=307, headers=(("Location", location),)))
    assert error is not None
    assert error.message.startswith("redirects ")


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
        now = asyncio.get_running_loop().time
        began = now()
        assert await ask(one) == ("Hi there", None)
        assert now() - began < 0.05
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


@pytest.mark.parametrize("last_words", [b"garbage\r\n\r\n", b"H", b"HTTP/1.1 20", b"HTTP/1.1 200 X\r\nContent-"])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_kept_connection_that_said_something_is_not_replaced(last_words: bytes, reset: bool) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.answer(WHOLE)
        await peer.request()
        await peer.send(last_words)
        if reset:
            await asyncio.sleep(0.01)
            peer.reset()

    async with raw_server(play) as server, llm(server.url) as one:
        assert await ask(one) == ("Hi there", None)
        _, error = await ask(one)
        assert error is not None
        assert [len(peer.requests) for peer in server.peers] == [2]


async def test_a_second_stale_connection_is_told() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.answer(WHOLE)
            await peer.request()  # and closes without a word, as every other one does

    async with raw_server(play) as server, llm(server.url) as one:
        await ask(one)
        _, error = await ask(one)
        assert error is not None
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
        now = asyncio.get_running_loop().time
        began = now()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(server.peers[0].gone.wait(), 1)
        assert now() - began < 0.01
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


@pytest.mark.parametrize("proxy_says", [None, b"", b"HTTP/1.1 200 Connected\r\n\r\n"])
async def test_a_request_cancelled_while_it_connects_closes_its_connection(proxy_says: bytes | None) -> None:
    reached = asyncio.Event()

    async def play(peer: Peer) -> None:
        if proxy_says:
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.send(proxy_says)
        await peer.reader.read(1)
        reached.set()
        await peer.until_gone()

    async with raw_server(play) as server:
        url = server.url.replace("http:", "https:")
        url, proxy = (url, None) if proxy_says is None else ("https://nowhere.invalid", server.url)
        async with llm(url, proxy=proxy) as one:
            asking = asyncio.ensure_future(ask(one))
            await reached.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await server.peers[0].gone.wait()


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


async def test_the_proxies_of_the_environment_are_not_for_this_machine() -> None:
    proxy = f"http://127.0.0.1:{closed_port()}"
    environ = {"HTTP_PROXY": proxy}
    async with raw_server(sends(WHOLE)) as server:
        async with llm(server.url, http=HttpEngine(environ=environ)) as one:
            assert await ask(one) == ("Hi there", None)
        async with llm("http://nowhere.invalid/v1", http=HttpEngine(environ=environ)) as one:
            _, error = await ask(one)
        async with llm("http://nowhere.invalid/v1", proxy=server.url, http=HttpEngine(environ=environ)) as one:
            assert await ask(one) == ("Hi there", None)
    assert error is not None
    assert error.message == f"the proxy {proxy} (HTTP_PROXY) refuses connections"
    assert error.hint == 'correct HTTP_PROXY, or write proxy = "none"'


async def test_a_proxy_variable_that_holds_no_address_is_named() -> None:
    async with llm("http://nowhere.invalid/v1", http=HttpEngine(environ={"HTTP_PROXY": "http://u:pw@h:99999"})) as one:
        _, error = await ask(one)
    assert isinstance(error, APIConnectionError)
    assert error.message == "HTTP_PROXY holds 'http://h:99999', which is not a proxy's address"
    assert error.hint == 'correct HTTP_PROXY, or write proxy = "none"'


async def test_whatever_fails_behind_a_proxy_is_told_with_the_proxy() -> None:
    async with raw_server(says(b"")) as server:
        environ = {"all_proxy": server.url}
        async with llm("http://nowhere.invalid/v1", http=HttpEngine(environ=environ)) as one:
            _, error = await ask(one)
    assert error is not None
    assert error.message == (
        f"nowhere.invalid closed the connection without an answer, through the proxy {server.url} (all_proxy)"
    )


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


async def test_what_is_known_of_a_provider_is_what_its_entry_says() -> None:
    async with llm("http://127.0.0.1:9", context_window=5) as one:
        assert (one.label, one.kind, one.model, one.context_window) == ("p", "openai", "m", 5)


async def test_chunks_carry_the_model_that_answers() -> None:
    body = b'data: {"id":"i","model":"real","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    async with raw_server(sends(body)) as server, llm(server.url) as one:
        chunks: list[ChatChunk] = [piece async for piece in hello(one)]
    assert [(piece.id, piece.model) for piece in chunks if piece.delta] == [("i", "real")]


def test_a_failure_of_tls_without_a_known_reason_is_one_of_tls() -> None:
    error = httpx.ConnectError("quoted")
    error.__cause__ = ssl.SSLError(1, "quoted")
    assert connection_error(error, "https://h.test/v1").message == "TLS with h.test failed (no reason given)"


def test_of_a_name_with_several_addresses_the_reason_of_one_is_told() -> None:
    error = httpx.ConnectError("all attempts failed")
    error.__cause__ = ExceptionGroup("several", [OSError(101, "unreachable"), ConnectionRefusedError(111, "refused")])
    error.__cause__.__context__ = error
    assert connection_error(error, "https://h.test:444/v1").message == "h.test:444 refuses connections"


@pytest.mark.parametrize("url", ["http://h:port/", "https://[", "nothing"])
def test_an_address_that_is_none_does_not_stand_in_the_way_of_the_reason(url: str) -> None:
    assert connection_error(httpx.InvalidURL("quoted"), url).message.startswith("the server has an address")


async def test_a_further_request_looks_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[str] = []

    class Seeker:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            sought.append(name)

    async with raw_server(sends(WHOLE)) as server, llm(server.url) as one:
        first = await ask(one)
        monkeypatch.setattr(sys, "meta_path", [Seeker, *sys.meta_path])
        again = await ask(one)

    assert (sought, again) == ([], first)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_connection_is_not_used_in_another_event_loop_than_its_own() -> None:
    with running() as simulator:
        settings = ProviderSettings(name="p", kind="openai", model="m", base_url=f"{simulator.url}/v1")
        one: Any = load("openai").create(settings, api_key=KEY, http=HttpEngine(environ={}))
        answers = [asyncio.run(ask(one)) for _ in range(3)]
        asyncio.run(one.aclose())
    del one
    gc.collect()  # nobody can close what a loop that is gone has left open
    assert answers == [(simulator.manner.text, None)] * 3
