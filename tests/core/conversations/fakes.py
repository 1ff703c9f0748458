"""A clock that is set by hand, a SQLite connection whose n-th write fails, and short ways to make turns."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.llm import FinishReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class SetClock:
    """Seconds that pass only when a test says so."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def question(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, (Text(text),))


def answer(text: str, **more: Any) -> Answer:
    values: dict[str, Any] = {"complete": True, "finish_reason": FinishReason.STOP, "provider": "primary", "model": "m"}
    return Answer(text=text, **(values | more))


def failing_at(*numbers: int, error: str = "database or disk is full") -> Callable[[Path, float], sqlite3.Connection]:
    """Open databases of which the n-th beginning of a transaction fails, counted over all of them."""
    count = 0

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            nonlocal count
            if sql == "BEGIN IMMEDIATE":
                count += 1
                if count in numbers:
                    raise sqlite3.OperationalError(error)
            return super().execute(sql, parameters)

    def connect(path: Path, patience: float) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=patience, isolation_level=None, factory=Failing)

    return connect
