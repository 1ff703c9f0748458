"""The messages that were sent and are not dealt with yet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fallback_chat.cli.repl.draft import Draft


class Message(NamedTuple):
    """Something that was sent."""

    draft: Draft
    is_printed: bool = False
    """It stands above the line already."""


class Inbox:
    """Hands out messages in the order in which they were sent, until it is closed."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False
        self.is_waiting = False
        """Somebody waits for a message, and there is none."""

    @property
    def queued(self) -> list[Draft]:
        """What waits for its turn."""
        return [message.draft for message in self._messages if not message.is_printed]

    def put(self, message: Message) -> None:
        """Take a message."""
        self.is_waiting = False
        self._messages.append(message)
        self._changed.set()

    def take_back(self) -> Draft | None:
        """Return the message that was sent last, which does not wait any longer; None where none does."""
        return self._messages.pop().draft if self.queued else None

    def drop(self) -> None:
        """Forget what waits."""
        self._messages.clear()

    def close(self) -> None:
        """Have whoever waits know that no more messages come."""
        self._is_closed = True
        self._changed.set()

    async def get(self) -> Message:
        """Return the next message. Raises EOFError when there is none any more."""
        while not self._messages:
            if self._is_closed:
                raise EOFError
            self._changed.clear()
            await self._changed.wait()
        return self._messages.popleft()
