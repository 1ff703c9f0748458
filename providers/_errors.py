"""From a response or an event that reports a failure to the exception that the engine acts on, without the key in it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fallback_chat.core.errors import APIError, APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.redaction import Redactor
from fallback_chat.providers._classify import classify, retryable
from fallback_chat.providers._failure import Failure, parse_failure
from fallback_chat.providers._waits import wait_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.settings import ProviderSettings

REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-generation-id",
    "mistral-correlation-id",
    "cf-ray",
)

_SECRET_HEADER: Final = re.compile("auth|key|token|secret|cookie", re.IGNORECASE)


class ErrorReader:
    """Makes the errors of one provider."""

    def __init__(self, settings: ProviderSettings, api_key: str | None, family: str) -> None:
        secrets = [word for name, value in settings.headers if _SECRET_HEADER.search(name) for word in value.split()]
        self._redactor = Redactor([api_key, *secrets] if api_key else secrets)
        self._family = family

    def from_response(self, status: int, headers: Mapping[str, str], body: str, *, now: float) -> APIStatusError:
        """Make the error of a response with a status other than 200; `now` is in seconds since the epoch."""
        if 300 <= status < 400:
            return self._redirect(status, headers)
        failure = parse_failure(status, self._redactor.redact(body))
        kind = classify(failure, self._family)
        details = self._details(failure, kind, headers, now)
        return APIStatusError(
            self._clean(failure.message) or f"HTTP {_phrase(status)}, and nothing else",
            kind=kind,
            details=details,
            body=self._tree(failure.body),
        )

    def from_event(self, event: Any, headers: Mapping[str, str], *, now: float) -> APIStreamError:
        """Make the error of an event, or a document, that reports one inside a 200."""
        failure = parse_failure(None, event)
        kind = classify(failure, self._family)
        return APIStreamError(
            self._clean(failure.message) or "the provider reported an error without a message",
            kind=kind,
            details=self._details(failure, kind, headers, now),
            body=self._tree(failure.body),
        )

    def redact(self, error: APIError) -> APIError:
        """Take the key out of an error that quotes what the provider sent."""
        error.message = self._clean(error.message)
        error.args = (error.message,)
        return error

    def _details(self, failure: Failure, kind: ErrorKind, headers: Mapping[str, str], now: float) -> ErrorDetails:
        request_id = next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), None)
        return ErrorDetails(
            status=failure.status,
            code=failure.code and self._clean(failure.code),
            type=failure.type,
            reason=failure.reason,
            param=failure.param,
            retry_after=wait_of(headers, failure.body, failure.message, now=now),
            request_id=request_id or failure.request_id,
            retryable=retryable(kind, headers.get("x-should-retry")),
        )

    def _redirect(self, status: int, headers: Mapping[str, str]) -> APIStatusError:
        target = urlsplit(self._clean(headers.get("location", "")))
        where = f"to {target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "elsewhere"
        return APIStatusError(
            f"redirects {where} (HTTP {status}); a key is not taken there",
            kind=ErrorKind.SERVER_ERROR,
            details=ErrorDetails(status=status, retryable=False),
            hint="write the address that it redirects to into base_url, if you trust it",
        )

    def _clean(self, text: str) -> str:
        return self._redactor.redact(text)

    def _tree(self, value: Any, depth: int = 0) -> Any:
        """Redact every text of a parsed body; what is nested deeper than any error is dropped."""
        if isinstance(value, str):
            return self._clean(value)
        if not isinstance(value, dict | list):
            return value
        if depth > 20:
            return None
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        return {self._clean(str(key)): self._tree(item, depth + 1) for key, item in value.items()}


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
