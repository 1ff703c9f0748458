"""Bodies in HTTP chunks, read past h11: bytes in, content out, many chunks at a time.

A provider sends a chunk for every token, and h11 takes longer to unwrap one than the program takes
to decode, check and print what is in it. So whole chunks of the usual form are unwrapped here;
whatever else a body may hold, such as its end, extensions and trailers, is left to h11.
"""

from __future__ import annotations

import re
from typing import Final

_USUAL: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
"""The line before a chunk."""
_LONGEST: Final = len(b"ffffffff\r\n")


class Unwrapper:
    """Takes the content out of chunks (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self.rest = b""
        """The bytes that are not unwrapped yet, or never will be."""
        self.stopped = False
        """Whether `rest` begins with something other than a usual chunk."""
        self.broken = False
        """Whether a chunk is longer or shorter than it says."""
        self._missing = 0
        """Bytes to the end of the current chunk, with the line break behind it."""

    def feed(self, data: bytes) -> bytes:
        """Return the content that `data` adds."""
        data, at, found = self.rest + data, 0, []
        while not self.stopped:
            if not self._missing:
                line = _USUAL.match(data, at)
                size = int(line[1], 16) if line else 0
                if line is None or not size:
                    self.stopped = line is not None or data.find(b"\n", at) >= 0 or len(data) - at >= _LONGEST
                    break
                at, self._missing = line.end(), size + 2
            end = at + self._missing
            if end > len(data):
                content = data[at : end - 2]
                found.append(content)
                at, self._missing = at + len(content), self._missing - len(content)
                break
            found.append(data[at : end - 2])
            self.broken = self.stopped = data[end - 2 : end] != b"\r\n"
            at, self._missing = end, 0
        self.rest = data[at:]
        return b"".join(found)
