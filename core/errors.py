"""Everything that can go wrong, as exceptions.

    FallbackChatError
    ├── ConfigError                the configuration has mistakes, each with file, line and key
    ├── InputError                 the user's input is unusable (a missing file, not text)
    └── APIError                   a provider failed; `kind` says how, `core/engine/policy.py`
        │                          decides what follows
        ├── APIConnectionError     no usable connection: DNS, refused, TLS, reset
        │   ├── APITimeoutError    no content in time
        │   └── AllProvidersFailed the whole chain failed: see `core/attempts.py`
        ├── APIStatusError         the server answered with a status other than 200
        ├── APIStreamError         a 200 that went wrong: an error event, a cut, no content
        ├── NoConsentError         the chain may not switch to this provider
        └── NobodyInsideError      no provider carries the tag that the user requires

The names up to `APIStatusError` are those of LiveKit's agents library.
"""

from __future__ import annotations

from copyreg import __newobj__  # type: ignore[attr-defined] # typeshed lacks it
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.checks import MOST, check_count, check_seconds, check_type, one_of, several
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ErrorKind(StrEnum):
    """The class of a provider's failure; the failover policy looks at nothing else.

    If the whole chain failed, the first of its kinds in this order sums it up: refusals, then
    failures that waiting mends, then those of network and server, then those that only the user can
    mend.
    """

    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    STALLED = "stalled"
    STREAM_ERROR = "stream_error"
    CANCELLED = "cancelled"
    QUOTA_EXHAUSTED = "quota_exhausted"
    CONTEXT_EXCEEDED = "context_exceeded"
    TOO_LARGE = "too_large"
    AUTH = "auth"
    PERMISSION = "permission"
    MODEL_NOT_FOUND = "model_not_found"
    UNSUPPORTED = "unsupported"
    BAD_REQUEST = "bad_request"
    BUG = "bug"


class FallbackChatError(Exception):
    """Base of every error that this package raises on purpose; its text is a sentence for users.

    Such an error can be copied and pickled, whatever its constructor takes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return __newobj__, (type(self), *self.args), self.__dict__


class Problem(NamedTuple):
    """One mistake in a configuration."""

    key: str
    """Dotted key such as `providers.primary.base_url`; empty if it concerns the file as a whole."""
    message: str
    """The mistake, and what to write instead."""
    path: Path | None = None
    line: int | None = None
    """1-based line in `path`, if found."""

    def masked(self) -> Problem:
        """Return the problem with anything that looks like a key redacted.

        A key may have been written into the wrong setting.
        """
        from fallback_chat.core.lookalikes import masked

        return self._replace(key=masked(self.key), message=masked(self.message))

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line is not None else str(self.path or "")
        return ": ".join(part for part in (where, self.key, self.message) if part)


class ConfigError(FallbackChatError):
    """The configuration is unusable; `problems` holds every mistake found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problem.masked() for problem in several("problems", problems, Problem))
        super().__init__("\n".join(map(str, self.problems)))


class InputError(FallbackChatError):
    """The user's own input is unusable."""

    def __init__(self, message: str, *, missing: bool = False, late: bool = False) -> None:
        self.missing = missing
        """A named file does not exist, as opposed to one that is unusable."""
        self.late = late
        """It did not come before the deadline."""
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """Details that the provider reported about its failure; every field may be missing."""

    status: int | None = None
    code: str | None = None
    """The provider's own error code, as text."""
    type: str | int | None = None
    reason: str | None = None
    """A finer code that some vendors add.

    Google has ErrorInfo, Anthropic `details.error_code`, Azure an inner error.
    """
    param: str | None = None
    """The request parameter that the provider rejects."""
    retry_after: float | None = None
    """Seconds from now until the provider wants to be asked again."""
    request_id: str | None = None
    retryable: bool | None = None
    """A binding decision about asking again, the server's (`x-should-retry`) or ours.

    None leaves it to the policy.
    """
    blames_input: bool = False
    """The rejection blames the conversation itself.

    If two providers do so, the input is bad. Any other two rejections, about a model, an option or
    a limit, have nothing in common.
    """

    def __post_init__(self) -> None:
        check_count("status", self.status, none=True)
        for name in ("code", "reason", "param", "request_id"):
            check_type(name, getattr(self, name), str, none=True)
        check_type("type", self.type, str, int, none=True)
        if not isinstance(self.type, str):
            check_count("type", self.type, least=-MOST, none=True)
        check_type("retryable", self.retryable, bool, none=True)
        check_type("blames_input", self.blames_input, bool)
        wait: Any = self.retry_after
        if wait is not None:
            # A value from a server or clock may be in the past, or absurd; NaN stays as it is and
            # is refused.
            if isinstance(wait, int | float):
                wait = 0.0 if wait < 0 else min(wait, _LONGEST_WAIT)
            check_seconds("retry_after", wait, zero=True)
            object.__setattr__(self, "retry_after", wait)


