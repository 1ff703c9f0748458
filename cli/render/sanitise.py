"""Foreign text made safe for a terminal, and for a pipe or file that may end on one.

Doing it twice changes nothing, and apart from CR LF each character is judged by itself: a stream
may be split anywhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fallback_chat.core.characters import Characters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Anything that can steer a terminal stays visible and does nothing: a control character becomes its
# picture, and one of C1 the two characters with the same meaning in 7 bits.
_STEERING: Final[Mapping[int, str]] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\u2421",
    **{code: f"\u241b{chr(code - 0x40)}" for code in range(0x80, 0xA0)},
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # half a surrogate pair cannot be encoded
}
# On a terminal, bidi embeddings, overrides and isolates would show text in another order than it is
# copied in (Trojan Source, CVE-2021-42574), and no terminal ends a line at Unicode's separators.
# Marks, joiners, soft hyphens, zero-width blanks and the tags of a flag are text.
_ON_A_TERMINAL: Final[Mapping[int, str]] = {
    **_STEERING,
    **dict.fromkeys((0x2028, 0x2029), "\n"),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"),
}


def _keys_of(table: Mapping[int, str]) -> Characters:
    """Return the characters of `table`, in ranges, which compile faster."""
    first = [chr(code) for code in sorted(table) if code - 1 not in table]
    last = [chr(code) for code in sorted(table) if code + 1 not in table]
    return Characters("".join(f"{re.escape(begin)}-{re.escape(end)}" for begin, end in zip(first, last, strict=True)))


_THAT_STEER: Final = _keys_of(_STEERING)
_NOT_ON_A_TERMINAL: Final = _keys_of(_ON_A_TERMINAL)


def sanitise(text: str) -> str:
    """Return `text` for a terminal, unable to steer it or reorder its rows; CR LF ends a line."""
    return text.replace("\r\n", "\n").translate(_ON_A_TERMINAL) if _NOT_ON_A_TERMINAL.occur_in(text) else text


def neutralise(text: str) -> str:
    """Return `text` for a pipe or file, unable to steer a terminal behind it; CR LF stays."""
    if not _THAT_STEER.occur_in(text):
        return text
    return "\r\n".join(line.translate(_STEERING) for line in text.split("\r\n"))


class Cleaner:
    """Cleans a stream of pieces with `clean`; a final carriage return waits for the next piece."""

    def __init__(self, clean: Callable[[str], str] = sanitise) -> None:
        self._clean = clean
        self._held = ""

    def feed(self, text: str) -> str:
        """Return the next piece, cleaned."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        return self._clean(text.removesuffix("\r"))

    def flush(self) -> str:
        """Return what waited for another piece."""
        held, self._held = self._held, ""
        return self._clean(held)
