"""A provider over HTTP: one entry of fallback.toml, in any wire format."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.config.keys import fingerprint
from fallback_chat.core.config.services import machine
from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import LLM, ChatOptions
from fallback_chat.providers.failures.errors import ErrorReader
from fallback_chat.providers.http.stream import HttpStream
from fallback_chat.providers.wire.dialect import ChatRequest
from fallback_chat.providers.wire.known_models import SHOWS, THINKS, thinks_silently
from fallback_chat.providers.wire.quirks import preset_of, quirks_of
from fallback_chat.providers.wire.request import url_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx

    from fallback_chat.core.chat_context import ChatContext, Tool
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ModelInfo, ProbeReport
    from fallback_chat.providers.http.engine import HttpEngine
    from fallback_chat.providers.wire.dialect import Dialect, HttpRequest, Reader

_MOST_PAGES: Final = 20
_MOST_ADJUSTMENTS: Final = 3
"""How often a request is adjusted and resent; reasoning models refuse up to two options at once."""


class HttpLLM(LLM):
    """One model at one server; `http` is shared and closed by its last user."""

    def __init__(self, dialect: Dialect, settings: ProviderSettings, *, api_key: str | None, http: HttpEngine) -> None:
        self._dialect = dialect
        self._settings = settings
        self._api_key = api_key
        self._http = http
        self._errors = ErrorReader(settings, api_key)
        self._origin = fingerprint(settings.kind, url_of(settings, ""), settings.headers, api_key or "", settings.model)
        self._listed: ModelInfo | None = None
        """This model's entry in the list of models."""
        self._reasoning_required = False
        """Whether every tool call needs reasoning, as the server has said."""
        self._system_as_user = False
        """Whether the model takes no system prompt, as the server has said."""
        self._closed = False
        self._warming: asyncio.Task[None] | None = None
        self.dropped: tuple[str, ...] = ()
        """Keys that the server has rejected; they are not sent again."""
        self._renamed: dict[str, str] = {}
        """Keys that the server knows by another name."""
        self._lacking: set[str] = set()
        """Options without an equivalent in the wire format, of which the user has been told."""
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
    def names_model(self) -> bool:
        """Whether the server knows the model by the name of the model."""
        return not quirks_of(self._settings).own_names

    @property
    def machine(self) -> str | None:
        """Host and port, or `local`."""
        return machine(self.kind, self._settings.base_url)

    @property
    def context_window(self) -> int | None:
        """The configured number of tokens, or the one in the provider's list."""
        return self._settings.context_window or super().context_window

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Learn about this model from a list of the provider's models."""
        models = tuple(models)
        self._listed = next((one for one in models if one.id == self.model), self._listed)
        if self._dialect.lists_windows:
            super().learn(models)

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        """Return why the model may be silent before its answer, or None if it should not."""
        effort = (options and options.reasoning_effort) or self._settings.reasoning_effort
        if effort is not None:
            return None if effort == "none" else f"reasoning effort {effort} was asked for"
        if self._listed and THINKS.intersection(self._listed.capabilities) and self.kind not in SHOWS:
            return "the list of models says that it reasons"
        # A router announces that it waits, and shows the reasoning of its models.
        return None if preset_of(self._settings) == "openrouter" else thinks_silently(self.kind, self.model)

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
        """Start an answer; the request is built and sent when the first chunk is requested.

        `extra` is merged into the body as it is.
        """
        return self._stream(
            ChatRequest(
                settings=self._settings,
                chat_ctx=chat_ctx,
                api_key=self._api_key,
                tools=tools,
                tool_choice=tool_choice,
                parallel_tool_calls=parallel_tool_calls,
                options=options or ChatOptions(),
                extra=extra,
                origin=self._origin,
                listed=self._listed,
            )
        )

    def prewarm(self) -> None:
        """Connect in the background by requesting the list of models; once, at no cost."""
        if self._warming is None and not self._closed:
            self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        await self.probe(light=True)  # the report, errors included, is not needed

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        """Request the list of models (`light`) or a minimal answer.

        Only the answer proves credit and capacity. Takes at most `timeout` seconds, or
        `attempt_timeout`. Never raises an `APIError`.
        """
        from fallback_chat.providers.http import probe
        from fallback_chat.providers.http.fetch import JsonFetch

        timeout = timeout or self._settings.attempt.attempt_timeout
        if not light:
            request = ChatRequest(
                settings=self._settings, chat_ctx=probe.QUESTION, api_key=self._api_key, options=probe.OPTIONS
            )
            return await probe.probe_completion(self._stream(request), timeout=timeout, clock=self._http.clock)
        return await probe.probe_document(
            JsonFetch(self._http, self._settings, self._errors),
            self._probe_request(),
            self._check_list,
            timeout=timeout,
            clock=self._http.clock,
        )

    async def list_models(self) -> list[ModelInfo]:
        """Return the provider's models, up to 20 pages. Raises `APIError`.

        The caller sets the time limit.
        """
        from fallback_chat.providers.http.fetch import JsonFetch

        fetch = JsonFetch(self._http, self._settings, self._errors)
        models: list[ModelInfo] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await fetch.get(self._dialect.models_request(self._settings, self._api_key, cursor))
            found, cursor = self._dialect.read_models(page)
            models += [model for model in found if model.id]
            if cursor is None:
                break
        return models

    async def aclose(self) -> None:
        """Close the connections."""
        if self._closed:
            return
        self._closed = True
        if self._warming is not None and not self._warming.done():
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self._http.release()

    def _stream(self, request: ChatRequest) -> HttpStream:
        return HttpStream(
            partial(self._open, request),
            http=self._http,
            errors=self._errors,
            ndjson=self._dialect.framing == "ndjson",
            kind=self.kind,
        )

    async def _open(self, request: ChatRequest, stream: HttpStream) -> tuple[httpx.Response, Reader]:
        """Send a request until its head has arrived. Raises `APIError`.

        A request rejected for something dispensable is sent again without it, a few times at most;
        nothing else is repeated.
        """
        request = replace(
            request,
            dropped=frozenset(self.dropped),
            renamed=dict(self._renamed),
            reasoning_required=self._reasoning_required,
        )
        if self._system_as_user and request.system:
            request = request.with_system_as_user()
        stream.notices = self._without_lacking(request)
        for left in reversed(range(_MOST_ADJUSTMENTS + 1)):
            built = self._dialect.build_request(request)
            try:
                return await self._send(request, built, stream)
            except APIStatusError as error:
                adjusted = self._adjusted(request, built, error, stream) if left else None
                if adjusted is None:
                    raise
                request = adjusted
        raise AssertionError("the last round returns or raises")

    def _adjusted(
        self, request: ChatRequest, built: HttpRequest, error: APIStatusError, stream: HttpStream
    ) -> ChatRequest | None:
        """Return the request as this server may accept it, or None; changes are reported."""
        from fallback_chat.providers.failures.rejections import (
            lacks_reasoning,
            other_name,
            rejected_key,
            rejects_state,
            rejects_system,
            unsupported_feature,
        )

        if (lowered := self._dialect.lower_cap(request, error)) is not None:
            fitting, room = lowered
            self._listed = fitting.listed
            if request.options.max_tokens is not None:
                stream.notices += (f"only has room for {room} tokens of output: max_tokens is lowered to that",)
            return fitting
        if rejects_state(error, request):
            # From here on the kept state belongs to another account; that of later answers is taken
            # again.
            self._origin = fingerprint(self._origin, "refused")
            stream.notices += (f"rejects its own state of earlier answers, which is left out ({error.message})",)
            return replace(request, origin=self._origin)
        if rejects_system(error, request):
            self._system_as_user = True
            stream.notices += (f"takes no system prompt: it is sent with the first message ({error.message})",)
            return request.with_system_as_user()
        if not self._reasoning_required and lacks_reasoning(error):
            self._reasoning_required = True
            return replace(request, reasoning_required=True)
        key = rejected_key(error, json.loads(built.body), request, self._dialect.unasked(request))
        if key is None:
            if unsupported_feature(error, request):
                error.kind = ErrorKind.UNSUPPORTED
            return None
        if (name := other_name(key, error, request)) is not None:
            self._renamed[key] = name
        else:
            self.dropped = (*self.dropped, key)
            if self._dialect.unasked(request).isdisjoint({key, key.partition(".")[0]}):
                stream.notices += (f"does not accept {key!r}, which is no longer sent ({error.message})",)
        return replace(request, dropped=frozenset(self.dropped), renamed=dict(self._renamed))

    def _without_lacking(self, request: ChatRequest) -> tuple[str, ...]:
        """Return the notices about options without an equivalent in the format, each once."""
        lacking = [wish for wish in request.special if wish in self._dialect.lacks and wish not in self._lacking]
        self._lacking.update(lacking)
        return tuple(f"did not receive {wish!r}: {self.kind} has no such parameter" for wish in lacking)

    async def _send(
        self, request: ChatRequest, built: HttpRequest, stream: HttpStream
    ) -> tuple[httpx.Response, Reader]:
        sent = await self._http.send(built, self._settings)
        stream.connect = sent.connect
        if sent.response.status_code < 300:
            return sent.response, self._dialect.reader(request)
        try:
            raise await self._http.error_of(sent.response, self._settings, self._errors)
        finally:
            await sent.response.aclose()

    def _probe_request(self) -> HttpRequest:
        if self._dialect.probe_request is not None:
            return self._dialect.probe_request(self._settings, self._api_key)
        return self._dialect.models_request(self._settings, self._api_key, None)

    def _check_list(self, page: Any) -> None:
        """Raise `APIStatusError` if this is a list of models that lacks ours."""
        from fallback_chat.providers.http.probe import is_listed

        models, cursor = self._dialect.read_models(page)
        names = [model.id for model in models]
        if cursor is None and self._dialect.lists_all(self._settings, names) and not is_listed(self.model, names):
            pull = f"pull it: ollama pull {self.model}"
            raise APIStatusError(
                f"the model {self.model!r} is not in its list",
                kind=ErrorKind.MODEL_NOT_FOUND,
                details=ErrorDetails(status=200),
                hint=pull if self.kind == "ollama" else None,
            )
