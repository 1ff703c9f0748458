"""The servers on this machine, and the model that is asked on each."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.config.services import by_name
from fallback_chat.providers.http import local_servers
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.config.services import Service


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("CONNECT_TIMEOUT", "LIST_TIMEOUT"):
        monkeypatch.setattr(local_servers, limit, PATIENCE)


@contextmanager
def at_home(name: str, answer: Any) -> Iterator[Service]:
    """Run a server that answers every request with this document; give the service as it is reached there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    service = by_name(name)
    assert service is not None
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service._replace(base_url=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def test_the_first_model_that_can_chat_is_asked_and_a_server_without_one_is_left_out() -> None:
    ollama = {"models": [{"name": "Nomic-Embed-Text:latest"}, {"name": "llama:8b"}, {"name": "other"}]}
    studio = {"data": [{"id": "text-embedding-nomic"}]}

    with at_home("ollama", ollama) as first, at_home("lmstudio", studio) as second, at_home("vllm", "no list") as third:
        found = local_servers.first_models([first, second, third])

    assert found == {"ollama": "llama:8b"}


def test_where_nobody_listens_nothing_is_found() -> None:
    with at_home("ollama", {}) as service:
        pass

    assert local_servers.first_models([service]) == {}
