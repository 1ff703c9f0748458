"""The interface of stream decoders: bytes in, frames out, no I/O."""

from __future__ import annotations

import json
from typing import Final, Protocol

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one line or event; a peer that sends more is broken."""

LARGE: Final = 2**20
"""Characters of a document whose values are counted before it is parsed."""
MOST_VALUES: Final = 250_000
"""Of a large document. A value takes up to a hundred times the memory of its characters."""

MAX_STRAY: Final = 64 * 1024
"""Bytes kept of the lines outside all frames."""

UTF8_BOM: Final = b"\xef\xbb\xbf"


Frame = tuple[str, str]
"""One event of a stream: its data, and the name that server-sent events may carry. Proxies drop the
name, so nothing may depend on it alone. A plain tuple, since one is created for every token."""


class FrameTooLargeError(ValueError):
    """A line or an event is larger than `MAX_FRAME`."""


class TooManyValuesError(ValueError):
    """A document is made of so many values that parsing it would take a multiple of its size."""


class Decoder(Protocol):
    """Splits a body into frames; any chunking of the same bytes yields the same frames."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes. Raises `FrameTooLargeError`."""

    def flush(self) -> list[Frame]:
        """Return the usable remainder at the end of the body."""

    @property
    def stray(self) -> bytes:
        """The lines outside all frames: an error as bare JSON, or an HTML page."""


def check_values(text: str) -> None:
    """Raise `TooManyValuesError` for a document that should not be parsed; its commas and brackets are counted."""
    if len(text) > LARGE and sum(map(text.count, ",[{")) > MOST_VALUES:
        raise TooManyValuesError("JSON of too many values")


def is_json(text: str) -> bool:
    """Whether `text` parses as JSON."""
    try:
        check_values(text)
        json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return False
    return True