_LONGEST_WAIT: Final = 1e9
"""Seconds; beyond this there is no retry either way."""


class APIError(FallbackChatError):
    """A provider failed; `kind` and `details` are all that the failover policy needs.

    Raises TypeError or ValueError, naming the field, for values that the engine cannot use.
    """

    default_kind = ErrorKind.SERVER_ERROR

    def __init__(  # noqa: PLR0913 - each is a separate fact, and all but the first may be missing
        self,
        message: str,
        *,
        kind: ErrorKind | None = None,
        details: ErrorDetails | None = None,
        hint: str | None = None,
        words: str | None = None,
        body: Any = None,
    ) -> None:
        check_type("message", message, str)
        super().__init__(message)
        self.message = message
        check_type("details", details, ErrorDetails, none=True)
        self.details = details or ErrorDetails()
        self.kind = self._default_kind() if kind is None else one_of("kind", kind, ErrorKind)
        for name, value in (("hint", hint), ("words", words)):
            check_type(name, value, str, none=True)
        self.hint = hint
        """Advice for the user, if it depends on more than the kind."""
        self.words = words
        """The failure in words that follow the provider's name, if those of the kind do not fit."""
        self.body = body
        """The error object as the provider sent it, parsed; never shown as it is."""

    def _default_kind(self) -> ErrorKind:
        return self.default_kind

    @property
    def retry_after(self) -> float | None:
        """The seconds until the provider wants to be asked again, or None."""
        return self.details.retry_after

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request, for its support."""
        return self.details.request_id


class APIConnectionError(APIError):
    """The provider could not be reached."""

    default_kind = ErrorKind.CONNECTION
    no_route: bool = False
    """Its name did not resolve, or no route leads there: this machine may be offline."""


class APITimeoutError(APIConnectionError):
    """The provider sent no content in time."""

    default_kind = ErrorKind.TIMEOUT


STATUSES_OF_KIND: Final[dict[ErrorKind, tuple[int, ...]]] = {
    ErrorKind.AUTH: (401,),
    ErrorKind.QUOTA_EXHAUSTED: (402,),
    ErrorKind.PERMISSION: (403, 451),
    ErrorKind.MODEL_NOT_FOUND: (404, 405, 410),
    ErrorKind.CONNECTION: (407,),
    ErrorKind.TIMEOUT: (408, 504, 524, 598, 599),  # Cloudflare's 524
    ErrorKind.SERVER_ERROR: (409, 423, 424, 425),
    ErrorKind.TOO_LARGE: (413,),
    ErrorKind.RATE_LIMITED: (429,),
    ErrorKind.OVERLOADED: (498, 503, 529),  # Groq's flex capacity; Anthropic, OpenRouter
    ErrorKind.CANCELLED: (499,),
    ErrorKind.BAD_REQUEST: (501,),  # llama.cpp: the server lacks this feature, however often it is asked
}
"""The kind that a status implies by itself.

Any other 4xx is a bad request, everything else a failure of the server.
"""


def kind_of_status(status: int | None) -> ErrorKind:
    """Return the kind of failure that an HTTP status stands for by itself."""
    found = next((kind for kind, statuses in STATUSES_OF_KIND.items() if status in statuses), None)
    return found or (ErrorKind.BAD_REQUEST if status in range(400, 500) else ErrorKind.SERVER_ERROR)


class APIStatusError(APIError):
    """The provider answered with a status other than 200, which implies the kind by default."""

    def _default_kind(self) -> ErrorKind:
        return kind_of_status(self.details.status)

    @property
    def status_code(self) -> int:
        """The HTTP status, or 0 if unknown."""
        return self.details.status or 0


class APIStreamError(APIError):
    """A stream that began with 200 failed: an error event, a cut, a stall, or no content."""

    default_kind = ErrorKind.STREAM_ERROR


NO_KEY: Final = "no_key"
"""The code of a failure for which no request was sent: the key cannot be read."""
NO_CONSENT: Final = "no_consent"
"""The code of `NoConsentError`, which outlives its class where an answer is kept."""


class NoConsentError(APIError):
    """The chain may not switch to a provider: the user did not agree, or could not be asked."""

    default_kind = ErrorKind.PERMISSION

    def __init__(self, message: str, *, hint: str = "agree when you are asked, or with --yes; see `switch`") -> None:
        super().__init__(message, words="is left out", hint=hint, details=ErrorDetails(code=NO_CONSENT))


class NobodyInsideError(APIError):
    """No provider carries the tag that the user requires: nobody else may be asked."""

    default_kind = ErrorKind.PERMISSION

    def __init__(self, tag: str, tags: Iterable[str]) -> None:
        known = sorted(set(tags))
        there = f"the tags are {', '.join(known)}" if known else "no provider has a tag"
        if tag in known:
            there = "those with this tag take no part"
        super().__init__(f"no provider of the chain is tagged {tag!r}; {there}")
