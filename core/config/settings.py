"""The configuration as frozen values; every name is the name used in fallback.toml."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.checks import check_text, check_type
from fallback_chat.core.config.values import SQLITE
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, TimeoutSource
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fallback_chat.core.errors import Problem

NOTHING_WRITTEN: Final = AttemptSettings(attempt_timeout_source=TimeoutSource.DEFAULT)
"""The attempt settings of a provider for which the user has set nothing."""


class Origin(StrEnum):
    """The layer that a value comes from; a later one wins."""

    DEFAULT = "default"
    USER = "user"
    """The user's own fallback.toml, or the named one."""
    PROJECT = "project"
    """The fallback.toml in the repository of the working directory."""
    ENV = "env"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """The source of an API key: `env`, `cmd`, `file` or `inline`.

    `core/config/keys.py` reads the key itself.
    """

    env: str | None = None
    alternatives: tuple[str, ...] = ()
    """Further variables to try if `env` is not set (some services have two names for the same key).
    """
    cmd: tuple[str, ...] | None = None
    file: Path | None = None
    inline: str | None = field(default=None, repr=False)

    def describe(self) -> str:
        """Return the source in words, without the key."""
        if self.env is not None:
            return "env " + " or ".join((self.env, *self.alternatives))
        if self.cmd is not None:
            return f"command {self.cmd[0]}"
        if self.file is not None:
            return f"file {self.file}"
        return "fallback.toml"


class Prices(NamedTuple):
    """Prices per million tokens, in the user's own currency."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One [[providers]] entry with all defaults filled in."""

    name: str
    kind: str
    model: str
    base_url: str = ""
    key: KeySource | None = None
    enabled: bool = True
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: str | None = None
    context_window: int | None = None
    system: str | None = None
    tags: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str | None = field(default=None, repr=False)
    """A URL, or `none` to bypass the environment's proxies."""
    ca_file: Path | None = None
    extra_body: dict[str, Any] = field(default_factory=dict, repr=False)
    prices: Prices | None = None
    preset: str | None = None
    """The vendor whose quirks apply; None detects it by host."""
    attempt: AttemptSettings = NOTHING_WRITTEN
    """The attempt settings of [chain], overridden by this entry's own."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The [chat] table: the initial settings of the chat."""

    multiline: bool = False
    vi: bool = False
    calm: bool = False
    theme: str = "auto"
    reasoning: bool = False
    notify: str = "off"
    currency: str = "$"
    """Of `prices`; behind an amount where it is a word."""

    record_ask: bool = False
    """Conversations of `ask` are kept without a terminal, too."""

    def __post_init__(self) -> None:
        for name in ("multiline", "vi", "calm", "reasoning", "record_ask"):
            check_type(name, getattr(self, name), bool)
        check_text(self, "theme", "notify", "currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration."""

    chain: ChainSettings
    attempt: AttemptSettings = NOTHING_WRITTEN
    """The attempt settings of [chain], for every provider without its own."""
    health_url: str = field(default=SQLITE, repr=False)
    """Where health is shared: `sqlite`, or the URL of a Redis server, which may hold a password."""
    providers: tuple[ProviderSettings, ...]
    """In the order of the chain."""
    profiles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Named chains: provider names in order."""
    chat: ChatSettings = field(default_factory=ChatSettings)
    keys: Mapping[str, str] = field(default_factory=dict)
    """The [keys] table: changed key bindings of the chat, by action."""
    path: Path | None = None
    """The file it came from; None if detected from the environment."""
    project: Path | None = None
    """The project's file, if one is layered on top."""
    warnings: tuple[Problem, ...] = ()
    """Problems that do not prevent running but deserve a look."""
    advice: tuple[Problem, ...] = ()
    """Unusual settings that may be intended: reported by a check, not by a run."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """The origin of each value, by dotted key; a key that is missing has its default."""

    @property
    def source(self) -> str:
        """The files that the values come from, in words."""
        layered = f", with {self.project} layered on top of it" if self.project else ""
        return f"{self.path or 'no file: found in the environment'}{layered}"
