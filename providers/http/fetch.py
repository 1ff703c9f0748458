"""Fetching one JSON document from a provider, such as its list of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.errors import APIError, APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.json_text import loads
from fallback_chat.providers.failures.connection import FOREIGN, connection_error
from fallback_chat.providers.http.encoding import body_of
from fallback_chat.providers.http.frames import MAX_FRAME

if TYPE_CHECKING:
    import httpx

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.providers.failures.errors import ErrorReader
    from fallback_chat.providers.http.engine import HttpEngine
    from fallback_chat.providers.wire.dialect import HttpRequest

NOT_OFFERED: Final = frozenset({404, 405, 501})
"""When fetching a document, these concern the address, not a model: LiteLLM's Gemini format has no
list of models."""


class JsonFetch:
    """Requests documents from one server, one after the other."""

    def __init__(self, http: HttpEngine, settings: ProviderSettings, errors: ErrorReader) -> None:
        self._http = http
        self._settings = settings
        self._errors = errors
        self.connect: float | None = None
        """Seconds it took to connect, if a connection was opened."""

    async def get(self, request: HttpRequest) -> Any:
        """Return the parsed document. Raises `APIError`, also for a 200 that is not JSON."""
        sent = await self._http.send(request, self._settings)
        self.connect = sent.connect if sent.connect is not None else self.connect
        response = sent.response
        try:
            if response.status_code != 200:
                raise await self._error(response)
            return self._parse(await self._read(response, request.url))
        finally:
            await response.aclose()

    async def _error(self, response: httpx.Response) -> APIStatusError:
        error = await self._http.error_of(response, self._settings, self._errors)
        if response.status_code in NOT_OFFERED:
            error.kind = ErrorKind.UNSUPPORTED
            error.hint = "check base_url; a server without a list of models may still chat: fallback-chat probe"
        return error

    async def _read(self, response: httpx.Response, url: str) -> bytes:
        body = bytearray()
        try:
            async for piece in body_of(response):
                body += piece
                if len(body) > MAX_FRAME:
                    break
        except FOREIGN as error:
            raise connection_error(error, url) from error
        return bytes(body)

    def _parse(self, body: bytes) -> Any:
        try:
            return loads(body.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._no_document(body.decode("utf-8", "replace")) from error

    def _no_document(self, text: str) -> APIError:
        from fallback_chat.providers.failures.markup import holds_page, without_markup

        said = self._errors.redact(text)
        what = without_markup(said)[:200] if holds_page(said) else "what is not JSON"
        return APIStatusError(
            f"the provider answered 200 with {what}",
            kind=ErrorKind.SERVER_ERROR,
            details=ErrorDetails(status=200),
            hint="check base_url",
        )
