"""What a decoder of a streamed body is: bytes in, frames out, no I/O."""

from __future__ import annotations

import json
from typing import Final, Protocol

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one line or one event; a peer that sends more is broken."""

MAX_STRAY: Final = 64 * 1024
"""Bytes kept of the lines that belong to no frame."""

UTF8_BOM: Final = b"\xef\xbb\xbf"


Frame = tuple[str, str]
"""One event of a stream: its data, and the name that server-sent events may carry. Proxies drop the
name, so nothing may depend on it alone. A plain tuple, since one is made for every token.
"""


class FrameTooLargeError(ValueError):
    """A line or an event is larger than `MAX_FRAME`."""


class Decoder(Protocol):
    """Cuts a body into frames; any chunking of the same bytes gives the same frames."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes. Raises `FrameTooLargeError`."""

    def flush(self) -> list[Frame]:
        """Return what the end of the body leaves, if it is usable."""

    @property
    def stray(self) -> bytes:
        """The lines that belong to no frame: an error as bare JSON, an HTML page."""


def is_json(text: str) -> bool:
    """Whether `text` parses as JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return False
    return True
