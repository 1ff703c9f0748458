"""Stored conversations as frozen values."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NewType

from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", int)
BEFORE_THE_FIRST: Final = TurnId(0)
"""The "last turn" of a conversation without turns."""
TITLE_LENGTH: Final = 60
_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTurn:
    """One question and its outcome.

    Moments are wall-clock seconds, None if unreadable.
    """

    id: TurnId
    asked: float | None
    question: ChatMessage = field(default_factory=lambda: ChatMessage(Role.USER))
    answer: Answer = field(default_factory=Answer)
    ended: float | None = None
    """None while it is being answered, and for good if the program was killed meanwhile."""
    first_token: float | None = None
    """Seconds from the question to the first sign of the answer, and to its end."""
    elapsed: float | None = None
    unreadable: str | None = None
    """Why the stored turn is unreadable; question and answer then hold what could be read."""
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The stored JSON of the answer, which may have fields that this release does not know."""

    @property
    def is_answered(self) -> bool:
        """Whether it counts as part of the conversation."""
        return self.unreadable is None and self.answer.has_content


@dataclass(frozen=True, slots=True)
class Summary:
    """One conversation without its content.

    Moments are wall-clock seconds, None if unreadable.
    """

    id: SessionId
    title: str
    created: float | None
    updated: float | None
    turns: int
    forked_from: SessionId | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its turns, except undone ones."""

    summary: Summary
    turns: tuple[StoredTurn, ...]

    @property
    def context(self) -> ChatContext:
        """The turns to send to a provider: those with an answer, incomplete ones marked."""
        answered = [turn for turn in self.turns if turn.is_answered]
        return ChatContext(tuple(message for turn in answered for message in (turn.question, turn.answer.message())))

    @property
    def answered_by(self) -> str | None:
        """The provider of the last answer; None before the first."""
        answers = (turn.answer for turn in reversed(self.turns) if turn.is_answered)
        return next((answer.provider for answer in answers if answer.error is None), None)

    @property
    def unreadable(self) -> tuple[StoredTurn, ...]:
        """The unreadable turns, which are never sent to a provider."""
        return tuple(turn for turn in self.turns if turn.unreadable is not None)

    @property
    def last(self) -> TurnId:
        """The turn that the next one follows."""
        return self.turns[-1].id if self.turns else BEFORE_THE_FIRST


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn found by a search."""

    session: SessionId
    title: str
    turn: TurnId
    asked: float | None
    snippet: str


def storable(text: str) -> str:
    """Return `text` with lone surrogates replaced by U+FFFD, as UTF-8 requires."""
    try:
        text.encode()  # many times faster than the search, of which a long answer would notice
    except UnicodeEncodeError:
        return _HALF_A_PAIR.sub("\ufffd", text)
    return text


def title_from(question: str) -> str:
    """Return a title made of the beginning of the first question."""
    line = " ".join(question.split(maxsplit=TITLE_LENGTH))
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"
