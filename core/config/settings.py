"""The configuration as frozen values; every name is the name in fallback.toml."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.checks import check_text, check_type
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, TimeoutSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fallback_chat.core.errors import Problem

NOTHING_WRITTEN: Final = AttemptSettings(attempt_timeout_source=TimeoutSource.DEFAULT)
"""What holds for a provider while the user has chosen nothing."""


class Origin(StrEnum):
    """Which layer a value comes from; a later one wins."""

    DEFAULT = "default"
    USER = "user"
    """The user's own fallback.toml, or the one that was named."""
    PROJECT = "project"
    """The fallback.toml of the working directory's repository."""
    ENV = "env"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where an API key comes from: one of `env`, `cmd`, `file`, `inline`. The value is read by `core/config/keys.py`."""

    env: str | None = None
    alternatives: tuple[str, ...] = ()
    """Further variables to look into when `env` is not set (some services have two names for the same)."""
    cmd: tuple[str, ...] | None = None
    file: Path | None = None
    inline: str | None = field(default=None, repr=False)

    def describe(self) -> str:
        """Name the source without its value."""
        if self.env is not None:
            return "env " + " or ".join((self.env, *self.alternatives))
        if self.cmd is not None:
            return f"command {self.cmd[0]}"
        if self.file is not None:
            return f"file {self.file}"
        return "fallback.toml"


class Prices(NamedTuple):
    """Price per million tokens, in whatever currency the user thinks in."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One [[providers]] entry, defaults filled in."""

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
    """A URL, or `none` to bypass the proxies of the environment."""
    ca_file: Path | None = None
    extra_body: dict[str, Any] = field(default_factory=dict, repr=False)
    prices: Prices | None = None
    preset: str | None = None
    """The vendor whose quirks apply; None recognises it by host."""
    attempt: AttemptSettings = NOTHING_WRITTEN
    """The keys of [chain] about single attempts, with this entry's own on top."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The [chat] table: what the interactive chat begins with."""

    multiline: bool = False
    vi: bool = False
    calm: bool = False
    theme: str = "auto"

    def __post_init__(self) -> None:
        for name in ("multiline", "vi", "calm"):
            check_type(name, getattr(self, name), bool)
        check_text(self, "theme")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration."""

    chain: ChainSettings
    attempt: AttemptSettings = NOTHING_WRITTEN
    """What [chain] says about single attempts, for every provider without keys of its own."""
    providers: tuple[ProviderSettings, ...]
    """In the order of the chain."""
    profiles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Named chains: provider names in order."""
    chat: ChatSettings = field(default_factory=ChatSettings)
    keys: Mapping[str, str] = field(default_factory=dict)
    """The [keys] table: keys of the chat by the name of what they do, where they are not the usual ones."""
    path: Path | None = None
    """The file it came from; None when it was detected from the environment."""
    warnings: tuple[Problem, ...] = ()
    """What works but should be looked at."""
    advice: tuple[Problem, ...] = ()
    """What is unusual and may well be meant so: a check mentions it, a run does not."""
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each value comes from, by the dotted path of its key; what is not named is a default."""
