"""The limit on what a reader keeps of one answer besides its text.

That is calls, signatures, and items that go back to the server.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any, Final

from fallback_chat.providers.http.frames import FrameTooLargeError

MOST: Final = 32 * 2**20
"""Bytes. The longest answers of today's models are 128,000 tokens: 8 MB, one by one."""
ENTRY: Final = 64
"""Bytes for the place of a value among others."""


class Allowance:
    """The memory that is left for what is kept of one answer."""

    def __init__(self) -> None:
        self._left = MOST

    def charge(self, value: Any) -> None:
        """Deduct the weight of a JSON value. Raises `FrameTooLargeError` if too little is left."""
        self._left -= len(value) + ENTRY if type(value) is str and value.isascii() else weight(value)
        if self._left < 0:
            raise FrameTooLargeError

    def exchange(self, before: Any, after: Any) -> None:
        """Keep `after` in the place of `before`, which was charged."""
        self._left += weight(before) - weight(after)


def weight(value: Any) -> int:
    """Return about how many bytes of memory a JSON value takes, with all that is in it."""
    total = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        total += getsizeof(one) + ENTRY
        if isinstance(one, dict):
            waiting += one.values()
            total += sum(map(getsizeof, one))
        elif isinstance(one, list):
            waiting += one
    return total
