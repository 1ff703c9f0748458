"""Recording the chat: the question before it is sent, the answer as it arrives."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.recorder import Recorder
    from fallback_chat.core.conversations.records import Conversation, SessionId
    from fallback_chat.core.conversations.store import History
    from fallback_chat.core.llm import ChatChunk
    from fallback_chat.core.redaction import Redactor

T = TypeVar("T")


class Record:
    """The chat's conversation in the history.

    `open_history` opens the user's conversations (True) or an empty history in memory (False), once
    there is something to keep or to find. `monotonic` returns seconds. While another process keeps
    the file locked, the other tasks of the event loop run.
    """

    def __init__(
        self,
        open_history: Callable[[bool], History],
        *,
        monotonic: Callable[[], float],
        warn: Callable[[str], object],
        redactor: Callable[[], Redactor],
        never: bool = False,
    ) -> None:
        self._open_history = open_history
        self._monotonic = monotonic
        self._warn = warn
        self._redactor = redactor
        self._open: dict[bool, History] = {}
        self._closing = ExitStack()
        self._recorder: Recorder | None = None
        self.never = never
        """Whether nothing is recorded at all (--no-log)."""
        self.private = never
        """Whether the following turns are not recorded."""
        self._ending: asyncio.Task[None] | None = None
        """The task that stores the end of the last turn; no other turn begins before it is done."""

    @property
    def session(self) -> SessionId | None:
        """The conversation's id; None while nothing of it is saved."""
        return self._recorder.session if self._recorder is not None else None

    def new(self) -> None:
        """Begin another conversation with the next question; the current one stays."""
        self._recorder = None

    async def resume(self, session: str | None) -> Conversation:
        """Continue the conversation whose id `session` begins, by default the most recent.

        Raises `InputError` if there is none, `StorageError` if it cannot be read.
        """
        from fallback_chat.core.conversations.recorder import find_conversation

        conversation = await self.reach(lambda history: find_conversation(history, session))
        self.private = self.never
        self._recorder = await self._new_recorder(conversation)
        return conversation

    async def fork(self, session: SessionId) -> SessionId:
        """Continue in a copy of a conversation, and return its id.

        Raises `InputError` if there is none, and `StorageError`.
        """
        copy = await self.reach(lambda history: history.fork(session))
        self._recorder = await self._new_recorder(await self.reach(lambda history: history.load(copy)))
        return copy

    async def begin(self, question: ChatMessage) -> None:
        """Store a question, before it is sent anywhere."""
        await self._settled()
        if self._recorder is None:
            self._recorder = await self._new_recorder()
        await self._recorder.begin_beside(question)

    async def reach(self, action: Callable[[History], T]) -> T:
        """Return what `action` returns for the history of all conversations.

        Raises what it raises, and `StorageError` if another process keeps the file locked.
        """
        from fallback_chat.core.storage.beside import beside

        await self._settled()
        history = await self._history(saved=True)
        return await beside(lambda: action(history))

    def found(self, action: Callable[[History], T]) -> T | None:
        """Return the same at once; None if that fails, or another process keeps the file locked."""
        from fallback_chat.core.storage.connection import StorageError
        from fallback_chat.core.storage.locks import briefly

        with suppress(StorageError), briefly():
            return action(self._opened(saved=True))
        return None

    async def _history(self, *, saved: bool) -> History:
        from fallback_chat.core.conversations.recorder import not_saved
        from fallback_chat.core.storage.beside import beside
        from fallback_chat.core.storage.connection import StorageError

        try:
            return await beside(lambda: self._opened(saved=saved))
        except StorageError as error:
            self._warn(not_saved(error))
            self._open[saved] = self._opened(saved=False)
            return self._open[saved]

    def _opened(self, *, saved: bool) -> History:
        """Return a history; it is opened on first use. Raises `StorageError`."""
        if saved not in self._open:
            self._open[saved] = self._closing.enter_context(self._open_history(saved))
        return self._open[saved]

    async def _new_recorder(self, conversation: Conversation | None = None) -> Recorder:
        # SQLite is imported with the first question, not before the prompt.
        from fallback_chat.core.conversations.recorder import Recorder

        saved = not self.private and (await self._history(saved=True)).is_kept
        return Recorder(
            await self._history(saved=saved),
            monotonic=self._monotonic,
            warn=self._warn,
            redactor=self._redactor,
            conversation=conversation if saved else None,
        )

    def chunk(self, chunk: ChatChunk) -> None:
        """Add one chunk of the answer."""
        if self._recorder is not None:
            self._recorder.chunk(chunk)

    def tick(self) -> None:
        """Store what has arrived, if it is time to."""
        if self._recorder is not None:
            self._recorder.tick()

    async def finish(self, answer: Answer, error: BaseException | None) -> None:
        """Store how the turn ended: at once, or as soon as no other process holds the lock."""
        if self._recorder is not None and self._ending is None:
            self._ending = asyncio.ensure_future(self._recorder.finish_beside(answer, error))
            await asyncio.sleep(0)  # it takes no more, unless there is a lock
            if self._ending.done():
                await self._settled()

    def finish_at_once(self, answer: Answer, error: BaseException) -> None:
        """Store how the turn ended, because the program does."""
        if self._recorder is not None and self._ending is None:
            self._recorder.finish(answer, error)

    async def undo(self) -> None:
        """Undo the last turn."""
        await self._settled()
        if self._recorder is not None:
            await self._recorder.undo()

    async def aclose(self) -> None:
        """Store what is left, and close the file."""
        await self._settled()
        self._closing.close()

    async def _settled(self) -> None:
        if (ending := self._ending) is not None:
            await asyncio.wait([ending])  # unlike awaiting it, cancelling this does not cancel it
            self._ending = None
            ending.result()
