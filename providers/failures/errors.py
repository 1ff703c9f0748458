"""From a response or an event that reports a failure to an exception, without the key."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from fallback_chat.core.config.secrets import error_secrets
from fallback_chat.core.config.services import by_url
from fallback_chat.core.errors import APIError, APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.providers.failures.reader import ServerFailure
    from fallback_chat.providers.failures.rows import Row

E = TypeVar("E", bound=APIError)

REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-generation-id",
    "mistral-correlation-id",
    "cf-ray",
)


class ErrorReader:
    """Creates the errors of one provider.

    The rules for reading them are imported with the first error: an answer without errors does not
    pay their 5 ms.
    """

    def __init__(self, settings: ProviderSettings, api_key: str | None) -> None:
        self._settings = settings
        secrets = error_secrets(settings)
        self._redactor = Redactor([api_key, *secrets] if api_key else secrets)

    def from_response(self, status: int, headers: Mapping[str, str], body: str, *, now: float) -> APIStatusError:
        """Return the error of an unsuccessful response; `now` is in seconds since the epoch."""
        if 300 <= status < 400:
            return self._redirect(status, headers)
        from fallback_chat.providers.failures.reader import parse_body, parse_failure

        failure = parse_failure(status, self._tree(parse_body(self.redact(body))))
        if failure.type is None and (name := headers.get("x-amzn-errortype")):
            failure = failure._replace(type=name.partition(":")[0])  # AWS: the body has no code
        return self._error(APIStatusError, failure, headers, now, empty=_nothing_but(status))

    def from_event(self, event: Any, headers: Mapping[str, str], *, now: float) -> APIStreamError:
        """Return the error that an event or a document inside a 200 reports."""
        from fallback_chat.providers.failures.reader import parse_failure

        failure = parse_failure(None, self._tree(event))
        return self._error(
            APIStreamError, failure, headers, now, empty="the provider reported an error without a message"
        )

    def redact(self, text: str) -> str:
        """Return text from the provider without the key.

        Redact before cutting, or half a key stays.
        """
        return self._redactor.redact(text)

    def _error(self, made: type[E], failure: ServerFailure, headers: Mapping[str, str], now: float, *, empty: str) -> E:
        from fallback_chat.providers.failures import blame
        from fallback_chat.providers.failures.input import blames_input
        from fallback_chat.providers.failures.reader import condense
        from fallback_chat.providers.failures.waits import wait_of

        row = blame.blame(failure)
        told = failure.document, failure.message
        request_id = next((headers[name] for name in REQUEST_ID_HEADERS if headers.get(name)), None)
        details = ErrorDetails(
            status=failure.status,
            code=failure.code,
            type=failure.type,
            reason=failure.reason,
            param=failure.param,
            retry_after=wait_of(headers, *(told if row.names_wait else (None, "")), now=now),
            request_id=request_id or failure.request_id,
            retryable=blame.retryable(row.kind, headers.get("x-should-retry")),
            blames_input=blames_input(failure, row.kind),
        )
        return made(
            condense(failure.message) or empty,
            kind=row.kind,
            details=details,
            hint=self._hint(row),
            words=row.words,
            body=failure.body,
        )

    def _hint(self, row: Row) -> str | None:
        """Return what to do; a base_url without a path is likely to lack the usual one."""
        from fallback_chat.core.config.schema import OPENAI_KINDS
        from fallback_chat.providers.failures.rows import NO_SUCH_ADDRESS

        url, kind = self._settings.base_url or "", self._settings.kind
        usual = row is NO_SUCH_ADDRESS and kind in OPENAI_KINDS and not urlsplit(url).path.strip("/")
        if not usual or by_url(url) is not None:
            return row.hint
        return f"most servers of kind {kind!r} want base_url = {url.rstrip('/') + '/v1'!r}"

    def _redirect(self, status: int, headers: Mapping[str, str]) -> APIStatusError:
        where = "elsewhere"
        with suppress(ValueError):
            if location := self.redact(headers.get("location", "")):
                target = urlsplit(urljoin(self._settings.base_url or "", location))
                where = f"to {target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else where
        return APIStatusError(
            f"redirects {where}; the key is not sent there",
            kind=ErrorKind.SERVER_ERROR,
            details=ErrorDetails(status=status, retryable=False),
            hint="if you trust the address it redirects to, put it in base_url",
        )

    def _tree(self, value: Any, depth: int = 0) -> Any:
        """Redact every string of a parsed body; anything nested unusually deep is dropped."""
        if isinstance(value, str):
            return self.redact(value)
        if not isinstance(value, dict | list):
            return value
        if depth > 20:
            return None
        if isinstance(value, list):
            return [self._tree(item, depth + 1) for item in value]
        return {self.redact(str(key)): self._tree(item, depth + 1) for key, item in value.items()}


def _nothing_but(status: int) -> str:
    """Return what to say of an answer without a body; the status itself is told beside it."""
    try:
        return f"{HTTPStatus(status).phrase}, and nothing else"
    except ValueError:
        return "and nothing else"
