"""An answer, put together from its chunks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from fallback_chat.core.attempts import AttemptRecord, Segment
from fallback_chat.core.chat_context import ChatMessage, Role, Text, ToolCall, VendorExtra
from fallback_chat.core.checks import check_seconds, check_text, check_type, one_of, several
from fallback_chat.core.errors import APIError, ConfigError, ErrorKind, InputError
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason, LLMStream
from fallback_chat.core.lone_tag import split_reasoning
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.llm import LLM


NOT_WHOLE: Final = (
    FinishReason.LENGTH,
    FinishReason.CONTEXT_EXCEEDED,
    FinishReason.PAUSE,
    FinishReason.ERROR,
    FinishReason.OTHER,
)
"""The model was stopped, or gave a finish reason that nobody knows, which proves nothing."""
REFUSED = (FinishReason.CONTENT_FILTER, FinishReason.REFUSAL)

PART: Final = 1024
"""Characters; laying out this many takes up to 0.1 s."""


def parts(chunk: ChatChunk) -> Sequence[ChatChunk]:
    """Split a chunk with a long text into several of at most PART characters.

    A provider that does not stream sends its whole answer at once; between the parts the reader can
    handle keys and signals.
    """
    delta = chunk.delta
    if delta is None or delta.content is None or len(delta.content) <= PART:
        return (chunk,)
    texts = [delta.content[start : start + PART] for start in range(0, len(delta.content), PART)]
    first = ChatChunk(delta=ChoiceDelta(content=texts[0], reasoning=delta.reasoning), restarted=chunk.restarted)
    last = replace(chunk, delta=replace(delta, content=texts[-1], reasoning=None), restarted=False)
    return [first, *(ChatChunk(delta=ChoiceDelta(content=text)) for text in texts[1:-1]), last]


@dataclass(frozen=True, slots=True)
class AnswerError:
    """Why a turn has no whole answer, as a plain value."""

    kind: str
    """The value of an `ErrorKind`, or `config`, `input`, `local_io` or `internal`."""
    message: str
    retry_after: float | None = None

    def __post_init__(self) -> None:
        check_text(self, "kind", "message")
        check_seconds("retry_after", self.retry_after, zero=True, none=True)

    @classmethod
    def of(cls, error: BaseException, message: str | None = None) -> AnswerError:
        """Return the error that ended a turn; `message` replaces its text if given."""
        if not isinstance(error, Exception):
            return cls(ErrorKind.CANCELLED.value, "stopped by the user or a signal")
        said = message or str(error) or type(error).__name__
        if isinstance(error, APIError):
            return cls(error.kind.value, said, error.retry_after)
        kind = next((kind for type_, kind in _OTHER_KINDS if isinstance(error, type_)), None)
        # An unexpected error may quote anything, even a key that is not known as one yet.
        return cls(kind, said) if kind else cls("internal", f"a bug in fallback-chat ({type(error).__name__})")


_OTHER_KINDS: Final = ((ConfigError, "config"), (InputError, "input"), (OSError, "local_io"))


def is_answer(text: str, refusal: str) -> bool:
    """Whether a turn with this answer becomes part of the conversation.

    Whitespace or tool calls alone do not count.
    """
    said = text or refusal
    return bool(said) and not said.isspace()  # `strip` would copy a long answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome of one turn, as a plain value that can be stored and read back."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    extras: tuple[VendorExtra, ...] = ()
    """The provider's own state, in the order received."""
    finish_reason: FinishReason | None = None
    finish_raw: str | None = None
    """The provider's own word for `finish_reason`."""
    finish_words: str | None = None
    """Why the answer ended, in the provider's own words."""
    complete: bool = False
    """The whole answer is here: the provider finished it, nothing cut it, and it is not a refusal.
    """
    provider: str | None = None
    """The provider that gave it; None before the first content."""
    kind: str | None = None
    model: str | None = None
    """The model that answered, as the server names it, or else the requested one."""
    served_model: str | None = None
    """The model named by the server, where it differs from the requested one."""
    usage: CompletionUsage | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    segments: tuple[Segment, ...] = ()
    """Which provider gave which part of the text, if several did."""
    seam: str | None = None
    """`clean` if the parts of several providers were proven to fit."""
    error: AnswerError | None = None

    def __post_init__(self) -> None:
        check_text(self, "text", "reasoning", "refusal")
        object.__setattr__(self, "tool_calls", several("tool_calls", self.tool_calls, ToolCall))
        object.__setattr__(self, "extras", several("extras", self.extras, VendorExtra))
        if self.finish_reason is not None:
            object.__setattr__(self, "finish_reason", one_of("finish_reason", self.finish_reason, FinishReason))
        check_type("complete", self.complete, bool)
        for name in ("finish_raw", "finish_words", "provider", "kind", "model", "served_model", "seam"):
            check_type(name, getattr(self, name), str, none=True)
        check_type("usage", self.usage, CompletionUsage, none=True)
        object.__setattr__(self, "attempts", several("attempts", self.attempts, AttemptRecord))
        object.__setattr__(self, "segments", several("segments", self.segments, Segment))
        check_type("error", self.error, AnswerError, none=True)

    @property
    def asked_model(self) -> str | None:
        """The requested model, where another one answered."""
        if self.served_model is None:
            return None
        return next((one.model for one in reversed(self.attempts) if one.provider == self.provider), None)

    @property
    def refused(self) -> bool:
        """Whether the provider refused to answer."""
        return self.finish_reason in REFUSED

    @property
    def has_content(self) -> bool:
        """Whether the model said anything."""
        return is_answer(self.text, self.refusal)

    def ended_by(self, error: BaseException | None, message: str | None = None) -> Answer:
        """Return the answer as ended by `error`; unchanged if that is None."""
        if error is None:
            return self
        finish = self.finish_reason or (FinishReason.ERROR if isinstance(error, APIError) else None)
        return replace(self, finish_reason=finish, complete=False, error=AnswerError.of(error, message))

    def message(self) -> ChatMessage:
        """Return the answer as a message of the conversation."""
        said = self.text or self.refusal
        return ChatMessage(
            Role.ASSISTANT,
            (Text(said),) if said else (),
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            extras=self.extras,
            complete=self.complete,
            refused=self.refused and not self.refusal,
        )


