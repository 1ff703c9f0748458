"""A server on loopback that sends what it likes, for as long as somebody reads."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Send = Callable[[bytes], Any]


@contextmanager
def rude(play: Callable[[Send], None]) -> Iterator[str]:
    """Have `play` answer every request; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, play), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, play: Callable[[Send], None]) -> None:
    with suppress(OSError):  # closed at the end of the test
        while True:
            threading.Thread(target=_serve, args=(listener.accept()[0], play), daemon=True).start()


def _serve(connection: socket.socket, play: Callable[[Send], None]) -> None:
    with connection, suppress(OSError):
        _read_request(connection)
        play(connection.sendall)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536) or b" " * int(length[1])
