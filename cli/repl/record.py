"""Recording the chat: the question before it is sent, the answer as it arrives."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.recorder import Recorder
    from fallback_chat.core.conversations.records import Conversation, SessionId
    from fallback_chat.core.conversations.store import History
    from fallback_chat.core.llm import ChatChunk


class Record:
    """The chat's conversation in the history.

    `open_history` opens the user's conversations (True) or an empty history in memory (False), once
    there is something to keep or to find. `monotonic` returns seconds.
    """

    def __init__(
        self,
        open_history: Callable[[bool], History],
        *,
        monotonic: Callable[[], float],
        warn: Callable[[str], object],
        redact: Callable[[str], str],
        never: bool = False,
    ) -> None:
        self._open_history = open_history
        self._monotonic = monotonic
        self._warn = warn
        self._redact = redact
        self._open: dict[bool, History] = {}
        self._closing = ExitStack()
        self._recorder: Recorder | None = None
        self.never = never
        """Whether nothing is recorded at all (--no-log)."""
        self.private = never
        """Whether the following turns are not recorded."""

    @property
    def session(self) -> SessionId | None:
        """The conversation's id; None while nothing of it is saved."""
        return self._recorder.session if self._recorder is not None else None

    def new(self) -> None:
        """Begin another conversation with the next question; the current one stays."""
        self._recorder = None

    def resume(self, session: str | None) -> Conversation:
        """Continue the conversation whose id `session` begins, by default the most recent.

        Raises `InputError` if there is none, `StorageError` if it cannot be read.
        """
        from fallback_chat.core.conversations.recorder import find_conversation

        conversation = find_conversation(self.history, session)
        self.private = self.never
        self._recorder = self._new_recorder(conversation)
        return conversation

    def fork(self, session: SessionId) -> SessionId:
        """Continue in a copy of a conversation, and return its id.

        Raises `InputError` if there is none, and `StorageError`.
        """
        copy = self.history.fork(session)
        self._recorder = self._new_recorder(self.history.load(copy))
        return copy

    async def begin(self, question: ChatMessage) -> None:
        """Store a question, before it is sent anywhere."""
        if self._recorder is None:
            self._recorder = self._new_recorder()
        await self._recorder.begin_beside(question)

    @property
    def history(self) -> History:
        """All conversations; the file is opened on first use."""
        return self._history(saved=True)

    def _history(self, *, saved: bool) -> History:
        if saved not in self._open:
            self._open[saved] = self._closing.enter_context(self._open_history(saved))
        return self._open[saved]

    def _new_recorder(self, conversation: Conversation | None = None) -> Recorder:
        # SQLite is imported with the first question, not before the prompt.
        from fallback_chat.core.conversations.recorder import Recorder

        saved = not self.private and self.history.is_kept
        return Recorder(
            self._history(saved=saved),
            monotonic=self._monotonic,
            warn=self._warn,
            redact=self._redact,
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
        """Store how the turn ended."""
        if self._recorder is not None:
            await self._recorder.finish_beside(answer, error)

    def finish_at_once(self, answer: Answer, error: BaseException) -> None:
        """Store how the turn ended, because the program does."""
        if self._recorder is not None:
            self._recorder.finish(answer, error)

    def undo(self) -> None:
        """Undo the last turn."""
        if self._recorder is not None:
            self._recorder.undo()

    def close(self) -> None:
        """Close the file."""
        self._closing.close()
