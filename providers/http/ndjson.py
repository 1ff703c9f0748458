"""Newline-delimited JSON, as Ollama streams it."""

from __future__ import annotations

from fallback_chat.providers.http.frames import MAX_FRAME, UTF8_BOM, Frame, FrameTooLargeError, events_in


class NDJSONDecoder:
    """Splits a body into lines.

    Only LF ends a line, since JSON may hold every other line separator unescaped.
    """

    stray = b""

    def __init__(self) -> None:
        self._tail = bytearray()
        self._started = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the lines that `chunk` completes. Raises `FrameTooLargeError`."""
        # Nearly every read ends with a line, and needs none of the code below.
        if self._started and not self._tail and chunk.endswith(b"\n"):
            if chunk.startswith(b"{") and chunk.find(b"\n") == len(chunk) - 1 < MAX_FRAME:
                return [(chunk[:-1].decode("utf-8", "replace"), "")]
            return self._read(chunk)
        end = chunk.rfind(b"\n") + 1
        frames = self._read(self._take(chunk[:end])) if end else []
        self._tail += chunk[end:]
        if len(self._tail) > MAX_FRAME:
            raise FrameTooLargeError
        return frames

    def flush(self) -> list[Frame]:
        """Return the last line, which may lack its LF, if it is JSON."""
        return [(event, "") for event in events_in(self._take(b"").decode("utf-8", "replace"))]

    def _read(self, whole: bytes) -> list[Frame]:
        lines = whole.split(b"\n")
        if len(whole) > MAX_FRAME and any(len(line) > MAX_FRAME for line in lines):
            raise FrameTooLargeError
        return [(line.decode("utf-8", "replace"), "") for line in lines if line and not line.isspace()]

    def _take(self, rest: bytes) -> bytes:
        whole = bytes(self._tail) + rest
        self._tail.clear()
        if not self._started:
            self._started = True
            whole = whole.removeprefix(UTF8_BOM)
        return whole