class Provenance(Protocol):
    """A stream that reports who gave its answer, and how it came about."""

    @property
    def llm(self) -> LLM | None: ...
    @property
    def attempts(self) -> tuple[AttemptRecord, ...]: ...
    @property
    def segments(self) -> tuple[Segment, ...]: ...


class AnswerBuilder:
    """Collects the chunks of one answer; text voided by a restart is kept in `superseded`."""

    def __init__(self) -> None:
        self.superseded = ""
        """Text that was shown and later withdrawn."""
        self._clear()

    def _clear(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[ToolCall] = []
        self._extras: list[VendorExtra] = []
        self._finish: FinishReason | None = None
        """Cleared when content follows it."""
        self._finish_raw: str | None = None
        self._finish_words: str | None = None
        self._usage: CompletionUsage | None = None
        self._model = ""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    def add(self, chunk: ChatChunk) -> None:
        """Add one chunk. Raises TypeError for anything else."""
        check_type("chunk", chunk, ChatChunk)
        if chunk.restarted:
            self.superseded = self.text
            self._clear()
        delta = chunk.delta
        if delta is not None:
            if self._finish is not None and (delta.reasoning or delta.refusal or (delta.content or "").strip()):
                self._finish = self._finish_raw = self._finish_words = None
            if delta.content:
                self._text.append(delta.content)
            if delta.reasoning:
                self._reasoning.append(delta.reasoning)
            if delta.refusal:
                self._refusal.append(delta.refusal)
            self._calls.extend(delta.tool_calls)
            for extra in delta.extras:
                # An account's state is a single item: when an answer continues, the new state
                # replaces the old.
                self._extras = [one for one in self._extras if not extra.origin or one.origin != extra.origin]
                self._extras.append(extra)
        if chunk.finish_reason is not None:
            self._finish, self._finish_raw = chunk.finish_reason, chunk.finish_raw
            self._finish_words = chunk.finish_words
        self._usage = chunk.usage or self._usage
        self._model = chunk.model or self._model

    def build(self, stream: Provenance) -> Answer:
        """Return what has arrived so far, whether or not the stream has ended."""
        check_type("stream", stream, LLMStream)
        llm, segments = stream.llm, stream.segments
        whole = self._finish is not None and self._finish not in (*NOT_WHOLE, *REFUSED)
        thought, text = ("", self.text) if segments else split_reasoning(self.text)
        return Answer(
            text=text,
            reasoning="".join(self._reasoning) + thought,
            refusal="".join(self._refusal),
            tool_calls=tuple(self._calls),
            extras=tuple(self._extras),
            finish_reason=self._finish,
            finish_raw=self._finish_raw,
            finish_words=self._finish_words,
            complete=whole,
            provider=llm.label if llm else None,
            kind=llm.kind if llm else None,
            model=(self._model or llm.model) if llm else None,
            served_model=self._model if llm and llm.names_model and is_another_model(llm.model, self._model) else None,
            usage=self._usage,
            attempts=tuple(map(plain, stream.attempts)),
            segments=segments,
            seam="clean" if segments else None,
        )


def plain(record: AttemptRecord) -> AttemptRecord:
    """Return a record whose error keeps no traceback, cause or response body alive."""
    error = record.error
    if error is None:
        return record
    told = APIError(error.message, kind=error.kind, details=error.details, hint=error.hint, words=error.words)
    return replace(record, error=told)


def is_another_model(asked: str, served: str) -> bool:
    """Whether a server names a model other than the requested one.

    A path in front, `latest` and a date at the end make no difference.
    """
    name, version = _name_and_version(asked)
    served_name, served_version = _name_and_version(served)
    return bool(served) and (name != served_name or len({version, served_version} - {"", "latest"}) > 1)


def _name_and_version(model: str) -> tuple[str, str]:
    name = _AROUND.sub("", model.rpartition("/")[2].lower())
    version = _VERSION.search(name)
    return (name[: version.start()], version[1]) if version else (name, "")


_AROUND: Final = re.compile(
    r"^(?:(?:us|eu|apac|global)\.)?(?:anthropic|amazon|meta|mistral|openai|deepseek|qwen)\.(?=[a-z])|-v\d:\d$"
    r"|:(?:free|nitro|floor|online|exacto|extended|thinking|beta)$"
)
"""Prefixes of model names on Bedrock, and suffixes on OpenRouter."""
_VERSION: Final = re.compile(r"[-:@](latest|\d{4}-?\d{2}-?\d{2}|\d{2}-\d{4}|\d{3,4})$")
"""Versions as vendors write them: `-latest`, `:latest`, `-2024-08-06`, `@20240620`, `-08-2024`,
`-0613`."""
