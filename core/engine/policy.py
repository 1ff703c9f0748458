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
    words: str
    """The failure in words, following the provider's name."""
    hint: str | None = None
    """Advice for the user."""
    waiting_helps: bool = False
    """Whether it passes by itself and is worth a pause if no other provider can answer."""


def _row(  # noqa: PLR0913 - the columns of the table
    retry_same: bool, next_: Next, verdict: Verdict, words: str, hint: str | None = None, *, waiting_helps: bool = False
) -> Rule:
    return Rule(retry_same, next_, verdict, words, hint, waiting_helps)


RULES: Final[dict[ErrorKind, Rule]] = {
    # The provider's own "cancelled" (HTTP 499). Our own cancellation never becomes an APIError.
    ErrorKind.CANCELLED: _row(True, Next.YES, Verdict.NEUTRAL, "cancelled the request"),
    ErrorKind.CONNECTION: _row(
        True, Next.YES, Verdict.OPEN, "cannot be reached", "check base_url, and that the server runs"
    ),
    ErrorKind.SERVER_ERROR: _row(True, Next.YES, Verdict.OPEN, "failed"),
    ErrorKind.OVERLOADED: _row(True, Next.YES, Verdict.OPEN, "is overloaded", waiting_helps=True),
    ErrorKind.TIMEOUT: _row(True, Next.YES, Verdict.OPEN, "timed out", "raise attempt_timeout if it is only slow"),
    ErrorKind.RATE_LIMITED: _row(True, Next.YES, Verdict.OPEN, "is rate limited", waiting_helps=True),
    ErrorKind.QUOTA_EXHAUSTED: _row(
        False, Next.YES, Verdict.BLOCK, "has no quota left", "check plan and billing at the provider"
    ),
    ErrorKind.AUTH: _row(
        False, Next.YES, Verdict.BLOCK, "rejected the API key", "check the key: fallback-chat config show --origin"
    ),
    ErrorKind.PERMISSION: _row(
        False, Next.YES, Verdict.BLOCK, "denied access", "check what the key may do at the provider"
    ),
    ErrorKind.MODEL_NOT_FOUND: _row(
        False, Next.YES, Verdict.BLOCK, "does not know the model", "correct `model` in fallback.toml"
    ),
    ErrorKind.CONTEXT_EXCEEDED: _row(
        False,
        Next.BIGGER_WINDOW,
        Verdict.NEUTRAL,
        "cannot hold this much text",
        "shorten the input or start a new conversation",
    ),
    ErrorKind.TOO_LARGE: _row(
        False,
        Next.YES,
        Verdict.NEUTRAL,
        "refuses a request this large",
        "shorten the input or start a new conversation",
    ),
    ErrorKind.UNSUPPORTED: _row(False, Next.YES, Verdict.NEUTRAL, "cannot do what was asked"),
    ErrorKind.BAD_REQUEST: _row(False, Next.UNTIL_AGREED, Verdict.NEUTRAL, "rejected the request"),
    ErrorKind.CONTENT_FILTER: _row(False, Next.REFUSED, Verdict.NEUTRAL, "blocked this by its content filter"),
    ErrorKind.REFUSAL: _row(False, Next.REFUSED, Verdict.NEUTRAL, "refused to answer"),
    ErrorKind.EMPTY: _row(True, Next.YES, Verdict.OPEN_ON_REPEAT, "ended without an answer"),
    ErrorKind.TRUNCATED: _row(True, Next.YES, Verdict.OPEN, "ended its stream early"),
    ErrorKind.STALLED: _row(True, Next.YES, Verdict.OPEN, "stopped in the middle of the answer"),
    ErrorKind.STREAM_ERROR: _row(True, Next.YES, Verdict.OPEN, "broke off the answer"),
    ErrorKind.BUG: _row(False, Next.YES, Verdict.OPEN_ON_REPEAT, "failed in its own code"),
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
