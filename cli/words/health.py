"""A provider's health in one word, with the time that is left where it has one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fallback_chat.core.engine.breaker import State

if TYPE_CHECKING:
    from fallback_chat.core.engine.breaker import Health

WORDS: Final = {
    "rate_limited": "429",
    "quota_exhausted": "quota",
    "auth": "key",
    "permission": "key",
    "model_not_found": "model",
}
"""By the kind of the failure; every other one is `down`."""
UP_TO_THE_USER: Final = ("auth", "permission", "model_not_found")
"""Time alone mends none of these, so a countdown would promise too much."""


def state_word(health: Health, now: float) -> str:
    """Give `ok`, `429 0:42`, `down 0:12`, `key`, `skip`, or `?` when it is time to try again."""
    if health.state is State.DISABLED:
        return "skip"
    if health.state is State.CLOSED:
        return "ok"
    if health.state is State.HALF_OPEN or health.is_due(now):
        return "?"
    word = WORDS.get(health.reason or "", "down")
    if health.until is None or health.reason in UP_TO_THE_USER:
        return word
    return f"{word} {countdown(health.until - now)}"


def countdown(seconds: float) -> str:
    """Write a time that runs down: `0:42`, `12:05`, `3 h`; its last second is still 0:01."""
    whole = max(1, math.ceil(seconds))
    return f"{whole // 3600} h" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
