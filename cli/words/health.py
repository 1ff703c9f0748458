"""The vocabulary of states and failures, the same wherever people read about a provider."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.words.error_kinds import TOLD
from fallback_chat.core.engine.policy import RULES
from fallback_chat.core.errors import NO_CONSENT, NO_KEY, ErrorKind
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.engine.breaker import Health
    from fallback_chat.core.errors import APIError

DOWN: Final = "down"
STATES: Final = (
    ("ok", "answers, as far as is known", "good"),
    ("rate limited", "too many requests", "waiting"),
    (DOWN, "failed, and rests", "bad"),
    ("bad key", "the key was refused, or cannot be read", "bad"),
    ("access denied", "the key may not do this", "bad"),
    ("no quota", "the quota is spent", "bad"),
    ("no such model", "the model is unknown to it", "bad"),
    ("slow", "its last first words took more than half of `attempt_timeout`", "waiting"),
    ("retrying", "its rest is over: it is asked again with the next question", "waiting"),
    ("trying", "one question finds out whether it is back", "waiting"),
    ("skipped", "left out by your wish", "dim"),
    ("offline", "this machine seems to be offline: nothing can reach it", "waiting"),
    ("off", "switched off", "dim"),
)
"""Every state of a provider that people see, its meaning and its style; a time behind it counts
down."""
OF_REASON: Final = {kind: told.short for kind, told in TOLD.items() if told.short in {state for state, *_ in STATES}}
OF_CODE: Final[Mapping[str | None, str]] = {NO_CONSENT: "no consent", NO_KEY: "no key"}
UP_TO_THE_USER: Final = frozenset(kind for kind, row in RULES.items() if row.up_to_the_user)


def short(error: APIError) -> str:
    """Return a failure in a word or two; of a server's own error the status."""
    if error.details.code in OF_CODE:
        return OF_CODE[error.details.code]
    if error.kind is ErrorKind.SERVER_ERROR and error.details.status:
        return str(error.details.status)
    return TOLD[error.kind].short


def state_word(health: Health, now: float) -> str:
    """Return one of `STATES`, with the time that is left where it has one."""
    if health.state is State.DISABLED:
        return "off"
    if health.state is State.CLOSED:
        return "ok"
    if health.state is State.HALF_OPEN:
        return "trying"
    left = health.left(now)
    if left == 0.0:
        return "retrying"
    word = OF_REASON.get(health.reason or "", DOWN)
    return word if left is None or health.reason in UP_TO_THE_USER else f"{word} {countdown(left)}"


def recorded(reason: str | None) -> str:
    """Return the reason of a health record in a word or two; "" if it is not one of ours."""
    return told.short if (told := TOLD.get(reason or "")) else ""


def reason_word(health: Health, now: float) -> str:
    """Return why a provider rests, unless its state says so."""
    word = recorded(health.reason)
    return "" if state_word(health, now).startswith(word) else word


def tone(word: str) -> str:
    """Return the style of a state, with or without its time."""
    return next((style for state, _, style in STATES if word.startswith(state)), "plain")


def countdown(seconds: float) -> str:
    """Return a time that runs down: `0:42`, `12:05`, `3 h`; its last second is still 0:01."""
    whole = max(1, math.ceil(seconds))
    return f"{whole // 3600} h" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
