"""One request and its answer: the material of a fault's steps."""

from __future__ import annotations

import json
import zlib
from dataclasses import field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from fallback_chat.providers.simulator.connection import Connection
    from fallback_chat.providers.simulator.wire import Voice, WireFormat


@dataclass(slots=True)
class Recorded:
    """A request as it was seen, for assertions; times in seconds since the simulator started."""

    number: int
    """0 for the first."""
    at: float
    connection: int
    """The number of its connection, counted from 0."""
    fault: str = ""
    method: str = ""
    """Empty if the fault struck before a request was read."""
    path: str = ""
    """Including the query."""
    headers: dict[str, str] = field(default_factory=dict)
    """With names in lower case."""
    body: bytes = b""
    problems: tuple[str, ...] = ()
    """The objections of a strict server."""
    client_left_at: float | None = None
    """The time at which the client closed the connection during the answer; None if it stayed."""
    ended_at: float | None = None
    """The time at which this side was done with it."""

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Manner:
    """The behaviour of a simulator apart from its faults; times in seconds."""

    text: str = "The quick brown fox jumps over the lazy dog."
    delay: float = 3.0
    """How long a late answer keeps the client waiting."""
    tick: float = 0.05
    """The pause between two signs of life."""
    redirect_to: str = "http://127.0.0.1:9"
    """The other origin that redirects lead to."""


class Framing(Enum):
    """How the end of a body is marked."""

    CHUNKED = "chunked"
    CLOSE = "close"


class Exchange:
    """Writes one answer; its parts go through `voice`, everything else is bytes."""

    def __init__(
        self, connection: Connection, request: Recorded, wire: WireFormat, voice: Voice, manner: Manner
    ) -> None:
        self.connection = connection
        self.request = request
        self.wire = wire
        self.voice = voice
        self.manner = manner
        self.newline = b"\n"
        """The line end of server-sent events."""
        self.zipper: zlib._Compress | None = None
        self.keep_alive = True
        """Whether the connection can serve another request."""
        self.framing = Framing.CLOSE
        """Set by the head."""

    async def head(
        self,
        status: int = 200,
        *headers: tuple[str, str],
        content_type: str | None = None,
        framing: Framing = Framing.CHUNKED,
        version: str = "HTTP/1.1",
    ) -> None:
        """Send the status line and the headers; a body follows piece by piece."""
        self.framing = framing
        self.keep_alive = framing is Framing.CHUNKED
        fields = [*headers, ("content-type", content_type)] if content_type else list(headers)
        fields.append(("transfer-encoding", "chunked") if self.keep_alive else ("connection", "close"))
        await self.connection.write(render_head(status, fields, version))

    async def send(self, data: bytes) -> None:
        """Send a piece of the body with the current line ends, compression and framing."""
        if self.newline != b"\n" and self.voice.stream_type.startswith("text/event-stream"):
            data = data.replace(b"\n", self.newline)
        if self.zipper is not None:
            data = self.zipper.compress(data) + self.zipper.flush(zlib.Z_SYNC_FLUSH)
        await self._frame(data)

    async def end(self) -> None:
        """End the body properly."""
        await self.send(self.voice.end())
        if self.zipper is not None:
            await self._frame(self.zipper.flush())
        if self.framing is Framing.CHUNKED:
            await self.connection.write(b"0\r\n\r\n")
        else:
            self.connection.close()

    async def document(self, status: int, body: bytes, content_type: str, *headers: tuple[str, str]) -> None:
        """Send a complete answer with its length."""
        fields = [("content-type", content_type)] if content_type else []
        fields += [("content-length", str(len(body))), *headers]
        await self.connection.write(render_head(status, fields) + body)

    async def sleep(self, seconds: float) -> None:
        """Wait, as long as the client does."""
        await self.connection.sleep(seconds)

    async def _frame(self, data: bytes) -> None:
        if data:
            framed = b"%x\r\n%s\r\n" % (len(data), data) if self.framing is Framing.CHUNKED else data
            await self.connection.write(framed)


def render_head(status: int, headers: list[tuple[str, str]], version: str = "HTTP/1.1") -> bytes:
    """Return a status line and headers as bytes."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Odd"
    lines = [f"{version} {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")
