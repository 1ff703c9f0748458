"""What the history keeps, as frozen values, and how they are written into columns and read back."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NewType

from fallback_chat.core.answer import REFUSED
from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Document,
    Image,
    Part,
    Role,
    Text,
    ToolCall,
    VendorExtra,
)
from fallback_chat.core.llm import CompletionUsage, FinishReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", int)
BEFORE_THE_FIRST: Final = TurnId(0)
"""Stands for the last turn of a conversation that has none."""
TITLE_LENGTH: Final = 60
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")


def is_answer(text: str, refusal: str) -> bool:
    """Say whether a turn with this answer is part of the conversation; blanks and calls of tools alone are none."""
    return bool((text or refusal).strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """One answer, or what there is of it, with how it came about; times in seconds since the question."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    extras: tuple[VendorExtra, ...] = ()
    provider: str | None = None
    kind: str | None = None
    model: str | None = None
    attempts: tuple[Mapping[str, Any], ...] = ()
    """As in the answer object of `ask --json`."""
    usage: CompletionUsage | None = None
    first_token: float | None = None
    elapsed: float | None = None
    finish_reason: FinishReason | None = None
    complete: bool = False
    error: Mapping[str, Any] | None = None
    """`kind` and `message`."""

    @property
    def has_content(self) -> bool:
        """There is something that the model said."""
        return is_answer(self.text, self.refusal)

    def message(self) -> ChatMessage:
        """Give the answer as a message of the conversation."""
        said = self.text or self.refusal
        content = (Text(said),) if said else ()
        return ChatMessage(
            Role.ASSISTANT,
            content,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            extras=self.extras,
            complete=self.complete,
            refused=self.finish_reason in REFUSED and not self.refusal,
        )


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One question and what came of it."""

    id: TurnId
    asked: float
    question: ChatMessage
    answer: AnswerRecord
    ended: float | None
    """None while it is being answered, and for good when the program was killed meanwhile."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One conversation, without what was said; times are wall-clock seconds."""

    id: SessionId
    title: str
    created: float
    updated: float
    turns: int
    forked_from: SessionId | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its turns, those that were undone left out."""

    summary: Summary
    turns: tuple[StoredTurn, ...]

    @property
    def context(self) -> ChatContext:
        """What a provider is to be told: the turns that have an answer, incomplete ones marked as such."""
        answered = [turn for turn in self.turns if turn.answer.has_content]
        return ChatContext(tuple(message for turn in answered for message in (turn.question, turn.answer.message())))

    @property
    def answered_by(self) -> str | None:
        """The provider that gave the last answer; None before the first."""
        answers = (turn.answer for turn in reversed(self.turns))
        return next((answer.provider for answer in answers if answer.has_content and answer.error is None), None)

    @property
    def last(self) -> TurnId:
        """The turn after which the next one comes."""
        return self.turns[-1].id if self.turns else BEFORE_THE_FIRST


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn that a search found."""

    session: SessionId
    title: str
    turn: TurnId
    asked: float
    snippet: str


def storable(text: str) -> str:
    """Give `text` as UTF-8 can hold it: half a surrogate pair becomes U+FFFD."""
    return _HALF_A_PAIR.sub("\ufffd", text)


def title_from(question: str) -> str:
    """Make a title of the beginning of the first question."""
    line = " ".join(question.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def parts_of(question: ChatMessage) -> tuple[str | None, list[bytes]]:
    """Give the layout of a question as JSON and the bytes that it names by number; no layout when it is nothing but a text."""
    if question.content == (Text(question.text),):
        return None, []
    blobs: list[bytes] = []
    layout: list[dict[str, Any]] = []
    for part in question.content:
        match part:
            case Text(text):
                layout.append({"text": storable(text)})
            case Image(media_type, data):
                layout.append({"image": media_type, "blob": len(blobs)})
                blobs.append(data)
            case Document(media_type, data, filename):
                layout.append({"document": media_type, "filename": filename, "blob": len(blobs)})
                blobs.append(data)
    return json.dumps(layout), blobs


def question_from(text: str, layout: str | None, blobs: Mapping[int, bytes]) -> ChatMessage:
    """Put a question together again."""
    if layout is None:
        return ChatMessage(Role.USER, (Text(text),))
    return ChatMessage(Role.USER, tuple(_part(item, blobs) for item in json.loads(layout)))


def _part(item: Mapping[str, Any], blobs: Mapping[int, bytes]) -> Part:
    match item:
        case {"image": media_type, "blob": number}:
            return Image(media_type, blobs[number])
        case {"document": media_type, "filename": filename, "blob": number}:
            return Document(media_type, blobs[number], filename)
        case _:
            return Text(item["text"])


ANSWER_COLUMNS: Final = (
    *("answer", "reasoning", "refusal", "tool_calls", "extras", "provider", "kind", "model", "attempts", "usage"),
    *("first_token", "elapsed", "finish_reason", "complete", "error"),
)


def answer_values(answer: AnswerRecord) -> tuple[Any, ...]:
    """Give the values of `ANSWER_COLUMNS`."""
    return (
        *(storable(text) for text in (answer.text, answer.reasoning, answer.refusal)),
        _json([asdict(call) for call in answer.tool_calls]),
        _json([asdict(extra) for extra in answer.extras]),
        *(name and storable(name) for name in (answer.provider, answer.kind, answer.model)),
        _json(answer.attempts),
        _json(answer.usage and asdict(answer.usage)),
        *(answer.first_token, answer.elapsed, answer.finish_reason),
        answer.complete,
        _json(answer.error),
    )


def answer_from(values: Sequence[Any]) -> AnswerRecord:
    """Read the values of `ANSWER_COLUMNS` back."""
    row = dict(zip(ANSWER_COLUMNS, values, strict=True))
    usage, error, finish = row["usage"], row["error"], row["finish_reason"]
    return AnswerRecord(
        text=row["answer"],
        reasoning=row["reasoning"],
        refusal=row["refusal"],
        tool_calls=tuple(ToolCall(**call) for call in _list(row["tool_calls"])),
        extras=tuple(VendorExtra(**extra) for extra in _list(row["extras"])),
        provider=row["provider"],
        kind=row["kind"],
        model=row["model"],
        attempts=tuple(_list(row["attempts"])),
        usage=CompletionUsage(**json.loads(usage)) if usage else None,
        first_token=row["first_token"],
        elapsed=row["elapsed"],
        finish_reason=FinishReason(finish) if finish else None,
        complete=bool(row["complete"]),
        error=json.loads(error) if error else None,
    )


def _json(value: Any) -> str | None:
    return json.dumps(value) if value else None


def _list(text: str | None) -> list[Any]:
    found: list[Any] = json.loads(text) if text else []
    return found
