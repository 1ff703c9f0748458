"""Everything that can go wrong, as exceptions.

    FallbackChatError
    ├── ConfigError                the configuration has mistakes: all of them, each with file, line and key
    ├── InputError                 what the user gave cannot be used (a file is missing, the text is not text)
    └── APIError                   a provider failed; `kind` says how, `core/engine/policy.py` says what follows
        ├── APIConnectionError     no usable connection: DNS, refused, TLS, reset
        │   └── APITimeoutError    no content in time
        ├── APIStatusError         the server answered with a status other than 200
        ├── APIStreamError         a 200 that went wrong: an error event, a cut, nothing in it
        └── AllProvidersFailed     the whole chain failed; `attempts` has each one, in order

The names up to `APIStatusError` are those of LiveKit's agents library.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from fallback_chat.core.checks import one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from fallback_chat.core.events import AttemptRecord


class ErrorKind(StrEnum):
    """The class of a provider's failure; the only thing that the failover policy looks at."""

    CANCELLED = "cancelled"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    PERMISSION = "permission"
    MODEL_NOT_FOUND = "model_not_found"
    CONTEXT_EXCEEDED = "context_exceeded"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    BAD_REQUEST = "bad_request"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    STALLED = "stalled"
    STREAM_ERROR = "stream_error"
    BUG = "bug"


class FallbackChatError(Exception):
    """Base of every error that this package raises on purpose; its text is a sentence for the user."""


class Problem(NamedTuple):
    """One mistake in a configuration."""

    key: str
    """Dotted path, as `providers.primary.base_url`; empty when the file as a whole is meant."""
    message: str
    """What is wrong, and what to write instead."""
    path: Path | None = None
    line: int | None = None
    """1-based line in `path`, where it could be found."""

    def masked(self) -> Problem:
        """Return the problem without what looks like a key: one may have been written into the wrong setting."""
        from fallback_chat.core.lookalikes import masked

        return self._replace(key=masked(self.key), message=masked(self.message))

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line is not None else str(self.path or "")
        return ": ".join(part for part in (where, self.key, self.message) if part)


class ConfigError(FallbackChatError):
    """The configuration cannot be used; `problems` has every mistake found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problem.masked() for problem in problems)
        super().__init__("\n".join(map(str, self.problems)))


class InputError(FallbackChatError):
    """The user's own input cannot be used."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        self.missing = missing
        """A named file does not exist (as opposed to: it exists and is unusable)."""
        super().__init__(message)


class ErrorDetails(NamedTuple):
    """What the provider said about its failure; every field may be missing."""

    status: int | None = None
    code: str | None = None
    """The provider's own error code, as text."""
    type: str | int | None = None
    reason: str | None = None
    """A finer code some families carry (Google's ErrorInfo, Anthropic's `details.error_code`, Azure's inner error)."""
    param: str | None = None
    """The request parameter that the provider rejects."""
    retry_after: float | None = None
    """Seconds from now until the provider wants to be asked again."""
    request_id: str | None = None
    retryable: bool | None = None
    """The server's binding word on asking it again (`x-should-retry`), or ours; None leaves it to the policy."""
    blames_input: bool = False
    """The rejection names the conversation itself as what is wrong.

    Two providers that say so agree that the input is bad. Any other two rejections, about a model,
    an option or a limit of their own, have nothing in common.
    """


