"""The interface of a wire format, and the neutral request that it renders.

A dialect is pure: it builds one HTTP request from a `ChatRequest`, and its reader turns the JSON
objects of the answer into chunks. Sockets, framing, limits and the end of a body are the same for
all formats and handled elsewhere.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text, Tool
from fallback_chat.core.checks import check_type, several
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import ChatOptions, ModelInfo
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ChatChunk

WISHES: Final = ("max_tokens", "temperature", "top_p", "stop", "seed", "reasoning_effort")
"""Options that both an entry of fallback.toml and a caller can set."""
PLACES: Final = ("error", "errors", "Error", "fault", "base_resp")
"""Keys that hold an error: nearly everyone's; Cloudflare's and GraphQL's; AWS's; Apigee's;
MiniMax's."""
LONGEST_NAME: Final = 500
"""Characters."""
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
    """Everything that a dialect may use to build a request for an answer."""

    settings: ProviderSettings
    chat_ctx: ChatContext
    api_key: str | None = field(default=None, repr=False)
    tools: Sequence[Tool] = ()
    tool_choice: str | None = None
    """`auto`, `none`, `required` or the name of a tool."""
    parallel_tool_calls: bool | None = None
    options: ChatOptions = field(default_factory=ChatOptions)
    """The options of this answer, completed by those of the provider's entry."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Merged into the body last, after the provider's `extra_body`."""
    origin: str = ""
    """Fingerprint of the account: kind, address, key and model. Only state with this origin is
    sent."""
    listed: ModelInfo | None = None
    """The model's entry in the provider's list, if that was fetched."""
    reasoning_required: bool = False
    """Whether the server requires reasoning with every tool call."""
    dropped: frozenset[str] = frozenset()
    """Keys of the body that this server has rejected, as `key` or `outer.key`."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Keys of the body and the other names under which this server knows them."""

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

    def with_system_as_user(self) -> ChatRequest:
        """Return the request with the system prompt at the beginning of the user's first turn."""
        turns = [message for message in self.chat_ctx.messages if message.role is not Role.SYSTEM]
        said = ChatMessage(Role.USER, (Text(self.system),))
        return replace(self, chat_ctx=ChatContext((said, *turns)), settings=replace(self.settings, system=None))

    def _with_those_of_the_entry(self) -> ChatOptions:
        """Return the options of this answer, completed by those of the provider's entry."""
        given = {name: getattr(self.settings, name) for name in WISHES if getattr(self.options, name) in (None, ())}
        return replace(self.options, **given)

    @property
    def special(self) -> tuple[str, ...]:
        """The names of its options that some wire formats lack."""
        wished = {name: getattr(self.options, name) not in (None, ()) for name in WISHES} | {
            "tool_choice": bool(self.tools) and self.tool_choice not in (None, "auto", "none"),
            "parallel_tool_calls": bool(self.tools) and self.parallel_tool_calls is False,
        }
        return tuple(name for name in wished if wished[name])


class Reader(Protocol):
    """Turns the JSON objects of one answer into chunks."""

    output_started: bool
    """Whether text, reasoning, a refusal or part of a tool call was seen."""
    finished: bool
    """Whether the finish was seen without later content, so that the answer is whole."""
    terminated: bool
    """Whether nothing that follows belongs to the answer."""
    dropped: set[str]
    """The content that a terminal cannot show: `pictures`, `audio`, …"""

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event of a stream. Raises `ErrorEventError` if it reports an error."""

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a complete, unstreamed answer; unknown content yields nothing.

        Raises `ErrorEventError`.
        """

    def close(self, *, marked: bool) -> list[ChatChunk]:
        """Return what was held back until the end of the body, or its terminator (`marked`).

        Raises `ErrorEventError`.
        """


class Dialect(NamedTuple):
    """A wire format, as data and pure functions."""

    kind: str
    framing: Literal["sse", "ndjson"]
    build_request: Callable[[ChatRequest], HttpRequest]
    reader: Callable[[ChatRequest], Reader]
    models_request: Callable[[ProviderSettings, str | None, str | None], HttpRequest]
    """Takes settings, key and the cursor of the page (None for the first)."""
    read_models: Callable[[Any], tuple[list[ModelInfo], str | None]]
    """Turns a page's JSON into its models and the cursor of the next page."""
    probe_request: Callable[[ProviderSettings, str | None], HttpRequest] | None = None
    """The request of `probe --light`; None means the list of models."""
    lists_all: Callable[[ProviderSettings, Sequence[str]], bool] = lambda _settings, _names: True
    """Whether a model that is missing in the list cannot be asked."""
    lists_windows: bool = True
    """Whether the listed windows are those that the server grants, not what a model could have."""
    lower_cap: Callable[[ChatRequest, APIError], tuple[ChatRequest, int] | None] = lambda _request, _error: None
    """Returns the request with the output limit that an error leaves room for, and that limit, or
    None."""
    unasked: Callable[[ChatRequest], frozenset[str]] = lambda _: frozenset()
    """Returns the keys of the body, as `key` or `outer.key`, that nobody asked for: their rejection
    is not reported."""
    lacks: frozenset[str] = frozenset()
    """The items of `ChatRequest.special` without an equivalent."""


class ErrorEventError(Exception):
    """An event reports an error, to be classified at the border to the engine."""

    def __init__(self, body: Any, chunks: list[ChatChunk] | None = None) -> None:
        super().__init__("the provider reported an error in the stream")
        self.body = body
        """The event as sent, or an error derived from a finish that means failure."""
        self.chunks = chunks or []
        """The other content of the same event."""


def unsupported(request: ChatRequest, what: str) -> APIError:
    """Return the error for content that this wire format cannot carry."""
    return APIError(
        f"{request.settings.kind} cannot take {what}",
        kind=ErrorKind.UNSUPPORTED,
        hint="ask a provider that can, or leave it out",
    )


def join_url(base_url: str, path: str) -> str:
    """Append `path` to a base URL with one slash between; the base URL's query stays at the end."""
    base, mark, query = base_url.partition("?")
    joined = f"{base.rstrip('/')}/{path.lstrip('/')}"
    return f"{joined}{'&' if '?' in path else '?'}{query}" if mark and query else joined


def text_of(value: Any) -> str:
    """Return `value` if it is text, or else "": any field may be null or of another type."""
    return value if isinstance(value, str) else ""


def name_of(value: Any) -> str:
    """Return a name, an id or a reason, which is shown; of a longer one than is honest, its length.

    A cut could leave half a key.
    """
    text = text_of(value)
    return text if len(text) <= LONGEST_NAME else f"({len(text):,} characters)"


def texts_of(value: Any) -> list[str]:
    """Return the strings in `value` if it is a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def first_of(answers: Any) -> dict[str, Any]:
    """Return the first of several answers; parts of the others are skipped."""
    for each in answers if isinstance(answers, list) else (answers,):
        if isinstance(each, dict) and not each.get("index"):
            return each
    return {}


def dict_of(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, or else an empty one."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list, or the one that some send without a list; else none."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count_of(value: Any) -> int | None:
    """Return a number of tokens, or None for an impossible one."""
    # The exact type, since True is an int; JavaScript sends whole numbers as floats.
    if (type(value) is int or isinstance(value, float)) and 0 <= value < _LARGEST_COUNT:
        return int(value)
    return None


def amount_of(value: Any) -> float | None:
    """Return an amount of money, or None for an impossible one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value < _LARGEST_COUNT else None


def total_of(*counts: int | None) -> int | None:
    """Return the sum of the known counts; None if all are missing."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
