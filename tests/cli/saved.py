"""The conversations that several runs of the program share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.conversations.store import History

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.core.conversations.records import Conversation, SessionId


class Saved:
    """The conversations that every run of a test shares."""

    def __init__(self, data: Path) -> None:
        self.env: dict[str, str | None] = {"XDG_DATA_HOME": str(data)}
        self.path = data / "fallback-chat" / "history.db"

    def open(self) -> History:
        return History.open(self.path, clock=time.time, warn=pytest.fail)

    def add(self, asked: str, answered: str) -> SessionId:
        """Store a conversation of one turn."""
        with self.open() as history:
            session = history.new_session()
            turn = history.begin_turn(session, ChatMessage(Role.USER, (Text(asked),)))
            history.finish_turn(turn, Answer(text=answered, complete=True))
        return session

    def load(self, session: SessionId) -> Conversation:
        with self.open() as history:
            return history.load(session)

    def told(self, session: SessionId) -> list[tuple[str, str, bool]]:
        """Give each turn's question, what there is of its answer, and whether that is the whole."""
        return [(turn.question.text, turn.answer.text, turn.answer.complete) for turn in self.load(session).turns]
