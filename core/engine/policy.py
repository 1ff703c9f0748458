"""The consequences of each kind of failure: one table, and no decision anywhere else.

The first columns answer three questions: may the same provider be asked again in this turn, may the
next one be asked, and what does the failure say about the provider's health. The others say how a
failure passes, and how that can be found out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


class Retry(StrEnum):
    """Whether asking the same provider again in this turn can help."""

    NO = "no"
    YES = "yes"
    ONCE = "once"
    """However many retries are allowed."""
    LAST = "last"
    """Only if no other provider is left for the turn."""


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

    retry: Retry
    next: Next
    verdict: Verdict
    waiting_helps: bool = False
    """Whether it passes by itself and is worth a pause if no other provider can answer."""
    up_to_the_user: bool = False
    """Whether time alone never mends it, so that a countdown would promise too much."""
    cured_by_list: bool = False
    """Whether a provider that lists its models no longer has this fault."""
    shown_by_list: bool = False
    """Whether a list of models that fails like this means that a chat would, too; some servers
    have no list, or a broken one."""
    first_block: float = DAY
    """Seconds before a blocked provider is worth another try; doubles up to a day. Keys,
    permissions and models rarely change, and a changed key or model starts a new record."""


RULES: Final[dict[ErrorKind, Rule]] = {
    ErrorKind.CONTENT_FILTER: Rule(Retry.NO, Next.REFUSED, Verdict.NEUTRAL),
    ErrorKind.REFUSAL: Rule(Retry.NO, Next.REFUSED, Verdict.NEUTRAL),
    ErrorKind.RATE_LIMITED: Rule(Retry.ONCE, Next.YES, Verdict.OPEN, waiting_helps=True, shown_by_list=True),
    ErrorKind.OVERLOADED: Rule(Retry.YES, Next.YES, Verdict.OPEN, waiting_helps=True),
    ErrorKind.SERVER_ERROR: Rule(Retry.YES, Next.YES, Verdict.OPEN),
    ErrorKind.TIMEOUT: Rule(Retry.YES, Next.YES, Verdict.OPEN, shown_by_list=True),
    ErrorKind.CONNECTION: Rule(Retry.LAST, Next.YES, Verdict.OPEN, cured_by_list=True, shown_by_list=True),
    ErrorKind.EMPTY: Rule(Retry.ONCE, Next.YES, Verdict.OPEN_ON_REPEAT),
    ErrorKind.TRUNCATED: Rule(Retry.YES, Next.YES, Verdict.OPEN),
    ErrorKind.STALLED: Rule(Retry.YES, Next.YES, Verdict.OPEN),
    ErrorKind.STREAM_ERROR: Rule(Retry.YES, Next.YES, Verdict.OPEN),
    # The provider's own "cancelled" (HTTP 499). Our own cancellation never becomes an APIError.
    ErrorKind.CANCELLED: Rule(Retry.YES, Next.YES, Verdict.NEUTRAL),
    ErrorKind.QUOTA_EXHAUSTED: Rule(Retry.NO, Next.YES, Verdict.BLOCK, first_block=5 * HOUR),  # often renewed by then
    ErrorKind.CONTEXT_EXCEEDED: Rule(Retry.NO, Next.BIGGER_WINDOW, Verdict.NEUTRAL),
    ErrorKind.TOO_LARGE: Rule(Retry.NO, Next.YES, Verdict.NEUTRAL),
    ErrorKind.AUTH: Rule(
        Retry.NO, Next.YES, Verdict.BLOCK, up_to_the_user=True, cured_by_list=True, shown_by_list=True
    ),
    ErrorKind.PERMISSION: Rule(Retry.NO, Next.YES, Verdict.BLOCK, up_to_the_user=True),
    ErrorKind.MODEL_NOT_FOUND: Rule(Retry.NO, Next.YES, Verdict.BLOCK, up_to_the_user=True, cured_by_list=True),
    ErrorKind.UNSUPPORTED: Rule(Retry.NO, Next.YES, Verdict.NEUTRAL),
    ErrorKind.BAD_REQUEST: Rule(Retry.NO, Next.UNTIL_AGREED, Verdict.NEUTRAL),
    ErrorKind.BUG: Rule(Retry.NO, Next.YES, Verdict.OPEN_ON_REPEAT),
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
    return RULES[error.kind].retry is not Retry.NO and not isinstance(error, APITimeoutError)


LONG_WAIT: Final = 600.0
"""Seconds; a provider that asks for more is blocked until then instead of resting."""


def verdict(error: APIError) -> Verdict:
    """Return what `error` says about the provider's health."""
    long_wait = error.retry_after is not None and error.retry_after > LONG_WAIT
    found = RULES[error.kind].verdict
    return Verdict.BLOCK if found is Verdict.OPEN and long_wait else found
