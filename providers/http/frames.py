"""The interface of stream decoders: bytes in, frames out, no I/O."""

from __future__ import annotations

import json
import re
from typing import Final, Protocol

from fallback_chat.core.json_text import check_values, loads

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one line or event; a peer that sends more is broken."""

MAX_STRAY: Final = 64 * 1024
"""Bytes kept of the lines outside all frames."""

UTF8_BOM: Final = b"\xef\xbb\xbf"
DONE: Final = "[DONE]"

_SEPARATOR: Final = re.compile(r"(?:\s|data:)+")
_ONE: Final = json.JSONDecoder(strict=False)

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
    """Return the events in `text`: itself, or its parts if a server forgot what separates events.

    An event is JSON or `[DONE]`. Between two of them may be blanks and `data:`, which some proxies
    also write twice before one. If anything else is there, none is returned.
    """
    if is_json(text):
        return [text]
    events: list[str] = []
    try:
        check_values(text)
        position = _begin_of_event(text, 0)
        while position < len(text):
            done = text.startswith(DONE, position)
            end = position + len(DONE) if done else _ONE.raw_decode(text, position)[1]
            events.append(text[position:end])
            position = _begin_of_event(text, end)
    except (ValueError, RecursionError, MemoryError):
        return []
    return events


def _begin_of_event(text: str, position: int) -> int:
    """Return where the next event begins. Raises ValueError if something else does."""
    separator = _SEPARATOR.match(text, position)
    begin = separator.end() if separator else position
    if not text.startswith(("{", "["), begin) and begin < len(text):
        raise ValueError(text[begin])
    return begin


def is_json(text: str) -> bool:
    """Whether `text` parses as JSON."""
    try:
        loads(text)
    except (ValueError, RecursionError, MemoryError):
        return False
    return True
