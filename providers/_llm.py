"""A provider over HTTP: one entry of fallback.toml, whatever its wire format."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind
from fallback_chat.core.llm import LLM, ChatOptions, ProbeReport
from fallback_chat.providers._dialect import ChatRequest
from fallback_chat.providers._errors import ErrorReader
from fallback_chat.providers._stream import HttpStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.chat_context import Tool
    from fallback_chat.core.settings import ProviderSettings
    from fallback_chat.providers._dialect import Dialect, HttpRequest, Reader
    from fallback_chat.providers._http import HttpEngine, Sent

PROBE_TOKENS: Final = 16
"""Fewer are refused by the Responses API, and a reasoning model that is given one has none left to answer with."""
PROBE_TEXT: Final = "Reply with OK."
COULD_NOT_FINISH: Final = "could not finish the message"
"""In the 400 of a reasoning model whose cap was too small for the probe: it has understood, and works."""


class HttpLLM(LLM):
    """One model at one server. `http` is shared and outlives it, unless this is its last user."""

    def __init__(self, dialect: Dialect, settings: ProviderSettings, *, api_key: str | None, http: HttpEngine) -> None:
        self._dialect = dialect
        self._settings = settings
        self._api_key = api_key
        self._http = http
        self._errors = ErrorReader(settings, api_key, dialect.family(settings))
        self._closed = False
        http.acquire()

    @property
    def label(self) -> str:
        """The name in fallback.toml."""
        return self._settings.name

    @property
    def kind(self) -> str:
        """The wire format."""
        return self._dialect.kind

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return self._settings.model

    @property
    def context_window(self) -> int | None:
        """Tokens, as configured."""
        return self._settings.context_window

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool] = (),
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        options: ChatOptions | None = None,
        **extra: Any,
    ) -> HttpStream:
        """Start an answer; the request is built and sent with the first pull. `extra` goes into the body as it is."""
        return self._stream(
            ChatRequest(
                settings=self._settings,
                chat_ctx=chat_ctx,
                api_key=self._api_key,
                tools=tuple(tools),
                tool_choice=tool_choice,
                parallel_tool_calls=parallel_tool_calls,
                options=options or ChatOptions(),
                extra=extra,
            )
        )

    async def probe(self, *, light: bool = False) -> ProbeReport:
        """Ask for the list of models (`light`), or for a minimal answer, which alone proves credit and capacity.

        Takes at most `attempt_timeout`. Never raises an `APIError`.
        """
        return await (self._probe_models() if light else self._probe_completion())

    async def aclose(self) -> None:
        """Give up the connections."""
        if not self._closed:
            self._closed = True
            await self._http.release()

    def _stream(self, request: ChatRequest) -> HttpStream:
        async def send() -> tuple[Sent, Reader]:
            built = self._dialect.build_request(request)
            return await self._http.send(built, self._settings), self._dialect.reader(request)

        return HttpStream(
            send, self._settings, http=self._http, errors=self._errors, ndjson=self._dialect.framing == "ndjson"
        )

    async def _probe_completion(self) -> ProbeReport:
        clock = self._http.clock
        began = clock()
        first: float | None = None
        error: APIError | None = None
        stream = self._stream(
            ChatRequest(
                settings=self._settings,
                chat_ctx=ChatContext.from_text(PROBE_TEXT),
                api_key=self._api_key,
                options=ChatOptions(max_tokens=PROBE_TOKENS),
            )
        )
        try:
            async with asyncio.timeout(self._settings.chain.attempt_timeout), stream:
                async for chunk in stream:
                    if first is None and chunk.delta is not None:
                        first = clock() - began
                    if chunk.finish_reason is not None:
                        break
        except TimeoutError:
            error = self._too_slow()
        except APIError as caught:
            error = None if COULD_NOT_FINISH in caught.message.lower() else caught
        return ProbeReport(
            ok=error is None,
            check="completion",
            connect=stream.connect,
            first_token=first,
            total=clock() - began,
            error=error,
        )

    async def _probe_models(self) -> ProbeReport:
        clock = self._http.clock
        began = clock()
        connect: float | None = None
        error: APIError | None = None
        try:
            async with asyncio.timeout(self._settings.chain.attempt_timeout):
                request = self._dialect.models_request(self._settings, self._api_key, None)
                connect = await self._check(request)
        except TimeoutError:
            error = self._too_slow()
        except APIError as caught:
            error = caught
        return ProbeReport(ok=error is None, check="models", connect=connect, total=clock() - began, error=error)

    async def _check(self, request: HttpRequest) -> float | None:
        """Send a request for the sake of its status. Raises `APIError`."""
        sent = await self._http.send(request, self._settings)
        try:
            if sent.response.status_code != 200:
                text = await self._http.read_error(sent.response, self._settings)
                raise self._errors.from_response(
                    sent.response.status_code, sent.response.headers, text, now=self._http.wall_clock()
                )
        finally:
            await sent.response.aclose()
        return sent.connect

    def _too_slow(self) -> APITimeoutError:
        return APITimeoutError(f"no answer within {self._settings.chain.attempt_timeout:g} s", kind=ErrorKind.TIMEOUT)
