"""Providers: one module for each `kind` of fallback.toml, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import LLM
    from fallback_chat.providers.http.connections import HttpEngine

_KINDS: Final = ("openai", "openai-responses", "anthropic", "gemini", "ollama", "guide")


class ProviderModule(Protocol):
    """What a module of this package offers."""

    def create(self, settings: ProviderSettings, *, api_key: str | None, http: HttpEngine) -> LLM:
        """Make the provider of one entry; nothing is sent yet."""


def kinds() -> tuple[str, ...]:
    """Give every kind, without importing any."""
    return _KINDS


def load(kind: str) -> ProviderModule:
    """Import the module of `kind`. Raises ValueError for one that does not exist."""
    if kind not in _KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(_KINDS)}")
    return cast("ProviderModule", import_module(f"{__name__}.{kind.replace('-', '_')}"))
