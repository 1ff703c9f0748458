"""The messages sent but not yet processed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fallback_chat.cli.repl.draft import Draft


class Message(NamedTuple):
    """A sent message."""

    draft: Draft
    is_printed: bool = False
    """Whether it is already printed above the line."""


class Inbox:
    """Hands out messages in the order of sending, until it is closed."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False
        self.is_waiting = False
        """Whether a reader waits and there is no message."""

    @property
    def queued(self) -> list[Draft]:
        """The messages waiting for their turn."""
        return [message.draft for message in self._messages if not message.is_printed]

    def put(self, message: Message) -> None:
        """Add a message."""
        self.is_waiting = False
        self._messages.append(message)
        self._changed.set()

    def take_back(self) -> Draft | None:
        """Remove and return the last waiting message; None if there is none."""
        return self._messages.pop().draft if self.queued else None

    def drop(self) -> None:
        """Drop the waiting messages."""
        self._messages.clear()

    def close(self) -> None:
        """Let a waiting reader know that there are no more messages."""
        self._is_closed = True
        self._changed.set()

    async def get(self) -> Message:
        """Return the next message. Raises EOFError if there are no more."""
        while not self._messages:
            if self._is_closed:
                raise EOFError
            self._changed.clear()
            await self._changed.wait()
        return self._messages.popleft()
