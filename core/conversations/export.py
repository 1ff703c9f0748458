"""A conversation as a document: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.answer_json import answer_json, milliseconds, rfc3339, with_unknown
from fallback_chat.core.chat_context import Document, Image, Text
from fallback_chat.core.conversations.records import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.conversations.records import Conversation, StoredTurn

SESSION_SCHEMA: Final = "fallback-chat.session/1"


def to_json(conversation: Conversation) -> str:
    """Return everything stored as indented JSON, attachments in base64."""
    summary = conversation.summary
    document = {
        "schema": SESSION_SCHEMA,
        "id": summary.id,
        "title": summary.title,
        "created": rfc3339(summary.created),
        "updated": rfc3339(summary.updated),
        "forked_from": summary.forked_from,
        "turns": [_turn_object(turn) for turn in conversation.turns],
    }
    return storable(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def to_markdown(conversation: Conversation) -> str:
    """Return the turns under headings that name the speaker; mark unfinished answers."""
    summary = conversation.summary
    blocks = [f"# {summary.title}", f"*{rfc3339(summary.created)}, conversation {summary.id}*"]
    for turn in conversation.turns:
        blocks += ["## You", *(_part_text(part) for part in turn.question.content)]
        blocks += _answer_blocks(turn)
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


FORMATS: Final[dict[str, Callable[[Conversation], str]]] = {"md": to_markdown, "json": to_json}


def _answer_blocks(turn: StoredTurn) -> Iterator[str]:
    answer = turn.answer
    speakers = answer.segments or (answer,)
    yield f"## {', '.join('/'.join(filter(None, (one.provider, one.model))) for one in speakers) or 'Answer'}"
    yield answer.text or answer.refusal
    if why := what_is_missing(turn):
        yield f"*[{why}]*"


def what_is_missing(turn: StoredTurn) -> str | None:
    """Return in a few words why there is no whole answer, or None if there is one."""
    answer = turn.answer
    if turn.unreadable is not None:
        return f"this turn cannot be read: {turn.unreadable}"
    if answer.complete:
        return None
    reason = answer.error.message if answer.error else ""
    if turn.ended is None:
        reason = "the program ended, or is still waiting"
    if answer.refusal or answer.refused:
        return "refused"
    return ": ".join(part for part in ("incomplete" if answer.has_content else "no answer", reason) if part)


def _part_text(part: Part) -> str:
    match part:
        case Text(text):
            return text
        case Document(_, _, filename):
            return f"*[attached: {filename}]*"
        case Image(media_type):
            return f"*[attached: {media_type}]*"


def _turn_object(turn: StoredTurn) -> dict[str, Any]:
    stored = {name: value for name, value in turn.document.items() if name != "extras"}  # the provider's own state
    timing = {"first_token_ms": milliseconds(turn.first_token), "elapsed_ms": milliseconds(turn.elapsed)}
    return {
        "asked": rfc3339(turn.asked),
        "ended": rfc3339(turn.ended),
        "question": [_part_object(part) for part in turn.question.content],
        "answer": with_unknown(answer_json(turn.answer) | timing, stored),
        "unreadable": turn.unreadable,
    }


def _part_object(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Document(media_type, _, filename):
            return {"type": "document", "media_type": media_type, "filename": filename, "data": part.base64}
        case Image(media_type):
            return {"type": "image", "media_type": media_type, "data": part.base64}
