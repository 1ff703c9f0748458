"""The client of Redis: which URLs it takes, and that a server which is none does no harm."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.redis.health import RedisBackend
from fallback_chat.providers.redis.resp import Address, Redis, RedisError
from fallback_chat.providers.simulator import closed_port
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address()),
        ("redis://cache", Address("cache")),
        ("redis://cache:7000/2", Address("cache", 7000, database=2)),
        ("redis://:p%40ss@cache/", Address("cache", password="p@ss")),
        ("rediss://user:pass@cache", Address("cache", tls=True, user="user", password="pass")),
        ("redis://[::1]:7000", Address("::1", 7000)),
        ("unix:///run/redis.sock", Address(path="/run/redis.sock")),
    ],
)
def test_a_url_says_where_the_server_is(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url", ["http://cache", "cache:6379", "redis://cache:port", "redis://cache/zero", "redis://[", ""]
)
def test_a_url_that_is_none_is_an_error_which_quotes_nothing(url: str) -> None:
    with pytest.raises(OSError, match="'the URL of the shared health'") as caught:
        RedisBackend(url.replace("://", "://:secret-word@"), {}).load(["a"])

    assert "secret-word" not in str(caught.value)


@pytest.fixture
def odd() -> Iterator[tuple[Address, list[bytes]]]:
    """A server that answers every connection with what a test says."""
    replies: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(replies[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Address("127.0.0.1", listener.getsockname()[1]), replies
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Redis"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak Redis"),
        (b"$5\r\nab", "closed the connection"),
        (b"$5\r\nabcde", "closed the connection"),
        (b"$99999999999\r\n", "too long"),
        (b"*99999999999\r\n", "too long"),
        (b"*1\r\n" * 9, "does not speak Redis"),
        (b":one\r\n", "does not speak Redis"),
        (b"-ERR unknown command 'AUTH', with args beginning with: 'secret-word' \r\n", "unknown command 'AUTH'$"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
        (
            b"-NOAUTH Authentication required.\r\n",
            r"required. \(write the password into the URL: redis://:PASSWORD@HOST\)$",
        ),
        (
            b"-READONLY You can't write against a read only replica.\r\n",
            r"\(name the primary instead of its replica\)$",
        ),
        (
            b"-OOM command not allowed when used memory > 'maxmemory'. script: 7feac9, on @user_script:3.\r\n",
            r"'maxmemory'\. \(give it more memory, or let it evict keys\)$",
        ),
        (b"-NOPERM no permission to run the 'eval' command\r\n", r"\+@read \+@write \+eval \+time\)$"),
        (b"+" + b"x" * 2_000_000, "too long"),
    ],
)
def test_a_server_that_is_none_is_an_error(odd: tuple[Address, list[bytes]], reply: bytes, said: str) -> None:
    address, replies = odd
    replies.append(reply)
    redis = Redis(address, timeout=PATIENCE)
    try:
        with pytest.raises(RedisError, match=said):
            redis.call("PING")
    finally:
        redis.close()


def test_a_server_without_tls_is_named_as_such(odd: tuple[Address, list[bytes]]) -> None:
    address, replies = odd
    replies.append(b"-ERR Protocol error\r\n")

    with pytest.raises(RedisError, match="does not speak TLS"):
        Redis(address._replace(tls=True), timeout=PATIENCE)


@pytest.mark.parametrize("drop", [b"+", b"*1\r\n", b"$900000\r\n"])
def test_a_server_that_drips_has_no_longer_than_the_time_out(drop: bytes) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection, suppress(OSError):
                connection.sendall(drop)
                while not over.wait(0.01):
                    connection.sendall(b"x")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            with pytest.raises(OSError, match="timed out"):
                Redis(Address("127.0.0.1", listener.getsockname()[1], password="p"), timeout=0.1)
        finally:
            over.set()
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("address", "login"),
    [
        (Address(password="p"), [b"$4\r\nAUTH\r\n$1\r\np\r\n"]),
        (Address(user="user", password="p"), [b"$4\r\nAUTH\r\n$4\r\nuser\r\n$1\r\np\r\n"]),
        (Address(database=2), [b"$6\r\nSELECT\r\n$1\r\n2\r\n"]),
    ],
)
def test_a_login_says_who_and_where(address: Address, login: list[bytes]) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                while words := connection.recv(65536):
                    heard.append(words)
                    connection.sendall(b"+OK\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        Redis(address._replace(host="127.0.0.1", port=listener.getsockname()[1]), timeout=PATIENCE).close()
        thread.join(PATIENCE)

    assert [words.partition(b"\r\n")[2] for words in heard] == login


def test_a_server_that_is_not_there_is_named(odd: tuple[Address, list[bytes]]) -> None:
    port = closed_port()

    with pytest.raises(OSError, match=f"refused: 'Redis at 127.0.0.1:{port}'"):
        RedisBackend(f"redis://127.0.0.1:{port}", {}).load(["a"])