class APIError(FallbackChatError):
    """A provider failed; `kind` and `details` are all that the failover policy needs."""

    default_kind = ErrorKind.SERVER_ERROR

    def __init__(  # noqa: PLR0913 - each is a fact of its own, and all but the first may be missing
        self,
        message: str,
        *,
        kind: ErrorKind | None = None,
        details: ErrorDetails | None = None,
        hint: str | None = None,
        words: str | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = self.default_kind if kind is None else one_of("kind", kind, ErrorKind)
        self.details = details or ErrorDetails()
        self.hint = hint
        """What the user can do next, when it depends on more than the kind."""
        self.words = words
        """The failure in words that follow the provider's name, where those of the kind do not fit."""
        self.body = body
        """The error object as the provider sent it, parsed; never shown as it is."""

    @property
    def retry_after(self) -> float | None:
        """Seconds until the provider wants to be asked again, or None."""
        return self.details.retry_after

    @property
    def request_id(self) -> str | None:
        """The provider's name for the request, for its support."""
        return self.details.request_id


class APIConnectionError(APIError):
    """There is no usable connection to the provider."""

    default_kind = ErrorKind.CONNECTION


class APITimeoutError(APIConnectionError):
    """The provider sent no content in time."""

    default_kind = ErrorKind.TIMEOUT


class APIStatusError(APIError):
    """The provider answered with an HTTP status other than 200."""

    @property
    def status_code(self) -> int:
        """The HTTP status, 0 when it is not known."""
        return self.details.status or 0


class APIStreamError(APIError):
    """A stream that began with 200 failed: an error event, a cut, a stall, or nothing in it."""

    default_kind = ErrorKind.STREAM_ERROR


class AllProvidersFailed(APIError):  # noqa: N818 - the name is part of the public interface
    """No provider of the chain gave an answer.

    `attempts` has every attempt in order; the error of the last one is chained as `__cause__`. `kind`
    sums them up: what waiting would mend comes first, then what the network would, then what only the
    user can. As a string it names each provider, why it failed, and the time that was spent.
    """

    def __init__(self, attempts: Sequence[AttemptRecord], *, deadline_exceeded: bool = False) -> None:
        self.attempts = tuple(attempts)
        self.deadline_exceeded = deadline_exceeded
        """The chain's deadline ended the turn before its providers did."""
        latest = max((attempt.round for attempt in self.attempts), default=1)
        errors = [one.error for one in self.attempts if one.error is not None and one.round == latest]
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        self.headline = (
            "no provider of the chain gave an answer" if errors else "no provider of the chain could be asked"
        )
        """What happened, without the names of the providers."""
        super().__init__(
            self._in_full(),
            kind=min((error.kind for error in errors), key=_SUMMARY_ORDER.index, default=ErrorKind.CONNECTION),
            details=ErrorDetails(retry_after=min(waits, default=None)),
        )

    def _in_full(self) -> str:
        """Return the headline with the time it took, and for each provider how it failed last."""
        latest = {one.provider: one for one in self.attempts if one.error is not None}
        if not latest:
            return self.headline
        seconds = sum(one.elapsed for one in self.attempts)
        told = "; ".join(f"{name}: {_told(one.error)}" for name, one in latest.items() if one.error is not None)
        return f"{self.headline} after {seconds:.1f} s ({told})"


def _told(error: APIError) -> str:
    """Return a failure in a few words: its kind, the status and what was said."""
    status = f"HTTP {error.details.status}" if error.details.status else ""
    said = ": ".join(part for part in (status, " ".join(error.message.split())) if part)
    return f"{error.kind.value.replace('_', ' ')} ({said})" if said else error.kind.value.replace("_", " ")


_SUMMARY_ORDER = [
    ErrorKind.CONTENT_FILTER,
    ErrorKind.REFUSAL,
    ErrorKind.RATE_LIMITED,
    ErrorKind.OVERLOADED,
    ErrorKind.SERVER_ERROR,
    ErrorKind.TIMEOUT,
    ErrorKind.CONNECTION,
    ErrorKind.EMPTY,
    ErrorKind.TRUNCATED,
    ErrorKind.STALLED,
    ErrorKind.STREAM_ERROR,
    ErrorKind.CANCELLED,
    ErrorKind.QUOTA_EXHAUSTED,
    ErrorKind.CONTEXT_EXCEEDED,
    ErrorKind.TOO_LARGE,
    ErrorKind.AUTH,
    ErrorKind.PERMISSION,
    ErrorKind.MODEL_NOT_FOUND,
    ErrorKind.UNSUPPORTED,
    ErrorKind.BAD_REQUEST,
    ErrorKind.BUG,
]
