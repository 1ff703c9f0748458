"""The body of a 200, from bytes to chunks: its form, and whether it was an answer. No I/O.

A 200 is not yet a success. The body may be a stream, one JSON document, or a web page, whatever its
content type says; it may report an error, stop half way, or be empty.
"""

from __future__ import annotations

import json
import re
from collections import deque
from json.scanner import make_scanner
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.errors import APIError, APIStreamError, ErrorKind
from fallback_chat.core.json_text import LARGE, TooManyValuesError, loads
from fallback_chat.providers.http.frames import (
    DONE,
    MAX_FRAME,
    UTF8_BOM,
    Decoder,
    Frame,
    FrameTooLargeError,
    events_in,
    is_json,
)
from fallback_chat.providers.http.sse import SSEDecoder
from fallback_chat.providers.wire.dialect import ErrorEventError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.llm import ChatChunk
    from fallback_chat.providers.wire.dialect import Reader
    from fallback_chat.providers.wire.surrogates import SurrogateJoiner

MAX_TEXT: Final = 16 * 1024 * 1024
"""Bytes of memory for the characters of one answer, which are held several times.

32 times the longest answer of any model.
"""
MAX_EVENTS: Final = 500_000
"""Events in one answer: four for each token of the longest ones."""
_memory: Final = str.__sizeof__
"""`sys.getsizeof` of a string, six times as fast."""
_EMPTY: Final = _memory("")
_scan: Final = make_scanner(json.JSONDecoder(strict=False))  # type: ignore[arg-type] # typeshed types it as its own argument
_HEARTBEATS: Final = frozenset(
    {"ping", "pong", "heartbeat", "keepalive", "keep-alive", ": keep-alive", ": keepalive", ": ping"}
)
_BLANK: Final = b" \t\r\n"
_PRETTY: Final = re.compile(rb"\{[ \t\r]*\n")
"""The beginning of a multi-line document, whose single line would be an event."""


