"""What the user likes, for this run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

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
    """How the user is called back when a long answer is done, or a provider is back: `off`, `bell` or `desktop`."""
    currency: str = "$"
    reasoning: bool = False
    """What the model thinks is shown before its answer."""

    @classmethod
    def of(cls, settings: ChatSettings) -> Self:
        """Return the preferences that the configuration states."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(cls)})
