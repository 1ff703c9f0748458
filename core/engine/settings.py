"""The settings of the engine: how one provider is asked, and how the chain proceeds.

The names are those of fallback.toml; times are in seconds.
"""

from __future__ import annotations

from enum import StrEnum

from fallback_chat.core.checks import check_count, check_seconds, one_of
from fallback_chat.core.value import dataclass


class OnStreamFailure(StrEnum):
    """The reaction to a provider that fails after some of its text has been shown."""

    RAISE = "raise"
    RESTART = "restart"
    CONTINUE = "continue"
    ASK = "ask"
    """Let the user decide; the same as `raise` without anyone to ask."""


class OnRefusal(StrEnum):
    """The reaction to a provider that refuses to answer."""

    STOP = "stop"
    NEXT = "next"


class Prefer(StrEnum):
    """The provider that a new turn begins with."""

    PRIMARY = "primary"
    STICKY = "sticky"


class TimeoutSource(StrEnum):
    """The origin of an `attempt_timeout`.

    A model that thinks silently gets more time than a default, but not more than the user allows.
    """

    ASKED = "asked"
    """Set by the user, for this provider or for this run."""
    CHAIN = "chain"
    """Set by the user, for the whole chain."""
    LOCAL = "local"
    """The default for servers on this machine."""
    DEFAULT = "default"


class HedgeAfter(StrEnum):
    """When the next provider is asked in parallel, other than after a number of seconds."""

    TIMEOUT = "timeout"
    P95 = "p95"
    OFF = "off"


class Switching(StrEnum):
    """Whether the chain may switch to a provider when the ones before it fail."""

    AUTO = "auto"
    NOTIFY = "notify"
    """It may, and that is told even where notices are not."""
    ASK = "ask"
    """Only with the user's consent; not at all where nobody can be asked."""
    NEVER = "never"
    """It is asked only where a turn begins with it."""


class Recovery(StrEnum):
    """How a chat finds out in the background that a provider is well again."""

    TOKENS = "tokens"
    """With its list of models, or else with an answer of a few tokens, at most 64 an hour."""
    FREE = "free"
    """With its list of models alone."""
    OFF = "off"
    """The next question finds out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSettings:
    """How one provider is asked; in fallback.toml these keys may be in [chain] or in an entry."""

    attempt_timeout: float = 10.0
    """Up to the first content of one attempt, including the connection."""
    attempt_timeout_source: TimeoutSource = TimeoutSource.ASKED
    max_retry_per_llm: int | None = None
    """Further requests to the same provider within a turn.

    None: one for the last provider left, otherwise none.
    """
    retry_interval: float = 5.0
    """Upper bound of the back-off between them."""
    connect_timeout: float = 5.0
    thinking_timeout: float = 120.0
    """The longest time without readable reasoning while a model thinks."""
    idle_timeout: float = 30.0
    """Between two pieces of an answer."""
    on_stream_failure: OnStreamFailure = OnStreamFailure.RAISE
    on_refusal: OnRefusal = OnRefusal.STOP
    switch: Switching = Switching.AUTO

    def __post_init__(self) -> None:
        for name in ("attempt_timeout", "connect_timeout", "thinking_timeout", "idle_timeout"):
            check_seconds(name, getattr(self, name))
        check_seconds("retry_interval", self.retry_interval, zero=True)
        check_count("max_retry_per_llm", self.max_retry_per_llm, none=True)
        for field, enumeration in (
            ("attempt_timeout_source", TimeoutSource),
            ("on_stream_failure", OnStreamFailure),
            ("on_refusal", OnRefusal),
            ("switch", Switching),
        ):
            object.__setattr__(self, field, one_of(field, getattr(self, field), enumeration))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSettings:
    """How the chain as a whole proceeds; in fallback.toml these keys are in [chain] only."""

    deadline: float | None = None
    """For all providers together up to the first content; None leaves only their own time-outs."""
    prefer: Prefer = Prefer.PRIMARY
    hedge_after: float | str = "off"
    """When the next provider is asked in parallel.

    After that many seconds without content, at `timeout` (when the time to the first content is
    over), after `p95` (of the provider's last answers), or never (`off`).
    """
    recovery: Recovery = Recovery.TOKENS
    """How a chat finds out in the background that a provider is well again."""
    max_wait: float = 0.0
    """Total length of all pauses in a turn, when a provider or the whole chain is unavailable."""

    def __post_init__(self) -> None:
        check_seconds("deadline", self.deadline, none=True)
        check_seconds("max_wait", self.max_wait, zero=True)
        if isinstance(self.hedge_after, str):
            object.__setattr__(self, "hedge_after", one_of("hedge_after", self.hedge_after, HedgeAfter))
        else:
            check_seconds("hedge_after", self.hedge_after)
        object.__setattr__(self, "prefer", one_of("prefer", self.prefer, Prefer))
        object.__setattr__(self, "recovery", one_of("recovery", self.recovery, Recovery))
