"""Newline-delimited JSON, as Ollama streams it."""

from __future__ import annotations

from fallback_chat.providers._frames import MAX_FRAME, UTF8_BOM, Frame, FrameTooLargeError, is_json


class NDJSONDecoder:
    """Cuts a body into lines; only LF ends one, since JSON may hold every other line separator unescaped."""

    stray = b""

    def __init__(self) -> None:
        self._tail = bytearray()
        self._started = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Give the lines that `chunk` completes. Raises `FrameTooLargeError`."""
        end = chunk.rfind(b"\n") + 1
        lines = self._take(chunk[:end]).split(b"\n") if end else []
        self._tail += chunk[end:]
        if len(self._tail) > MAX_FRAME or any(len(line) > MAX_FRAME for line in lines):
            raise FrameTooLargeError
        return [Frame(line.decode("utf-8", "replace")) for line in lines if line.strip()]

    def flush(self) -> list[Frame]:
        """Give the last line, which may lack its LF, if it is JSON."""
        line = self._take(b"").decode("utf-8", "replace")
        return [Frame(line)] if is_json(line) else []

    def _take(self, rest: bytes) -> bytes:
        whole = bytes(self._tail) + rest
        self._tail.clear()
        if not self._started:
            self._started = True
            whole = whole.removeprefix(UTF8_BOM)
        return whole
