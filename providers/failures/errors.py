"""From a response or an event that reports a failure to the exception that the engine acts on, without the key in it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fallback_chat.core.config.secrets import error_secrets
from fallback_chat.core.errors import APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.providers.failures.reader import Failure

REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-generation-id",
    "mistral-correlation-id",
    "cf-ray",
)


class ErrorReader:
    """Makes the errors of one provider.

    The rules for reading them are imported with the first error: 5 ms that an answer without any does not pay.
    """

    def __init__(self, settings: ProviderSettings, api_key: str | None, family: str) -> None:
        secrets = error_secrets(settings)
        self._redactor = Redactor([api_key, *secrets] if api_key else secrets)
        self._family = family

    def from_response(self, status: int, headers: Mapping[str, str], body: str, *, now: float) -> APIStatusError:
        """Make the error of a response with a status other than 200; `now` is in seconds since the epoch."""
        if 300 <= status < 400:
            return self._redirect(status, headers)
        from fallback_chat.providers.failures.reader import condense, parse_body, parse_failure

        failure = parse_failure(status, self._tree(parse_body(self.redact(body))))
        kind = self._kind(failure)
        details = self._details(failure, kind, headers, now)
        return APIStatusError(
            condense(failure.message) or f"HTTP {_phrase(status)}, and nothing else",
            kind=kind,
            details=details,
            body=failure.body,
        )

    def from_event(self, event: Any, headers: Mapping[str, str], *, now: float) -> APIStreamError:
        """Make the error of an event, or a document, that reports one inside a 200."""
        from fallback_chat.providers.failures.reader import condense, parse_failure

        failure = parse_failure(None, self._tree(event))
        kind = self._kind(failure)
        return APIStreamError(
            condense(failure.message) or "the provider reported an error without a message",
            kind=kind,
            details=self._details(failure, kind, headers, now),
            body=failure.body,
        )

    def redact(self, text: str) -> str:
        """Take the key out of a text that quotes what the provider sent; before it is shortened, or half a key would stay."""
        return self._redactor.redact(text)

    def _kind(self, failure: Failure) -> ErrorKind:
        from fallback_chat.providers.failures.classify import classify

        return classify(failure, self._family)

    def _details(self, failure: Failure, kind: ErrorKind, headers: Mapping[str, str], now: float) -> ErrorDetails:
        from fallback_chat.providers.failures.classify import retryable
        from fallback_chat.providers.failures.waits import wait_of

        request_id = next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), None)
        return ErrorDetails(
            status=failure.status,
            code=failure.code,
            type=failure.type,
            reason=failure.reason,
            param=failure.param,
            retry_after=wait_of(headers, *self._said(failure, kind), now=now),
            request_id=request_id or failure.request_id,
            retryable=retryable(kind, headers.get("x-should-retry")),
        )

    def _said(self, failure: Failure, kind: ErrorKind) -> tuple[Any, str]:
        """Give where a wait may be named; Google does so for a day's quota, too, which seconds do not bring back."""
        told = failure.body, failure.message
        return (None, "") if kind is ErrorKind.QUOTA_EXHAUSTED and self._family == "gemini" else told

    def _redirect(self, status: int, headers: Mapping[str, str]) -> APIStatusError:
        target = urlsplit(self.redact(headers.get("location", "")))
        where = f"to {target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "elsewhere"
        return APIStatusError(
            f"redirects {where} (HTTP {status}); a key is not taken there",
            kind=ErrorKind.SERVER_ERROR,
            details=ErrorDetails(status=status, retryable=False),
            hint="write the address that it redirects to into base_url, if you trust it",
        )

    def _tree(self, value: Any, depth: int = 0) -> Any:
        """Redact every text of a parsed body; what is nested deeper than any error is dropped."""
        if isinstance(value, str):
            return self.redact(value)
        if not isinstance(value, dict | list):
            return value
        if depth > 20:
            return None
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        return {self.redact(str(key)): self._tree(item, depth + 1) for key, item in value.items()}


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
