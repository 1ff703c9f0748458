"""The history that keeps nothing: for `--no-log`, for `/private`, and where there is no place to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from fallback_chat.core.conversations.records import BEFORE_THE_FIRST, Conversation, Hit, SessionId, Summary, TurnId
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.records import AnswerRecord


class NullHistory:
    """Has the methods of `History`; what is to be stored is dropped, what is looked for is not there."""

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def new_session(self, title: str | None = None) -> SessionId:
        """Give the id of a conversation that does not exist: the empty one."""
        del title
        return SessionId("")

    def begin_turn(self, session: SessionId, question: ChatMessage, *, after: TurnId | None = None) -> TurnId:
        """Store nothing."""
        del session, question, after
        return BEFORE_THE_FIRST

    def save_partial(self, turn: TurnId, text: str) -> None:
        """Store nothing."""

    def finish_turn(self, turn: TurnId, answer: AnswerRecord) -> None:
        """Store nothing."""

    def undo(self, session: SessionId) -> TurnId | None:
        """There is nothing to take back."""
        del session
        return None

    def fork(self, session: SessionId, at_turn: TurnId | None = None) -> SessionId:
        """Give the empty id."""
        del session, at_turn
        return SessionId("")

    def last_turn(self, session: SessionId) -> TurnId:
        """There is none."""
        del session
        return BEFORE_THE_FIRST

    def load(self, session: SessionId) -> Conversation:
        """Raise `InputError`."""
        raise InputError(f"there is no conversation {session!r}: conversations are not saved", missing=True)

    def resolve(self, text: str) -> SessionId:
        """Raise `InputError`."""
        raise InputError(f"there is no conversation {text!r}: conversations are not saved", missing=True)

    def latest(self) -> SessionId | None:
        """There is none."""
        return None

    def list(self, limit: int | None = None) -> tuple[Summary, ...]:
        """There is none."""
        del limit
        return ()

    def search(self, text: str, limit: int = 20) -> tuple[Hit, ...]:
        """Find nothing."""
        del text, limit
        return ()

    def rename(self, session: SessionId, title: str) -> None:
        """Store nothing."""

    def remove(self, *sessions: SessionId) -> None:
        """There is nothing to remove."""

    def purge(self, older_than: float) -> int:
        """There is nothing to remove."""
        del older_than
        return 0
