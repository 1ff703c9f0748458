"""Finding model servers on this machine, over real sockets."""

from __future__ import annotations

import json
import socket
import time
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from fallback_chat.cli.local_servers import first_models
from fallback_chat.core.services import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest


@contextmanager
def serving(answer: Callable[[socket.socket, str], None]) -> Iterator[str]:
    """Accept one connection on loopback and let `answer` speak on it, given the path that was asked for."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            path = connection.recv(65_536).split(b" ")[1].decode()
            answer(connection, path)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def answering(status: int, body: Any) -> Callable[[socket.socket, str], None]:
    def answer(connection: socket.socket, path: str) -> None:
        text = json.dumps(body if body is not None else {"data": [{"id": path}]}).encode()
        connection.sendall(b"HTTP/1.0 %d x\r\n\r\n%b" % (status, text))

    return answer


def found(status: int, body: Any, *, kinds: tuple[str, ...] = ("openai",), path: str = "/v1") -> dict[str, str]:
    with serving(answering(status, body)) as url:
        return first_models([Service(name="s", kinds=kinds, base_url=url + path)])


def test_a_server_in_openais_form_is_asked_for_its_models() -> None:
    assert found(200, None) == {"s": "/v1/models"}


def test_ollama_is_asked_in_its_own_way_and_embedding_models_cannot_chat() -> None:
    body = {"models": [{"name": "nomic-embed-text"}, {"name": "llama3.2"}]}

    assert found(200, body, kinds=("ollama",), path="") == {"s": "llama3.2"}


def test_whatever_else_listens_there_is_left_out() -> None:
    answers: list[tuple[int, Any]] = [
        (404, None),
        (200, []),
        (200, "x"),
        (200, {"data": None}),
        (200, {"data": [{}]}),
        (200, {"data": [{"id": 1}]}),
    ]

    assert [found(status, body) for status, body in answers] == [{}] * len(answers)


def test_a_closed_port_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert first_models([Service(name="s", base_url=f"http://127.0.0.1:{port}/v1")]) == {}


def test_a_server_behind_tls_is_not_on_this_machine() -> None:
    assert first_models([Service(name="s", base_url="https://127.0.0.1/v1")]) == {}


def test_a_server_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fallback_chat.cli.local_servers.LIST_TIMEOUT", 0.2)

    def drip(connection: socket.socket, path: str) -> None:
        connection.settimeout(0.05)
        for _ in range(20):
            connection.sendall(b"H")
            try:
                connection.recv(1)
            except TimeoutError:
                continue

    begun = time.monotonic()
    with serving(drip) as url:
        models = first_models([Service(name="s", base_url=url)])
        took = time.monotonic() - begun

    assert models == {}
    assert took < 0.8
