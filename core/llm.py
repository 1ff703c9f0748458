"""The engine's view of a provider: an `LLM` whose `chat()` returns a stream of `ChatChunk`s.

Names and shapes follow LiveKit's agents library. The contract of a stream: chunks arrive in order;
a chunk with a `finish_reason` proves that the answer is whole; a failure is raised as an `APIError`
from `__anext__`; `StopAsyncIteration` means a proper end; `aclose()` closes the socket and may be
called at any time, more than once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from fallback_chat.core.checks import MOST, check_count, check_number, check_seconds, check_type, several
from fallback_chat.core.errors import APIError
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from fallback_chat.core.chat_context import ChatContext, Tool, ToolCall, VendorExtra


class FinishReason(StrEnum):
    """Why an answer ended, in the same words for every vendor."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    CONTEXT_EXCEEDED = "context_exceeded"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CompletionUsage:
    """The tokens of one answer, as the provider counts them; None if it does not say.

    Negative counts are refused.
    """

    input: int | None = None
    output: int | None = None
    """Includes `reasoning`."""
    total: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cost: float | None = None
    """The charge that the provider reports, in its own currency."""

    def __post_init__(self) -> None:
        for name in _COUNTS:
            check_count(name, getattr(self, name), none=True)
        check_number("cost", self.cost, none=True)


_COUNTS: Final = ("input", "output", "total", "cached", "cache_write", "reasoning")


@dataclass(slots=True)
class ChoiceDelta:
    """The contribution of one chunk to the answer.

    Neither frozen nor validated, since two objects are made per token; the engine validates what a
    stream yields.
    """

    content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    """Complete calls only, released once their arguments parse."""
    tool_fragment: bool = False
    """Part of a call arrived: progress for the clocks, nothing to show."""
    thinking: bool = False
    """The model has begun to think, or still does: progress for the clocks, nothing to show."""
    alive: bool = False
    """A ping or keep-alive: it only extends the wait for a model that is known to think."""
    commentary: bool = False
    """`content` comments on the model's work before its final answer."""
    role: str | None = None
    extras: Sequence[VendorExtra] = ()
    """State to keep with the message and send back to the same vendor."""


@dataclass(slots=True)
class ChatChunk:
    """One step of a streamed answer."""

    delta: ChoiceDelta | None = None
    usage: CompletionUsage | None = None
    finish_reason: FinishReason | None = None
    finish_raw: str | None = None
    """The vendor's own word for `finish_reason`."""
    id: str = ""
    model: str = ""
    """The model that answers, if the server names it; it may differ from the requested one."""
    restarted: bool = False
    """Discard all text so far: the answer starts over with another provider."""
    finish_words: str | None = None
    """Why the answer ended, in the server's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """Options for one answer; None leaves the choice to the provider's settings or the server.

    Raises TypeError or ValueError, naming the field, for values that make sense to no provider.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    """May be given as a single string."""
    seed: int | None = None
    reasoning_effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, …: passed on in the vendor's spelling."""
    stream: bool = True

    def __post_init__(self) -> None:
        check_count("max_tokens", self.max_tokens, least=1, none=True)
        check_number("temperature", self.temperature, none=True)
        check_number("top_p", self.top_p, most=1, none=True)
        object.__setattr__(self, "stop", several("stop", self.stop, str))
        check_count("seed", self.seed, least=-MOST, none=True)
        check_type("reasoning_effort", self.reasoning_effort, str, none=True)
        check_type("stream", self.stream, bool)


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The result of a health check; times in seconds."""

    ok: bool
    check: str
    """`models` (the list of models), `completion` (a minimal answer) or `none`."""
    connect: float | None = None
    first_token: float | None = None
    total: float | None = None
    error: APIError | None = None

    def __post_init__(self) -> None:
        check_type("ok", self.ok, bool)
        check_type("check", self.check, str)
        check_type("error", self.error, APIError, none=True)
        for name in ("connect", "first_token", "total"):
            check_seconds(name, getattr(self, name), zero=True, none=True)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model of a provider's list."""

    id: str
    context_window: int | None = None
    """Tokens."""
    capabilities: tuple[str, ...] = ()
    """`vision`, `tools`, `reasoning`, …, as far as the list says."""
    max_output_tokens: int | None = None
    """The highest limit it accepts for an answer."""
    retired: bool = False
    """Still listed, but no longer answering."""

    def __post_init__(self) -> None:
        check_type("id", self.id, str)
        check_count("context_window", self.context_window, none=True)
        check_count("max_output_tokens", self.max_output_tokens, none=True)
        check_type("retired", self.retired, bool)
        object.__setattr__(self, "capabilities", several("capabilities", self.capabilities, str))


