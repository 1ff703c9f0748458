"""Requests and responses on one connection, one after the other: HTTP/1.1, as h11 speaks it.

A provider sends a chunk for every token, so the body of a response is unwrapped past h11 (see
`chunked`). For that, h11 is never given more than the head of a response at first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import h11
import httpx

from fallback_chat.providers.http.chunked import Unwrapper
from fallback_chat.providers.http.tcp import AHEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from fallback_chat.providers.http.tcp import Connection

_OF_A_STREAM: Final = 4096
"""Bytes of one read: some twenty tokens, after which other tasks get a turn."""
_LONGEST_HEAD: Final = 100 * 1024
"""Bytes."""
_UPGRADE: Final = 101
_BODILESS: Final = (_UPGRADE, 204, 304)
"""Statuses of a response without a body, whatever its head says."""
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
"""The blank line that h11 takes for it."""


class HttpConnection:
    """Speaks HTTP on `connection`, which the caller closes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._chunked = False

    @property
    def is_done(self) -> bool:
        """Whether request and response are over, and another request may follow."""
        return self._h11.our_state is self._h11.their_state is h11.DONE and self.connection.is_idle

    def begin_next(self) -> None:
        """Prepare for another request."""
        self._h11.start_next_cycle()

    async def ask(
        self, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], content: bytes = b""
    ) -> h11.Response | h11.InformationalResponse:
        """Send a request; return the head of its response. Raises `httpx.TransportError`."""
        try:
            events: list[Any] = [h11.Request(method=method, target=target, headers=list(headers))]
            events += [h11.Data(content)] * bool(content)
            sent = b"".join(filter(None, map(self._h11.send, [*events, h11.EndOfMessage()])))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self.connection.write(sent)
        while True:
            event = await self._next_event(head=True)
            assert isinstance(event, h11.Response | h11.InformationalResponse)
            if event.status_code >= 200 or event.status_code == _UPGRADE:
                is_chunked = any(name == b"transfer-encoding" for name, _ in event.headers)
                has_body = event.status_code not in _BODILESS
                self._chunked = is_chunked and has_body and not self._h11.trailing_data[0]
                return event

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the content of the response. Raises `httpx.TransportError`."""
        if self._chunked:
            unwrapper = Unwrapper()
            while not unwrapper.stopped and (data := await self._read(_OF_A_STREAM)):
                if content := unwrapper.feed(data):
                    yield content
            if unwrapper.broken:
                raise httpx.RemoteProtocolError("a chunk is longer or shorter than it says")
            self.connection.give_back(unwrapper.rest)
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif event is h11.PAUSED or isinstance(event, h11.EndOfMessage):
                return

    async def _next_event(self, *, head: bool = False) -> Any:
        """Return what the server says next; while it is a `head`, h11 is given nothing beyond."""
        last = b""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self._read()
            if not data and self._h11.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("the server disconnected without sending a response")
            if head and (end := _END_OF_HEAD.search(last + data)):
                size = end.end() - len(last)
                self.connection.give_back(data[size:])
                data = data[:size]
            last = (last + data)[-2:]
            self._h11.receive_data(data)

    async def _read(self, at_most: int = AHEAD) -> bytes:
        try:
            return await self.connection.read(at_most)
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
