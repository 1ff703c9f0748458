"""A server on loopback that answers every chat with bytes laid down beforehand, for what no fault of the simulator says."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAUSE = 0.003
"""Seconds between two pieces, so that each arrives by itself unless the machine is busy."""


@contextmanager
def canned(
    pieces: Iterable[bytes], *, status: int = 200, headers: Mapping[str, str] | None = None, pause: float = PAUSE
) -> Iterator[str]:
    """Serve `pieces` as the body of every answer, as far as the client reads; return the origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response_only(status)
            for name, value in ({"content-type": "text/event-stream"} | dict(headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    time.sleep(pause)
            except ConnectionError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def frame(delta: Mapping[str, object] | None = None, finish: str | None = None, **more: object) -> bytes:
    """Give one event of a stream in the format of Chat Completions."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]} | more)}\n\n".encode()


def spoken(*texts: str) -> list[bytes]:
    """Give the frames of a whole answer in these pieces."""
    return [*(frame({"content": text}) for text in texts), frame(finish="stop"), b"data: [DONE]\n\n"]
