"""The sink of an `ask` that continues a conversation.

It stores the turn and passes everything on to the next sink.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fallback_chat.cli.sinks.base import Sink
from fallback_chat.cli.words.conversations import goes_on, left_out
from fallback_chat.configuring import own_paths
from fallback_chat.core.conversations.recorder import Recorder, find_conversation, open_history
from fallback_chat.core.conversations.store import History

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.sinks.base import Ending
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.records import Conversation
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import ChatChunk
    from fallback_chat.core.redaction import Redactor


def recorded(
    sink: Sink, question: ChatMessage, redactor: Redactor, shared: SharedOptions
) -> tuple[Sink, Conversation | None]:
    """Store `question` in the conversation that `shared` names, or in a new one.

    Return the sink that stores its answer, and the earlier conversation, if there is one. With
    --no-log, or if a newer release wrote the file, the conversation is only read. Raises
    `InputError` if the named one does not exist, `StorageError` if it cannot be read.
    """
    path = own_paths().history_db
    with ExitStack() as stack:
        if not shared.continues:
            history = stack.enter_context(open_history(path, clock=time.time, warn=sink.notice))
            conversation = None
        else:
            history = stack.enter_context(History.open(path, clock=time.time, warn=sink.notice))
            conversation = find_conversation(history, shared.session)
            for line in (*([] if shared.quiet or shared.session else [goes_on(conversation)]), *left_out(conversation)):
                sink.notice(line)
        if shared.no_log or not history.is_kept:
            return sink, conversation
        recorder = Recorder(
            history,
            monotonic=time.monotonic,
            warn=sink.notice,
            redactor=lambda: redactor,
            conversation=conversation,
        )
        recorder.begin(question)
        return RecordingSink(sink, recorder, stack.pop_all()), conversation


class RecordingSink(Sink):
    """Stores the answer as it arrives; exits `history` at the end."""

    def __init__(self, sink: Sink, recorder: Recorder, history: AbstractContextManager[object]) -> None:
        super().__init__(sink.out, sink.err)
        self._sink = sink
        self._recorder = recorder
        self._history = history
        self._tick: asyncio.TimerHandle | None = None

    @property
    def can_discard(self) -> bool:
        return self._sink.can_discard

    def chunk(self, chunk: ChatChunk) -> None:
        self._recorder.chunk(chunk)
        self._sink.chunk(chunk)
        if self._tick is None:
            self._save_when_due()

    def _save_when_due(self) -> None:
        """Store the text so far, even if nothing follows."""
        due = self._recorder.due
        self._tick = None if due is None else asyncio.get_running_loop().call_later(due, self._save)

    def _save(self) -> None:
        self._recorder.tick()
        self._save_when_due()

    def event(self, event: Event) -> None:
        self._sink.event(event)

    def notice(self, line: str) -> None:
        self._sink.notice(line)

    def finish(self, ending: Ending) -> None:
        if self._tick is not None:
            self._tick.cancel()
        with self._history:
            if ending.answer is not None:
                self._recorder.finish(ending.answer, ending.error)
        self._sink.end(ending._replace(session=self._recorder.session))
