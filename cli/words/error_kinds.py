"""How each kind of failure is told: one table, and no other words or exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.core.errors import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Mapping


class Told(NamedTuple):
    """One row of the table."""

    exit_code: ExitCode
    """Of a run that ends with this failure."""
    short: str
    """The failure in a word or two."""
    words: str
    """The failure in words that follow the provider's name."""
    hint: str | None = None
    """Advice for the user."""


TOLD: Final[Mapping[str, Told]] = {
    ErrorKind.CONTENT_FILTER: Told(ExitCode.REFUSED, "content filter", "blocked this by its content filter"),
    ErrorKind.REFUSAL: Told(ExitCode.REFUSED, "refused", "refused to answer"),
    ErrorKind.RATE_LIMITED: Told(ExitCode.RATE_LIMITED, "rate limited", "is rate limited"),
    ErrorKind.OVERLOADED: Told(ExitCode.UNAVAILABLE, "overloaded", "is overloaded"),
    ErrorKind.SERVER_ERROR: Told(ExitCode.UNAVAILABLE, "server error", "failed"),
    ErrorKind.TIMEOUT: Told(ExitCode.UNAVAILABLE, "timed out", "timed out", "raise attempt_timeout if it is only slow"),
    ErrorKind.CONNECTION: Told(
        ExitCode.UNAVAILABLE, "unreachable", "cannot be reached", "check base_url, and that the server runs"
    ),
    ErrorKind.EMPTY: Told(ExitCode.UNAVAILABLE, "empty answer", "ended without an answer"),
    ErrorKind.TRUNCATED: Told(ExitCode.UNAVAILABLE, "stream ended early", "ended its stream early"),
    ErrorKind.STALLED: Told(ExitCode.UNAVAILABLE, "stalled", "stopped in the middle of the answer"),
    ErrorKind.STREAM_ERROR: Told(ExitCode.UNAVAILABLE, "stream broke off", "broke off the answer"),
    ErrorKind.CANCELLED: Told(ExitCode.UNAVAILABLE, "cancelled", "cancelled the request"),
    ErrorKind.QUOTA_EXHAUSTED: Told(
        ExitCode.RATE_LIMITED, "no quota", "has no quota left", "check plan and billing at the provider"
    ),
    ErrorKind.CONTEXT_EXCEEDED: Told(
        ExitCode.BAD_INPUT, "too small", "cannot hold this much text", "shorten the input or start a new conversation"
    ),
    ErrorKind.TOO_LARGE: Told(
        ExitCode.BAD_INPUT,
        "request too large",
        "refuses a request this large",
        "shorten the input or start a new conversation",
    ),
    ErrorKind.AUTH: Told(
        ExitCode.UNAUTHORISED, "bad key", "rejected the API key", "check the key: fallback-chat config show --origin"
    ),
    ErrorKind.PERMISSION: Told(
        ExitCode.UNAUTHORISED, "access denied", "denied access", "check what the key may do at the provider"
    ),
    ErrorKind.MODEL_NOT_FOUND: Told(
        ExitCode.CONFIG, "no such model", "does not know the model", "choose one that fallback-chat models lists"
    ),
    ErrorKind.UNSUPPORTED: Told(ExitCode.BAD_INPUT, "not supported", "cannot do what was asked"),
    ErrorKind.BAD_REQUEST: Told(ExitCode.BAD_INPUT, "bad request", "rejected the request"),
    ErrorKind.BUG: Told(ExitCode.INTERNAL, "bug", "failed in its own code"),
}
"""By kind; a string that names a kind, such as a recorded reason, finds its row, too."""
