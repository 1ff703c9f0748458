"""The user's preferences, for this run."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Self

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import ChatSettings


@dataclass(slots=True)
class Preferences:
    """Switches of the chat that `/set` and some keys change."""

    multiline: bool = False
    """Enter makes a new line, Alt-Enter sends."""
    vi: bool = False
    calm: bool = False
    """Append-only, without timers: for screen readers."""
    theme: str = "auto"
    notify: str = "off"
    """How to call the user back after a long answer, or when a provider is back: `off`, `bell` or
    `desktop`."""
    currency: str = "$"
    reasoning: bool = False
    """The model's thoughts are shown before its answer."""

    @classmethod
    def of(cls, settings: ChatSettings) -> Self:
        """Return the preferences of the configuration."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(cls)})
