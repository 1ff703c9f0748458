"""A conversation as a document: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.attempt_json import milliseconds, rfc3339
from fallback_chat.core.chat_context import Document, Image, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.conversations.records import AnswerRecord, Conversation, StoredTurn

SESSION_SCHEMA: Final = "fallback-chat.session/1"


def to_json(conversation: Conversation) -> str:
    """Write everything that is stored, attachments as base64, on indented lines."""
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
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def to_markdown(conversation: Conversation) -> str:
    """Write questions and answers under headings that say who speaks; what is not a whole answer is marked."""
    summary = conversation.summary
    blocks = [f"# {summary.title}", f"*{rfc3339(summary.created)}, conversation {summary.id}*"]
    for turn in conversation.turns:
        blocks += ["## You", *(_part_text(part) for part in turn.question.content)]
        blocks += _answer_blocks(turn)
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


FORMATS: Final[dict[str, Callable[[Conversation], str]]] = {"md": to_markdown, "json": to_json}


def _answer_blocks(turn: StoredTurn) -> Iterator[str]:
    answer = turn.answer
    yield f"## {'/'.join(part for part in (answer.provider, answer.model) if part) or 'Answer'}"
    yield answer.text or answer.refusal
    if why := what_is_missing(turn):
        yield f"*[{why}]*"


def what_is_missing(turn: StoredTurn) -> str | None:
    """Say in a few words why there is no whole answer; None when there is one."""
    answer = turn.answer
    if answer.complete:
        return None
    reason = str(answer.error["message"]) if answer.error else ""
    if turn.ended is None:
        reason = "the program ended, or is still waiting"
    if answer.refusal or answer.finish_reason in ("refusal", "content_filter"):
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
    return {
        "asked": rfc3339(turn.asked),
        "ended": rfc3339(turn.ended),
        "question": [_part_object(part) for part in turn.question.content],
        "answer": _answer_object(turn.answer),
    }


def _part_object(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Document(media_type, _, filename):
            return {"type": "document", "media_type": media_type, "filename": filename, "data": part.base64}
        case Image(media_type):
            return {"type": "image", "media_type": media_type, "data": part.base64}


def _answer_object(answer: AnswerRecord) -> dict[str, Any]:
    """Give an answer under the names of the answer object of `ask --json`."""
    return {
        "text": answer.text,
        "reasoning": answer.reasoning or None,
        "refusal": answer.refusal or None,
        "tool_calls": [asdict(call) for call in answer.tool_calls],
        "finish_reason": answer.finish_reason,
        "complete": answer.complete,
        "provider": answer.provider,
        "kind": answer.kind,
        "model": answer.model,
        "usage": asdict(answer.usage) if answer.usage else None,
        "attempts": list(answer.attempts),
        "first_token_ms": milliseconds(answer.first_token),
        "elapsed_ms": milliseconds(answer.elapsed),
        "error": answer.error,
    }
