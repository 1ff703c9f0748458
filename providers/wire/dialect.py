"""What a wire format has to provide, and the neutral request that it renders.

A dialect is pure: it builds one HTTP request from a `ChatRequest`, and its reader turns the JSON objects of the answer into
chunks. Sockets, framing, limits and what the end of a body means are the same for all and live elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from fallback_chat.core.chat_context import ChatContext, Tool
from fallback_chat.core.checks import check_type, several
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import ChatOptions, ModelInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ChatChunk

WISHES: Final = ("max_tokens", "temperature", "top_p", "stop", "seed", "reasoning_effort")
"""What an entry of fallback.toml and a caller can wish alike."""
_LARGEST_COUNT: Final = 2**53


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """All that a dialect may look at to build a request for an answer."""

    settings: ProviderSettings
    chat_ctx: ChatContext
    api_key: str | None = field(default=None, repr=False)
    tools: Sequence[Tool] = ()
    tool_choice: str | None = None
    """`auto`, `none`, `required` or the name of a tool."""
    parallel_tool_calls: bool | None = None
    options: ChatOptions = field(default_factory=ChatOptions)
    """With the wishes of the provider's entry below those for this answer."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Merged into the body last, on top of the provider's `extra_body`."""
    origin: str = ""
    """Fingerprint of the account that is asked: kind, address, key and model. Only state from there goes back."""
    listed: ModelInfo | None = None
    """What the provider's list says of the model, as far as it was asked for."""
    reasoning_required: bool = False
    """The server wants a reasoning with every tool call."""
    dropped: frozenset[str] = frozenset()
    """Keys of the body that this server has rejected, as `key` or `outer.key`."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Keys of the body that this server knows by another name, with that name."""

    def __post_init__(self) -> None:
        check_type("chat_ctx", self.chat_ctx, ChatContext)
        check_type("options", self.options, ChatOptions)
        object.__setattr__(self, "options", self._with_those_of_the_entry())
        object.__setattr__(self, "tools", several("tools", self.tools or (), Tool))

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return self.settings.model

    @property
    def system(self) -> str:
        """The conversation's system prompt, or else the provider's own."""
        return self.chat_ctx.system or self.settings.system or ""

    def _with_those_of_the_entry(self) -> ChatOptions:
        """Return the wishes for this answer; what they leave open, the entry of the provider may wish."""
        given = {name: getattr(self.settings, name) for name in WISHES if getattr(self.options, name) in (None, ())}
        return replace(self.options, **given)

    @property
    def special(self) -> tuple[str, ...]:
        """Those of its wishes, by name, that not every wire format has a word for."""
        wished = {
            "stop": bool(self.options.stop),
            "seed": self.options.seed is not None,
            "tool_choice": bool(self.tools) and self.tool_choice not in (None, "auto", "none"),
            "parallel_tool_calls": bool(self.tools) and self.parallel_tool_calls is False,
        }
        return tuple(name for name in wished if wished[name])


class Reader(Protocol):
    """Turns the JSON objects of one answer into chunks."""

    output_started: bool
    """Text, reasoning, a refusal or a piece of a tool call was seen."""
    finished: bool
    """The finish was seen, and no content since: the answer is whole."""
    terminated: bool
    """Nothing that follows belongs to the answer."""
    dropped: set[str]
    """What came that a terminal cannot show: `pictures`, `audio`, …"""

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event of a stream. Raises `ErrorEventError` for one that reports an error."""

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a whole answer that was not streamed; nothing recognisable in it gives nothing. Raises likewise."""

    def close(self, *, marked: bool) -> list[ChatChunk]:
        """Return what was held back until the end of the body, or until its terminator (`marked`). Raises likewise."""


class Dialect(NamedTuple):
    """A wire format, as data and pure functions."""

    kind: str
    framing: Literal["sse", "ndjson"]
    build_request: Callable[[ChatRequest], HttpRequest]
    reader: Callable[[ChatRequest], Reader]
    models_request: Callable[[ProviderSettings, str | None, str | None], HttpRequest]
    """From settings, key and the cursor of the page (None for the first)."""
    read_models: Callable[[Any], tuple[list[ModelInfo], str | None]]
    """From a page's JSON: its models and the cursor of the next page."""
    probe_request: Callable[[ProviderSettings, str | None], HttpRequest] | None = None
    """What `probe --light` asks; None means the list of models."""
    lists_all: Callable[[ProviderSettings, Sequence[str]], bool] = lambda _settings, _names: True
    """Whether a model that is not among the names of the list cannot be asked."""
    lists_windows: bool = True
    """The windows of the list are those that the server gives a conversation, and not what a model could have."""
    lower_cap: Callable[[ChatRequest, APIError], tuple[ChatRequest, int] | None] = lambda _request, _error: None
    """Gives the request with the output cap that an error leaves room for, and that cap, or None."""
    unasked: Callable[[ChatRequest], frozenset[str]] = lambda _: frozenset()
    """Which keys of the body, as `key` or `outer.key`, are there without anybody's wish: a refusal of them is not told."""
    lacks: frozenset[str] = frozenset()
    """Which of `ChatRequest.special` it has no word for."""


class ErrorEventError(Exception):
    """An event reports an error. The border to the engine classifies it."""

    def __init__(self, body: Any, chunks: list[ChatChunk] | None = None) -> None:
        super().__init__("the provider reported an error in the stream")
        self.body = body
        """The event as sent, or an error made from a finish that means failure."""
        self.chunks = chunks or []
        """What the same event said besides."""


def unsupported(request: ChatRequest, what: str) -> APIError:
    """Make the error for something that this wire format cannot carry."""
    return APIError(
        f"{request.settings.name} ({request.settings.kind}) cannot take {what}",
        kind=ErrorKind.UNSUPPORTED,
        hint="ask a provider that can, or leave it out",
    )


def join_url(base_url: str, path: str) -> str:
    """Append `path` to a base URL, with one slash between them and the base URL's query kept at the end."""
    base, mark, query = base_url.partition("?")
    joined = f"{base.rstrip('/')}/{path.lstrip('/')}"
    return f"{joined}{'&' if '?' in path else '?'}{query}" if mark and query else joined


def text_of(value: Any) -> str:
    """Give `value` if it is text, or nothing: any key of an answer may be null or of another type."""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> list[str]:
    """Give the texts of `value` if it is a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def first_of(answers: Any) -> dict[str, Any]:
    """Give the first of several answers; what belongs to the others is skipped."""
    for each in answers if isinstance(answers, list) else ():
        if isinstance(each, dict) and not each.get("index"):
            return each
    return {}


def dict_of(value: Any) -> dict[str, Any]:
    """Give `value` if it is an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """Give the objects of a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count_of(value: Any) -> int | None:
    """Give a number of tokens, or None for what cannot be one."""
    # The exact type, since True is an int; a number with a fraction of zero is one from JavaScript.
    if (type(value) is int or isinstance(value, float)) and 0 <= value < _LARGEST_COUNT:
        return int(value)
    return None


def amount_of(value: Any) -> float | None:
    """Return an amount of money, or None for what cannot be one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < _LARGEST_COUNT else None


def total_of(*counts: int | None) -> int | None:
    """Add counts, of which some may be missing; None when all are."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
