"""Text of foreign origin made safe to write to a terminal."""

from __future__ import annotations

import re
from typing import Final

# Each row: first and last code point, and what stands in their place.
_ROWS: Final[tuple[tuple[int, int, str], ...]] = (
    (0x00, 0x08, ""),
    (0x0B, 0x1A, ""),  # CR among them: CR LF becomes LF even when the two arrive in different chunks
    (0x1B, 0x1B, "\u241b"),  # the symbol for ESC: an attempt stays visible and does nothing
    (0x1C, 0x1F, ""),
    (0x7F, 0x9F, ""),  # DEL and C1: 0x9B and 0x9D open a control sequence in 8 bits
    (0xAD, 0xAD, ""),  # soft hyphen
    (0x061C, 0x061C, ""),  # bidi marks, embeddings, overrides and isolates (Trojan Source, CVE-2021-42574)
    (0x200B, 0x200B, ""),  # zero-width space; ZWNJ and ZWJ behind it spell Persian, Indic and emoji and stay
    (0x200E, 0x200F, ""),
    (0x2028, 0x2029, " "),  # line and paragraph separators: a terminal knows no such line
    (0x202A, 0x202E, ""),
    (0x2060, 0x2060, ""),  # word joiner
    (0x2066, 0x2069, ""),
    (0xD800, 0xDFFF, "\ufffd"),  # half a surrogate pair cannot be encoded
    (0xFEFF, 0xFEFF, ""),
    (0xFFF9, 0xFFFB, ""),  # interlinear annotation
    (0xE0000, 0xE007F, ""),  # tag characters spell text that nobody sees
)
_TABLE: Final = {code: new for first, last, new in _ROWS for code in range(first, last + 1)}
_UNSAFE: Final = re.compile("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b, _ in _ROWS) + "]")


def sanitise(text: str) -> str:
    """Drop or replace every character that could steer a terminal or hide text; the rest stays as it is.

    It looks at one character at a time, so it does not matter where a stream is cut, and doing it twice changes nothing.
    """
    return text.translate(_TABLE) if _UNSAFE.search(text) else text
