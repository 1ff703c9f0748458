"""Stored conversations in words, for the command line and the chat."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fallback_chat.cli.words.amounts import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fallback_chat.core.conversations.records import Conversation, Hit, Summary


def row(summary: Summary) -> tuple[str, ...]:
    """Return a conversation as the cells of a list."""
    return str(summary.id), _time(summary.updated), turns(summary), _in_one_line(summary.title)


def hit_lines(hits: Iterable[Hit]) -> Iterator[str]:
    """Yield the turns found by a search, each below its conversation."""
    for hit in hits:
        yield f"{hit.session}  {_time(hit.asked)}  {_in_one_line(hit.title)}"
        yield f"    {_in_one_line(hit.snippet)}"


def resumed(conversation: Conversation) -> Iterator[str]:
    """Yield lines that name the continued conversation and show its last turn."""
    summary = conversation.summary
    yield f"conversation {summary.id}, {turns(summary)}: {summary.title}"
    yield from left_out(conversation)


def goes_on(conversation: Conversation) -> str:
    """Return which conversation a question continues."""
    summary = conversation.summary
    return f"continuing {summary.id}, {turns(summary)}: {summary.title}"


def left_out(conversation: Conversation) -> Iterator[str]:
    """Yield how many turns cannot be read, if any: no provider receives them."""
    if count := len(conversation.unreadable):
        lost = counted(count, "turn")
        yield f"{lost} cannot be read and will be left out: see `fallback-chat sessions show {conversation.summary.id}`"


def age(then: float | None, now: float) -> str:
    """Return how long ago something was: `just now`, `5 min ago`, `12 days ago`, `?` if unknown."""
    if then is None:
        return "?"
    for size, unit in ((86400.0, "day"), (3600.0, "h"), (60.0, "min")):
        if now - then >= size:
            count = int((now - then) // size)
            return f"{count} {unit}{'s' * (unit == 'day' and count > 1)} ago"
    return "just now"


def turns(summary: Summary) -> str:
    """Return the length of a conversation."""
    return counted(summary.turns, "turn")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _time(seconds: float | None) -> str:
    """Return a time in the user's time zone."""
    if seconds is None:
        return "unknown time"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
