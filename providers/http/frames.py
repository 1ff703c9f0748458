"""The interface of stream decoders: bytes in, frames out, no I/O."""

from __future__ import annotations

from typing import Final, Protocol

from fallback_chat.core.json_text import loads

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one line or event; a peer that sends more is broken."""

MAX_STRAY: Final = 64 * 1024
"""Bytes kept of the lines outside all frames."""

UTF8_BOM: Final = b"\xef\xbb\xbf"


Frame = tuple[str, str]
"""One event of a stream: its data, and the name that server-sent events may carry. Proxies drop the
name, so nothing may depend on it alone. A plain tuple, since one is created for every token."""


class FrameTooLargeError(ValueError):
    """A line or an event is larger than `MAX_FRAME`."""


class Decoder(Protocol):
    """Splits a body into frames; any chunking of the same bytes yields the same frames."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes. Raises `FrameTooLargeError`."""

    def flush(self) -> list[Frame]:
        """Return the usable remainder at the end of the body."""

    @property
    def stray(self) -> bytes:
        """The lines outside all frames: an error as bare JSON, or an HTML page."""


def events_in(text: str) -> list[str]:
    """Return the events in `text`: itself, or its lines if a server forgot what separates events.

    An event is JSON or `[DONE]`; if anything else is there, none is returned.
    """
    lines = [text] if _is_event(text) else [line for line in text.split("\n") if line.strip()]
    return lines if all(map(_is_event, lines)) else []


def _is_event(text: str) -> bool:
    return text.strip() == "[DONE]" or is_json(text)


def is_json(text: str) -> bool:
    """Whether `text` parses as JSON."""
    try:
        loads(text)
    except (ValueError, RecursionError, MemoryError):
        return False
    return True
