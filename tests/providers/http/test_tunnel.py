"""Ways through a proxy, over real sockets: what it is asked, and how its refusal is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.providers.http.tcp import connect
from fallback_chat.providers.http.tunnel import through_socks
from tests.providers.asking import WHOLE, ask, llm, sends
from tests.providers.certificates import certificate, needs_openssl
from tests.providers.raw_server import Peer, RawServer, raw_server

if TYPE_CHECKING:
    from pathlib import Path

FREE = b"\5\0"
WANTS_LOGIN = b"\5\2"
GRANTED = b"\5\0\0\1\x7f\0\0\1\x1f\x90"
BY_NAME = b"\5\0\0\3\x09localhost\x1f\x90"
BY_V6 = b"\5\0\0\4" + bytes(16) + b"\x1f\x90"


def relays(server: RawServer, said: bytes, *, reads: bytes | None = None) -> Any:
    """Play an HTTP proxy, which reads up to `reads`, or a SOCKS proxy, and lead to `server` from then on."""

    async def play(peer: Peer) -> None:
        if reads is not None:
            peer.requests.append(await peer.reader.readuntil(reads))
        else:
            peer.requests += await handshake(peer, FREE)
        await peer.send(said)
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            await asyncio.gather(pour(peer.reader, back), pour(there, peer.writer))
        finally:
            back.close()

    return play


async def pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        into.write(data)
    into.close()


async def handshake(peer: Peer, method: bytes, login: bytes | None = None) -> list[bytes]:
    """Read what a client of a SOCKS proxy says, up to the address it wants."""
    hello = await peer.reader.readexactly(2)
    said = [hello + await peer.reader.readexactly(hello[1])]
    await peer.send(method)
    if login is not None:
        name = await peer.reader.readexactly(2)
        said.append(name + await peer.reader.readexactly(name[1]))
        said.append(await peer.reader.readexactly(1 + len(b"pass-word")))
        await peer.send(login)
    start = await peer.reader.readexactly(5)
    length = {1: 3, 3: start[4], 4: 15}[start[3]]
    return [*said, start + await peer.reader.readexactly(length + 2)]


@pytest.mark.parametrize("said", [GRANTED, BY_NAME, BY_V6])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_socks_proxy_is_asked_for_the_server_by_its_name(said: bytes, scheme: str) -> None:
    async with raw_server(sends(WHOLE)) as server, raw_server(relays(server, said)) as proxy:
        async with llm("http://api.test:80/v1", proxy=f"{scheme}://127.0.0.1:{proxy.port}") as one:
            assert await ask(one) == ("Hi there", None)
        assert proxy.peers[0].requests == [b"\5\1\0", b"\5\1\0\3\x08api.test\0\x50"]
        assert server.peers[0].requests[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")


@needs_openssl
@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_tls_goes_through_a_proxy_to_the_server_itself(kind: str, tmp_path: Path) -> None:
    cert, context = certificate(tmp_path, "DNS:api.test")
    said, reads = (GRANTED, None) if kind == "socks5" else (b"HTTP/1.1 200 Connected\r\n\r\n", b"\r\n\r\n")
    async with (
        raw_server(sends(WHOLE), tls=context) as server,
        raw_server(relays(server, said, reads=reads)) as proxy,
        llm("https://api.test/v1", proxy=f"{kind}://me:pass-word@127.0.0.1:{proxy.port}", ca_file=cert) as one,
    ):
        assert [await ask(one) for _ in range(2)] == [("Hi there", None)] * 2
        assert (len(proxy.peers), len(server.peers[0].requests)) == (1, 2)
        asked = proxy.peers[0].requests
    if kind == "http":
        assert asked[0].splitlines() == [
            b"CONNECT api.test:443 HTTP/1.1", b"Host: api.test:443", b"Accept: */*",
            b"Proxy-Authorization: Basic bWU6cGFzcy13b3Jk", b"",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("10.1.2.3", b"\5\1\0\1\x0a\1\2\3\1\xbb"),
        ("fd00::7", b"\5\1\0\4\xfd" + bytes(14) + b"\7\1\xbb"),
        ("a" * 300, b"\5\1\0\3\xff" + b"a" * 255 + b"\1\xbb"),
    ],
)
async def test_a_socks_proxy_is_logged_into_and_asked_for_addresses_as_such(host: str, asked: bytes) -> None:
    async def play(peer: Peer) -> None:
        peer.requests += await handshake(peer, WANTS_LOGIN, b"\1\0")
        await peer.send(GRANTED[:3])
        await peer.send(GRANTED[3:])

    async with raw_server(play) as proxy:
        connection = await connect("127.0.0.1", proxy.port)
        await through_socks(connection, host, 443, (b"me", b"pass-word"))
        connection.close()
        assert proxy.peers[0].requests == [b"\5\2\0\2", b"\1\2me", b"\x09pass-word", asked]


@pytest.mark.parametrize(
    ("method", "reply", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", b"", "it does not speak SOCKS 5"),
        (b"\5\xff", b"", "it wants a login"),
        (b"\5\2", b"", "it wants a login"),
        (b"", b"", "it closed the connection"),
        (b"\5", b"", "it closed the connection"),
        (FREE, b"\5\2\0\1", "its rules forbid it"),
        (FREE, b"\5\4\0\1", "the host cannot be reached"),
        (FREE, b"\5\x63\0\1", "it failed with code 99"),
        (FREE, GRANTED[:7], "it closed the connection"),
    ],
)
async def test_the_refusal_of_a_socks_proxy_is_told(method: bytes, reply: bytes, words: str) -> None:
    async def play(peer: Peer) -> None:
        if method == FREE:
            await handshake(peer, method)
            await peer.send(reply)
        else:
            await peer.reader.readexactly(3)
            await peer.send(method)

    async with raw_server(play) as server:
        proxy = f"socks5://127.0.0.1:{server.port}"
        async with llm("https://api.test/v1", proxy=proxy) as one:
            _, error = await ask(one)
    assert error is not None
    assert error.message == f"api.test cannot be reached through the proxy {proxy} (proxy in fallback.toml): {words}"
    assert error.hint == 'correct proxy in fallback.toml, or write proxy = "none"'


@pytest.mark.parametrize(
    ("method", "login", "words"),
    [(WANTS_LOGIN, b"\1\1", "it refuses the name or the password"), (b"\5\1", None, "it wants another kind of login")],
)
async def test_a_login_that_is_refused_is_told_without_it(method: bytes, login: bytes | None, words: str) -> None:
    async def play(peer: Peer) -> None:
        await handshake(peer, method, login)

    async with raw_server(play) as server:
        proxy = f"socks5://me:pass-word@127.0.0.1:{server.port}"
        async with llm("https://api.test/v1", proxy=proxy) as one:
            _, error = await ask(one)
    assert error is not None
    assert error.message.endswith(
        f"through the proxy socks5://127.0.0.1:{server.port} (proxy in fallback.toml): {words}"
    )
