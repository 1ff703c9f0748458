"""Recording a chat while it happens.

A chat never fails because it cannot be recorded: one warning, and it continues.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fallback_chat.core.answer_json import without_secrets
from fallback_chat.core.chat_context import ChatContext, Text
from fallback_chat.core.conversations.partial import PartialSaver
from fallback_chat.core.conversations.records import BEFORE_THE_FIRST, Conversation, SessionId, TurnId
from fallback_chat.core.conversations.store import History, SessionMovedError
from fallback_chat.core.errors import InputError
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.storage.beside import beside
from fallback_chat.core.storage.connection import LockedError, StorageError
from fallback_chat.core.storage.locks import briefly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.llm import ChatChunk

T = TypeVar("T")


def open_history(path: Path, *, clock: Callable[[], float], warn: Callable[[str], object]) -> History:
    """Open the conversations; on failure call `warn` and keep them in memory."""
    try:
        return History.open(path, clock=clock, warn=warn)
    except StorageError as error:
        warn(not_saved(error))
        return History.open(None, clock=clock, warn=warn)


class Recorder:
    """Records the turns of one conversation: `begin`, then `chunk` and `tick`, then `finish`.

    `begin` and `finish` wait for the lock of another process; `begin_beside`, `finish_beside` and
    `undo` do so beside the other tasks of an event loop.

    `redactor` returns what keeps known secrets out of everything that is stored. `conversation` is
    the one to continue; without it, the first question starts a new one. If another process has
    continued it meanwhile, or is about to, this one continues a copy.
    """

    def __init__(
        self,
        history: History,
        *,
        monotonic: Callable[[], float],
        warn: Callable[[str], object],
        redactor: Callable[[], Redactor] = lambda: Redactor(()),
        conversation: Conversation | None = None,
    ) -> None:
        self._history = history
        self._monotonic = monotonic
        self._warn = warn
        self._redactor = redactor
        self._warned = False
        self._session = conversation.summary.id if conversation else None
        self._last = conversation.last if conversation else BEFORE_THE_FIRST
        self.context = conversation.context if conversation else ChatContext()
        """The conversation so far."""
        self._question: ChatMessage | None = None
        self._turn: TurnId | None = None
        self._in_vain = False
        """Whether the last turn ended without an answer."""
        self._partial: PartialSaver | None = None
        self._begun_at = 0.0
        self._first_at: float | None = None

    @property
    def session(self) -> SessionId | None:
        """The conversation's id; None before the first question, or if nothing is saved."""
        return self._session if self._history.is_kept else None

    def begin(self, question: ChatMessage) -> None:
        """Store a question before it is sent; repeating an unanswered question reuses its turn."""
        self._attempt(self._beginning(question))

    async def begin_beside(self, question: ChatMessage) -> None:
        """Do the same beside other tasks."""
        await self._attempt_beside(self._beginning(question))

    def _beginning(self, question: ChatMessage) -> Callable[[], object]:
        """Note the question, and return what stores it."""
        self._begun_at, self._first_at = self._monotonic(), None
        redact = self._redactor().redact
        parts = (Text(redact(part.text)) if isinstance(part, Text) else part for part in question.content)
        question = replace(question, content=tuple(parts))
        if not self._in_vain or question != self._question:
            self._question, self._turn = question, None
        self._partial = PartialSaver(self._save_partial, self._monotonic, self._redactor())
        return self._store_question

    def chunk(self, chunk: ChatChunk) -> None:
        """Add one chunk of the answer; its text is stored within a second."""
        assert self._partial is not None, "begin() comes first"
        if chunk.restarted:
            self._partial.clear()
            self._first_at = None
        if chunk.delta is not None and self._first_at is None:
            self._first_at = self._monotonic()
        if chunk.delta is not None and chunk.delta.content:
            self._partial.add(chunk.delta.content)

    @property
    def due(self) -> float | None:
        """Seconds until `tick` has something to store; None if everything is stored."""
        return None if self._partial is None else self._partial.due

    def tick(self) -> None:
        """Store what has arrived, if it is time to; called when it is due."""
        if self._partial is not None:
            self._partial.tick()

    def finish(self, answer: Answer, error: BaseException | None = None) -> None:
        """Store how the turn ended: with an answer, a part of one, or none."""
        self._attempt(self._ending(answer, error))

    async def finish_beside(self, answer: Answer, error: BaseException | None = None) -> None:
        """Do the same beside other tasks."""
        await self._attempt_beside(self._ending(answer, error))

    def _ending(self, answer: Answer, error: BaseException | None) -> Callable[[], object]:
        """Note how the turn ended, and return what stores it."""
        answer = without_secrets(answer.ended_by(error), self._redactor().redact)
        saved = 0 if self._partial is None else self._partial.saved_of(answer.text)
        first = None if self._first_at is None else self._first_at - self._begun_at
        elapsed = self._monotonic() - self._begun_at
        self._partial, self._in_vain = None, not answer.has_content
        return lambda: self._history.finish_turn(
            self._stored_turn(), answer, saved=saved, first_token=first, elapsed=elapsed
        )

    async def undo(self) -> None:
        """Undo the last turn."""
        self._in_vain = False
        if self._session is not None:
            await self._attempt_beside(self._undo)

    def _undo(self) -> None:
        assert self._session is not None
        try:
            undone = self._history.undo(self._session, after=self._last)
        except SessionMovedError:
            self._session = self._copy(self._session)
            undone = self._history.undo(self._session)
        self._last = self._history.last_turn(self._session, before=undone)

    def _store_question(self) -> None:
        """Reopen the turn of an unanswered question, if it is still the last one, or begin one."""
        if self._session is not None and self._turn is not None:
            try:
                self._history.ask_again(self._session, self._turn)
            except SessionMovedError:
                self._turn = None
        self._stored_turn()

    def _stored_turn(self) -> TurnId:
        """Return the turn's number; if storing the question failed before, try again."""
        assert self._question is not None, "begin() comes first"
        if self._turn is None:
            self._turn = self._last = self._begin(self._question)
        return self._turn

    def _begin(self, question: ChatMessage) -> TurnId:
        if self._session is None:
            self._session = self._history.new_session()
        try:
            return self._history.begin_turn(self._session, question, after=self._last)
        except SessionMovedError:
            self._session = self._copy(self._session)
            return self._history.begin_turn(self._session, question)

    def _copy(self, session: SessionId) -> SessionId:
        try:
            copy = self._history.fork(session, self._last)
        except InputError:
            copy = self._history.new_session()
            self._warn(f"the conversation was removed elsewhere; this one continues as {copy}")
        else:
            self._warn(f"the conversation was continued elsewhere; this one continues as {copy}")
        return copy

    def _save_partial(self, text: str, after: int) -> bool:
        """Store what follows the first `after` characters of the answer; return whether it worked.

        A lock is not waited for, because the answer keeps arriving, and `finish` reports it.
        """

        def save() -> bool:
            with suppress(LockedError), briefly():
                self._history.save_partial(self._stored_turn(), text, after)
                return True
            return False

        return bool(self._attempt(save))

    def _attempt(self, action: Callable[[], T]) -> T | None:
        """Run `action`; report the first failure of the file.

        Later actions are still attempted: there may be space again.
        """
        try:
            return action()
        except StorageError as error:
            self._report(error)
            return None

    async def _attempt_beside(self, action: Callable[[], object]) -> None:
        """Do the same beside other tasks, as soon as no other process holds the lock."""
        try:
            await beside(action)
        except StorageError as error:
            self._report(error)

    def _report(self, error: StorageError) -> None:
        if not self._warned:
            self._warned = True
            self._warn(not_saved(error))


def not_saved(error: StorageError) -> str:
    """Return the warning that a conversation is not saved."""
    return f"the conversation is not saved: {error.filename}: {error.strerror}"


def find_conversation(history: History, session: str | None) -> Conversation:
    """Return the conversation to continue: the one whose id `session` begins, or the latest.

    A turn that another process is still answering is left out: the next turn then begins a copy of
    what precedes it. Raises `InputError` if there is none, `StorageError` if it cannot be read.
    """
    found = history.latest() if session is None else history.resolve(session)
    if found is None:
        raise InputError("there is no conversation to continue yet", missing=True)
    return history.settled(history.load(found))
