"""What follows from each kind of failure: one table, and no decision anywhere else.

The columns answer three questions: may the same provider be asked again in this turn, may the next
one be asked, and what does the failure say about the provider's health.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind


class Next(StrEnum):
    """Whether another provider may be asked for the same turn."""

    YES = "yes"
    UNTIL_AGREED = "ask"
    """Until two providers blame the conversation itself: then the input is bad."""
    BIGGER_WINDOW = "bigger_window"
    """Only a provider whose context window is larger or unknown."""
    REFUSED = "refused"
    """Only if the user allows it (`on_refusal = "next"`)."""


class Verdict(StrEnum):
    """The meaning of an attempt for the provider's health: the inputs of the circuit breaker."""

    SUCCESS = "success"
    OPEN = "open"
    OPEN_ON_REPEAT = "open_on_repeat"
    """Opens the breaker the second time in a row."""
    BLOCK = "block"
    """Waiting does not help: someone has to change something."""
    NEUTRAL = "neutral"


class Rule(NamedTuple):
    """One row of the table."""

    retry_same: bool
    """Whether asking the same provider again can help."""
    next: Next
    verdict: Verdict
    waiting_helps: bool = False
    """Whether it passes by itself and is worth a pause if no other provider can answer."""


RULES: Final[dict[ErrorKind, Rule]] = {
    ErrorKind.CONTENT_FILTER: Rule(False, Next.REFUSED, Verdict.NEUTRAL),
    ErrorKind.REFUSAL: Rule(False, Next.REFUSED, Verdict.NEUTRAL),
    ErrorKind.RATE_LIMITED: Rule(True, Next.YES, Verdict.OPEN, waiting_helps=True),
    ErrorKind.OVERLOADED: Rule(True, Next.YES, Verdict.OPEN, waiting_helps=True),
    ErrorKind.SERVER_ERROR: Rule(True, Next.YES, Verdict.OPEN),
    ErrorKind.TIMEOUT: Rule(True, Next.YES, Verdict.OPEN),
    ErrorKind.CONNECTION: Rule(True, Next.YES, Verdict.OPEN),
    ErrorKind.EMPTY: Rule(True, Next.YES, Verdict.OPEN_ON_REPEAT),
    ErrorKind.TRUNCATED: Rule(True, Next.YES, Verdict.OPEN),
    ErrorKind.STALLED: Rule(True, Next.YES, Verdict.OPEN),
    ErrorKind.STREAM_ERROR: Rule(True, Next.YES, Verdict.OPEN),
    # The provider's own "cancelled" (HTTP 499). Our own cancellation never becomes an APIError.
    ErrorKind.CANCELLED: Rule(True, Next.YES, Verdict.NEUTRAL),
    ErrorKind.QUOTA_EXHAUSTED: Rule(False, Next.YES, Verdict.BLOCK),
    ErrorKind.CONTEXT_EXCEEDED: Rule(False, Next.BIGGER_WINDOW, Verdict.NEUTRAL),
    ErrorKind.TOO_LARGE: Rule(False, Next.YES, Verdict.NEUTRAL),
    ErrorKind.AUTH: Rule(False, Next.YES, Verdict.BLOCK),
    ErrorKind.PERMISSION: Rule(False, Next.YES, Verdict.BLOCK),
    ErrorKind.MODEL_NOT_FOUND: Rule(False, Next.YES, Verdict.BLOCK),
    ErrorKind.UNSUPPORTED: Rule(False, Next.YES, Verdict.NEUTRAL),
    ErrorKind.BAD_REQUEST: Rule(False, Next.UNTIL_AGREED, Verdict.NEUTRAL),
    ErrorKind.BUG: Rule(False, Next.YES, Verdict.OPEN_ON_REPEAT),
}


def rule(kind: ErrorKind) -> Rule:
    """Return the row of `kind`."""
    return RULES[kind]


def may_retry(error: APIError) -> bool:
    """Whether asking the same provider again can help.

    The server's own instruction prevails over the table. A time-out of our own clocks is not worth
    a second wait of the same length; a 504 that came back quickly is.
    """
    if error.details.retryable is not None:
        return error.details.retryable
    return RULES[error.kind].retry_same and not isinstance(error, APITimeoutError)


LONG_WAIT: Final = 600.0
"""Seconds; a provider that asks for more is blocked until then instead of resting."""


def verdict(error: APIError) -> Verdict:
    """Return what `error` says about the provider's health."""
    long_wait = error.retry_after is not None and error.retry_after > LONG_WAIT
    found = RULES[error.kind].verdict
    return Verdict.BLOCK if found is Verdict.OPEN and long_wait else found
