"""The chain of the chat: its settings are known at once, a thread opens it meanwhile.

The user is typing the first question by then.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.border import keep_out
from fallback_chat.cli.repl.status import StatusEntry, Tone, status_word
from fallback_chat.core.config.keys import known_secrets
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.link import is_local
from fallback_chat.core.errors import APIError, InputError
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.cli.repl.session import Session
    from fallback_chat.core.config.settings import Prices, ProviderSettings, Settings
    from fallback_chat.core.events import AvailabilityChangedEvent, LinkChanged
    from fallback_chat.core.llm import LLM, ModelInfo
    from fallback_chat.wiring import OpenChain

SLOW: Final = 0.5
"""Share of attempt_timeout above which a provider's last first token counts as slow."""


class Chain:
    """Opens the providers of `settings` with `opener`, and closes them.

    Changes are reported to `on_change`.
    """

    def __init__(
        self,
        settings: Settings,
        opener: Callable[[Settings, dict[str, Health]], OpenChain],
        on_change: Callable[[AvailabilityChangedEvent | LinkChanged], object],
    ) -> None:
        self.settings = settings
        self.configured = settings.providers
        """The providers before any change."""
        self._opener = opener
        self._records: dict[str, Health] = {}
        self._on_change = on_change
        self._opening: asyncio.Task[OpenChain] | None = None
        self._open: OpenChain | None = None
        self._redactor: Redactor | None = None
        self._look_ups: dict[str, asyncio.Task[None]] = {}

    @property
    def providers(self) -> tuple[ProviderSettings, ...]:
        """The enabled providers, in order."""
        return tuple(one for one in self.settings.providers if one.enabled)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(one.name for one in self.providers)

    @property
    def prices(self) -> dict[str, Prices]:
        """The price of tokens, for providers that have one."""
        return {one.name: one.prices for one in self.providers if one.prices is not None}

    def provider(self, name: str) -> ProviderSettings:
        """Return the settings of a provider, by name or place. Raises `InputError` if unknown."""
        for number, one in enumerate(self.providers, 1):
            if name in (one.name, str(number)):
                return one
        raise InputError(f"no provider is called {name!r}; there are {', '.join(self.names)}")

    def begin_to_open(self) -> None:
        """Start importing the HTTP client and building the providers, in a thread."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._opener, self.settings, self._records))
            self._opening.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[OpenChain]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._open = task.result()
            self._redact_with(self._open.redactor)
            self._open.adapter.on("llm_availability_changed", self._on_change)
            self._open.adapter.on("link_changed", self._on_change)
            self._open.adapter.start_recovery()

    @property
    def opened(self) -> OpenChain | None:
        """The open chain; None if it is not open yet."""
        return self._open

    async def open(self) -> OpenChain:
        """Return the open chain. Raises what opening it raised."""
        self.begin_to_open()
        assert self._opening is not None
        return await asyncio.shield(self._opening)

    async def reopen(self, settings: Settings) -> None:
        """Replace the chain by that of `settings`; unchanged providers keep their health."""
        await self.aclose()
        self.settings, self._opening, self._open, self._redactor = settings, None, None, None
        self.begin_to_open()

    async def aclose(self) -> None:
        """Close the connections; an unfinished opening is abandoned."""
        if self._opening is not None:
            self._opening.cancel()
        look_ups, self._look_ups = self._look_ups, {}
        for task in look_ups.values():
            task.cancel()
        await asyncio.gather(*look_ups.values(), return_exceptions=True)
        if self._open is not None:
            await self._open.adapter.aclose()

    def llm(self, opened: OpenChain, name: str) -> LLM:
        """Return the provider with this name."""
        return next(llm for llm in opened.adapter.llms if llm.label == name)

    def health(self, name: str) -> Health:
        """Return a provider's record; a fresh one if the chain is not open yet."""
        if self._open is None:
            return Health()
        return self._open.adapter.health(self.llm(self._open, name))

    def window(self, one: ProviderSettings) -> int | None:
        """Return the tokens that fit into a conversation with a provider, or None if unknown."""
        return one.context_window if self._open is None else self.llm(self._open, one.name).context_window

    def listed(self, one: ProviderSettings) -> Sequence[ModelInfo]:
        """Return the known models of a provider, from the cache."""
        return () if self._open is None else self._open.models().get(one) or ()

    def look_up_window(self, name: str) -> None:
        """Fetch the models of a provider that has just answered, if its window is unknown.

        This happens in the background. A provider that was asked no question is asked for no list:
        later ones in the chain need not hear of this chat.
        """
        if self._open is not None and self.window(self.provider(name)) is None and name not in self._look_ups:
            self._look_ups[name] = asyncio.ensure_future(self._look_up(self._open, name))

    async def _look_up(self, opened: OpenChain, name: str) -> None:
        from fallback_chat.core.config.model_cache import list_models

        with suppress(APIError):
            await list_models(self.llm(opened, name), self.provider(name), opened.models())
            opened.models().save()

    @property
    def redactor(self) -> Redactor:
        """The redactor of the chain's secrets, even before it is open."""
        return self._redactor or self._redact_with(Redactor(known_secrets(self.settings, os.environ)))

    def redact(self, text: str) -> str:
        """Return `text` without the chain's secrets."""
        return self.redactor.redact(text)

    def _redact_with(self, redactor: Redactor) -> Redactor:
        keep_out(redactor)
        self._redactor = redactor
        return redactor

    def entries(self, session: Session, now: float) -> tuple[StatusEntry, ...]:
        """Return the entries of the status row."""
        return tuple(self._entry(one, session, now) for one in self.providers)

    def _entry(self, one: ProviderSettings, session: Session, now: float) -> StatusEntry:
        tally = session.tallies.get(one.name)
        slow = bool(tally and tally.first_tokens and tally.first_tokens[-1] > SLOW * one.attempt.attempt_timeout)
        word, tone = status_word(self.health(one.name), now, skipped=session.leaves_out(one, now), slow=slow)
        if word == "ok" and self._is_cut_off(one.name):
            word, tone = "offline", Tone.WAITING
        return StatusEntry(one.name, one.model, word, tone)

    def _is_cut_off(self, name: str) -> bool:
        opened = self._open
        return opened is not None and opened.adapter.is_offline and not is_local(self.llm(opened, name))

    def first(self, session: Session, now: float) -> int:
        """Return the place of the provider that the next turn would begin with."""
        names = self.names
        for wish in (session.pinned, session.use):
            if wish in names:
                return names.index(wish)
        left = [one.name for one in self.providers if not session.leaves_out(one, now)]
        if session.sticky and session.answered_by in left:
            return names.index(session.answered_by)
        for name in left:
            health = self.health(name)
            if not self._is_cut_off(name) and (health.available or health.is_due(now)):
                return names.index(name)
        return names.index(left[0]) if left else 0
