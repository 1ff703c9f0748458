"""Server-sent events, decoded from bytes.

The grammar is WHATWG HTML, section 9.2.6 "Interpreting an event stream". httpx-sse 0.4.3 does not
suffice: it takes a byte order mark for part of the first field's name and so loses the first event,
drops an event left open by the end of the body, and buffers lines without limit.
"""

from __future__ import annotations

from functools import lru_cache

from fallback_chat.providers.http.frames import MAX_FRAME, MAX_STRAY, UTF8_BOM, Frame, FrameTooLargeError, events_in


class SSEDecoder:
    """Splits an event stream into frames.

    It departs from the grammar in four places. An event without text is dropped. A field `error`
    that holds an object, unknown to the grammar, is an event of that name: llama.cpp sent its
    errors this way until late in 2025. An event left open by the end of the body counts if it is
    `[DONE]` or JSON: real servers forget the last newline, and the finish or the usage would be
    lost. Lines that are neither field nor comment are kept as `stray`.
    """

    def __init__(self) -> None:
        self._started = False
        self._tail = bytearray()
        self._after_cr = False
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0
        self._between_events = False
        self._stray = bytearray()

    @property
    def stray(self) -> bytes:
        """The first 64 KiB of the lines that are neither field nor comment."""
        return bytes(self._stray)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes. Raises `FrameTooLargeError`."""
        # Nearly every read is one complete event, and needs none of the code below.
        if self._between_events and (event := _whole_event(chunk)) is not None:
            return [event]
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if not end:
            self._tail += chunk
            self._between_events = self._between_events and not chunk
            if len(self._tail) > MAX_FRAME:
                raise FrameTooLargeError
            return []
        lines = self._take(chunk[:end])
        self._tail += chunk[end:]
        # Only the next read can tell whether this CR is half of a CRLF.
        self._after_cr = chunk.endswith(b"\r")
        frames = self._read(lines)
        self._between_events = not (self._tail or self._after_cr or self._data or self._name)
        return frames

    def flush(self) -> list[Frame]:
        """Return what the end of the body left open, if it is `[DONE]` or JSON."""
        frames = self._read(self._take(b""))
        return frames + [(event, name) for data, name in self._dispatch() for event in events_in(data)]

    def _take(self, rest: bytes) -> list[bytes]:
        """Empty the tail; return its lines, which end at CR, LF and CRLF only."""
        whole = bytes(self._tail) + rest
        self._tail.clear()
        if not self._started and whole:
            self._started = True
            whole = whole.removeprefix(UTF8_BOM)
        return whole.splitlines()

    def _read(self, lines: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        for line in lines:
            # Nearly every line is one of the first three; `startswith` takes longer than a slice.
            if line[:6] == b"data: ":
                self._add(line[6:])
            elif not line:
                frames += self._dispatch()
            elif line[:7] == b"event: ":
                self._name = line[7:].decode("utf-8", "replace")
            elif line.startswith(b"error: {"):
                frames += [*self._dispatch(), (line[7:].decode("utf-8", "replace"), "error")]
            else:
                self._field(line)
        return frames

    def _add(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1
        if self._size > MAX_FRAME:
            raise FrameTooLargeError

    def _field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"data":
            self._add(value)
        elif field.strip().lower() in (b"data", b"event"):  # indented, or in capitals
            self._field(field.strip().lower() + b":" + value)
        elif field not in (b"", b"id", b"retry") and len(self._stray) < MAX_STRAY:
            self._stray += line + b"\n"

    def _dispatch(self) -> list[Frame]:
        data, name = b"\n".join(self._data), self._name
        self._data.clear()
        self._size, self._name = 0, ""
        if not data or data.isspace():
            return []
        return [(data.decode("utf-8", "replace"), name)]


def _whole_event(chunk: bytes) -> Frame | None:
    """Return the event that makes up `chunk`, if it has the usual form: one line of JSON."""
    head, _, rest = chunk.partition(b"data: {")
    lines = rest.splitlines()
    name = _name_in(head) if head else ""
    if len(lines) != 2 or lines[1] or name is None or len(chunk) > MAX_FRAME:
        return None
    return "{" + lines[0].decode("utf-8", "replace"), name


@lru_cache(maxsize=32)
def _name_in(head: bytes) -> str | None:
    """Return the name in the lines before the data of an event, which are hardly ever new ones.

    None if there is anything else.
    """
    lines = head.splitlines()
    usual = len(lines) == 1 and head.startswith(b"event: ") and head[-1:] in b"\r\n"
    return lines[0][7:].decode("utf-8", "replace") if usual else None