class WholeDecoder:
    """Keeps a body until its end: one JSON document, lines of JSON, or a page."""

    def __init__(self) -> None:
        self._body = bytearray()

    @property
    def stray(self) -> bytes:
        """The body, if it is not JSON."""
        return bytes(self._body)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Add `chunk`. Raises `FrameTooLargeError`."""
        self._body += chunk
        if len(self._body) > MAX_FRAME:
            raise FrameTooLargeError
        return []

    def flush(self) -> list[Frame]:
        """Return the body, or its lines, if it is JSON.

        More on the line of a document is broken: nothing tells which of the two is the answer.
        """
        text = bytes(self._body).removeprefix(UTF8_BOM).decode("utf-8", "replace")
        if is_json(text):
            return [(text, "")]
        lines = [events_in(line) for line in text.split("\n") if line.strip()]
        return [(events[0], "") for events in lines] if all(len(events) == 1 for events in lines) else []


class BodyReader:
    """Reads one body into `ready`; raise `error` once that is empty."""

    def __init__(
        self,
        reader: Reader,
        *,
        ndjson: bool,
        kind: str = "",
        classify: Callable[[Any], APIError],
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.ready: deque[ChatChunk] = deque()
        self.error: APIError | None = None
        self.ended = False
        """Whether reading is over: terminator seen, body ended, or failed."""
        self._reader = reader
        self._ndjson = ndjson
        self._kind = kind
        self._classify = classify
        self._redact = redact
        self._decoder: Decoder | None = None
        self._whole = False
        self._head = b""
        self._frames = 0
        self._size = 0
        self._joiner: SurrogateJoiner | None = None
        self._unread: Any = None
        """The last event that meant nothing to the reader: it may report a failure its own way."""

    @property
    def output_started(self) -> bool:
        """Whether text, reasoning, a refusal or part of a tool call was seen."""
        return self._reader.output_started

    @property
    def unshown(self) -> set[str]:
        """The content that a terminal cannot show, such as `pictures` and `audio`."""
        return self._reader.dropped

    @property
    def finished(self) -> bool:
        """Whether the finish was seen, so that the answer is whole whatever happens now."""
        return self._reader.finished

    def feed(self, data: bytes) -> None:
        """Read the next bytes."""
        if self.ended:
            return
        if self._decoder is None:
            self._head = (self._head + data).lstrip(_BLANK)
            if not self._head or UTF8_BOM.startswith(self._head) or self._could_be_pretty():
                return
            self._decoder, data, self._head = self._choose(self._head), self._head, b""
        try:
            frames = self._decoder.feed(data)
        except FrameTooLargeError:
            self._malformed("a line or event larger than 16 MiB")
            return
        self._read(frames)

    def end(self) -> None:
        """Note the end of the body, and judge what it was."""
        if self.ended:
            return
        if self._could_be_pretty():
            self._decoder = WholeDecoder()
            self._decoder.feed(self._head)
        if self._decoder is not None:
            frames = self._decoder.flush()
            self._whole = self._whole and len(frames) < 2
            self._read(frames)
        if self.ended:
            return
        self._close(marked=False)
        if (
            self.finished
            and self.error is None
            and (stray := self._stray())
            and (error := _reported(stray, answered=True))
        ):
            self._report(error)

    def fail(self, error: APIError) -> None:
        """End with `error`; harmless after the finish."""
        self.ended = True
        if not self.finished:
            self.error = error

    def _report(self, error: Any) -> None:
        """End with the failure that the provider reports, which counts even after a finish."""
        self.ended = True
        self.error = self._classify(error)

    def _could_be_pretty(self) -> bool:
        """Whether the next line decides between a multi-line document and a one-line event."""
        return self._ndjson and self._head.removeprefix(UTF8_BOM).rstrip(_BLANK) == b"{"

    def _choose(self, head: bytes) -> Decoder:
        head = head.removeprefix(UTF8_BOM)
        event_on_a_line = self._ndjson and head.startswith(b"{") and not _PRETTY.match(head)
        if head.startswith((b"{", b"[", b"<")) and not event_on_a_line:
            self._whole = True
            return WholeDecoder()
        if not event_on_a_line:
            return SSEDecoder()
        from fallback_chat.providers.http.ndjson import NDJSONDecoder

        return NDJSONDecoder()

    def _read(self, frames: list[Frame]) -> None:
        reader = self._reader
        self._frames += len(frames)
        if self._frames > MAX_EVENTS:
            self._malformed(f"more than {MAX_EVENTS:,} events")
        for data, name in frames:
            if self.ended:
                return
            try:
                event = parse(data)
            except TooManyValuesError as error:
                self._malformed(str(error))
                return
            except (ValueError, RecursionError, MemoryError):
                self._read_parts(data, name)
                continue
            try:
                # Nearly every frame is an event of a stream.
                plain = isinstance(event, dict) and not self._whole and name != "error"
                event = {"type": name, **event} if plain and name and "type" not in event else event
                chunks = reader.read(event) if plain else self._read_odd(event, name, data)
                if not chunks:
                    self._unread = event
                self._take(chunks, data)
            except ErrorEventError as error:
                self._take(error.chunks, data)
                self._report(error.body)
            except FrameTooLargeError:
                self._malformed("calls or state larger than 32 MiB")
            if reader.terminated and not self.ended:
                self._close(marked=True)

    def _read_odd(self, event: Any, name: str, data: str) -> list[ChatChunk]:
        """Read a document, an event named `error`, or other JSON. Raises `ErrorEventError`."""
        if isinstance(event, list) and event and all(isinstance(one, dict) for one in event):
            if len(event) > 1:
                return self._read_array(event)
            (event,) = event
        if event is None:
            return []
        if not isinstance(event, dict):
            self._malformed(f"JSON that is not an event: {self._redact(data)[:60]!r}")
            return []
        if name == "error" and "error" not in event and event.get("type") != "error":
            raise ErrorEventError(event)
        return self._reader.read_json(event) if self._whole else self._reader.read(event)

    def _read_array(self, events: list[dict[str, Any]]) -> list[ChatChunk]:
        """Read all events in one array (Google without alt=sse). Raises `ErrorEventError`."""
        chunks: list[ChatChunk] = []
        for event in events:
            try:
                chunks += self._reader.read(event)
            except ErrorEventError as error:
                raise ErrorEventError(error.body, [*chunks, *error.chunks]) from error
        return chunks

    def _read_parts(self, data: str, name: str) -> None:
        """Read the events that a frame consists of, or what else it is."""
        events = events_in(data)
        if events and events != [data.strip()]:
            self._read([(event, "") for event in events])
        else:
            self._read_word(data, name)

    def _read_word(self, data: str, name: str) -> None:
        """Read a frame that is not JSON: a terminator, an error in words, or something broken."""
        word = data.strip()
        if word == DONE:
            self._close(marked=True)
        elif word.lower() in _HEARTBEATS:
            return
        elif name == "error" or data[:6].lower() == "error:":
            self._report(data)
        else:
            self._malformed(f"something other than JSON: {self._redact(data)[:60]!r}")

    def _close(self, *, marked: bool) -> None:
        """End the answer and release what was held back; without a finish, it has failed."""
        try:
            self._take(self._reader.close(marked=marked), "")
        except ErrorEventError as error:
            self._take(error.chunks, "")
            self._report(error.body)
            return
        self.ended = True
        if not self.finished:
            self.fail(self._unfinished())

    def _take(self, chunks: list[ChatChunk], data: str) -> None:
        """Keep the chunks of one frame."""
        # Only an escape can produce half a surrogate pair; the decoder has replaced all others.
        if self._joiner is not None or "\\u" in data:
            self._join(chunks, data)
        for chunk in chunks:
            self.ready.append(chunk)
            if (delta := chunk.delta) is not None:
                # Nearly every delta has exactly one of these.
                self._size += _memory(delta.content or delta.reasoning or delta.refusal or "") - _EMPTY
        if self._size > MAX_TEXT:
            self._malformed("more than 16 MiB of text")

    def _join(self, chunks: list[ChatChunk], data: str) -> None:
        from fallback_chat.providers.wire.surrogates import SurrogateJoiner

        if self._joiner is None and ("\\ud" in data or "\\uD" in data):
            self._joiner = SurrogateJoiner()
        if self._joiner is not None:
            for chunk in chunks:
                self._joiner.feed(chunk)

    def _malformed(self, what: str) -> None:
        kind = ErrorKind.STREAM_ERROR if self.output_started else ErrorKind.SERVER_ERROR
        self.fail(APIStreamError(f"the provider sent {what}", kind=kind))

    def _unfinished(self) -> APIError:
        from fallback_chat.providers.http.unfinished import Remains, unfinished  # no error, no import

        left = Remains(self.output_started, self._frames, self._whole, self._stray(), self._unread)
        return unfinished(left, kind=self._kind, classify=self._classify, redact=self._redact)

    def _stray(self) -> str:
        """Return the text outside all frames; empty if it is blank."""
        stray = self._decoder.stray.decode("utf-8", "replace") if self._decoder else ""
        return stray if stray.strip() else ""


def parse(text: str) -> Any:
    """Parse JSON as `loads` does; a short text, like nearly every frame, slightly faster.

    Control characters in strings are let pass: some servers do not escape tabs.
    """
    if len(text) <= LARGE:
        try:
            value, end = _scan(text, 0)
        except (StopIteration, ValueError):
            return loads(text, strict=False)
        if end == len(text):
            return value
    return loads(text, strict=False)


def _reported(stray: str, *, answered: bool) -> Any:
    from fallback_chat.providers.failures.reader import reported  # no error, no import

    return reported(stray, answered=answered)