class _Closing(ABC):
    """An async context manager that closes at the outermost exit."""

    _entered = 0

    @abstractmethod
    async def aclose(self) -> None:
        """Close; idempotent."""

    async def __aenter__(self) -> Self:
        self._entered += 1
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._entered -= 1
        if not self._entered:
            await self.aclose()


class LLMStream(_Closing):
    """A streamed answer: an async iterator of `ChatChunk`s and an async context manager."""

    notices: tuple[str, ...] = ()
    """Request options this provider did not receive, and parts of its answer that cannot be shown.

    Each is phrased to follow the provider's name; the former are complete at the first chunk, the
    latter at the end.
    """

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> ChatChunk:
        """Return the next chunk. Raises `APIError`, or `StopAsyncIteration` at the proper end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection; idempotent."""


class Reach(NamedTuple):
    """The way to one server, and what came of taking it."""

    proxy: str | None = None
    certificates: str | None = None
    """The trusted certificates, and what names them; None for http://."""
    connect: float | None = None
    """Seconds until a connection was there."""
    status: int | None = None
    """The status of the answer; any is a sign that the server is there."""
    error: APIError | None = None


class LLM(_Closing):
    """One model at one provider."""

    _listed_window: int | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label!r}>"

    @property
    def label(self) -> str:
        """The name in messages, events and the status bar; unique in a chain."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    @property
    def kind(self) -> str:
        """The wire format, as in fallback.toml."""
        return "custom"

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return "unknown"

    @property
    def names_model(self) -> bool:
        """Whether `model` names a model, rather than a deployment of the user's."""
        return True

    @property
    def machine(self) -> str | None:
        """The machine it runs on: host and port, or `local`; None if unknown.

        Two providers on one machine are never asked at the same time.
        """
        return None

    @property
    def provider(self) -> str:
        """The name that attempts and answers report as their provider: the label."""
        return self.label

    @property
    def context_window(self) -> int | None:
        """The number of tokens that fit into one conversation, or None if unknown."""
        return self._listed_window

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        """Return why this model may be silent for long before its answer, or None if it should not.

        The reason is a phrase such as "reasoning effort high was asked for".
        """
        del options
        return None

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Learn about its own model from a list of the provider's models, perhaps an old one."""
        self._listed_window = next((one.context_window for one in models if one.id == self.model), self._listed_window)

    @abstractmethod
    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool] = (),
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        options: ChatOptions | None = None,
        **extra: Any,
    ) -> LLMStream:
        """Start an answer to `chat_ctx`.

        `tool_choice` is `auto`, `none`, `required` or the name of a tool. The request may be sent
        lazily, when the first chunk is requested.
        """

    def prewarm(self) -> None:
        """Open a connection for the first question in the background; needs a running event loop.

        It costs no tokens, and errors are left for the question to find.
        """
        return

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        """Check at the lowest cost that the model can answer; with `light`, only fetch the list.

        It takes at most `timeout` seconds, or as long as an answer may. Never raises an `APIError`:
        the report carries it.
        """
        del light, timeout
        return ProbeReport(ok=True, check="none")

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models that the provider offers, or none if it has no list.

        Raises `APIError`.
        """
        return ()

    async def aclose(self) -> None:
        """Release connections."""
        return
