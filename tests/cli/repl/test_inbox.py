"""The messages that wait for their turn."""

from __future__ import annotations

import pytest

from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.inbox import Inbox, Message


async def test_messages_come_out_in_the_order_of_sending_and_then_the_end() -> None:
    inbox = Inbox()
    for text in ("one", "two", "three"):
        inbox.put(Message(Draft.typed(text)))
    inbox.close()
    assert [(await inbox.get()).draft for _ in range(3)] == [Draft.typed(text) for text in ("one", "two", "three")]
    with pytest.raises(EOFError):
        await inbox.get()


def test_the_last_waiting_message_is_taken_back_first_and_none_that_is_printed() -> None:
    inbox = Inbox()
    assert inbox.take_back() is None
    inbox.put(Message(Draft.typed("printed"), is_printed=True))
    for text in ("one", "two"):
        inbox.put(Message(Draft.typed(text)))
    assert [inbox.take_back() for _ in range(3)] == [Draft.typed("two"), Draft.typed("one"), None]
