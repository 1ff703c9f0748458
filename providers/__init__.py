"""Providers: one module for each `kind` in fallback.toml, imported on demand."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from fallback_chat.core.config.services import KNOWN_KINDS

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import LLM
    from fallback_chat.providers.http.engine import HttpEngine


class ProviderModule(Protocol):
    """The interface of a provider module."""

    def create(self, settings: ProviderSettings, *, api_key: str | None, http: HttpEngine) -> LLM:
        """Create the provider of one entry; nothing is sent yet."""


def kinds() -> tuple[str, ...]:
    """Return every kind, without importing any."""
    return KNOWN_KINDS


def load(kind: str) -> ProviderModule:
    """Import the module of `kind`. Raises ValueError for an unknown one."""
    if kind not in KNOWN_KINDS:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KNOWN_KINDS)}")
    return cast("ProviderModule", import_module(f"{__name__}.{kind.replace('-', '_')}"))
