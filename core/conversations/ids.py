"""The ids of conversations: short, in chronological order, unique across processes."""

from __future__ import annotations

from typing import Final

from fallback_chat.core.conversations.records import SessionId

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, without letters that resemble digits."""
_TIME_DIGITS: Final = 7
_RANDOM_DIGITS: Final = 4


def new_id(now: float, chance: float) -> SessionId:
    """Return an id made of a moment (wall-clock seconds) and a random number in [0, 1)."""
    number = int(now) * 32**_RANDOM_DIGITS + int(chance * 32**_RANDOM_DIGITS)
    digits = [_DIGITS[number >> 5 * place & 31] for place in reversed(range(_TIME_DIGITS + _RANDOM_DIGITS))]
    return SessionId("".join(digits))
