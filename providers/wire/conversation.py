"""A conversation fit for any wire format: the demands of strict servers apply to all.

The rules: speakers alternate, nothing is empty, every tool call has exactly one result, right after
it and in the order of the calls, and no two calls of a conversation share an id. State only goes
back to the account that made it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.blanks import without_blanks
from fallback_chat.core.chat_context import ChatMessage, Role, Text, ToolCall, ToolResult
from fallback_chat.providers.wire.tools import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fallback_chat.core.chat_context import Part

NO_RESULT: Final = "No result: the call was interrupted."
NO_ANSWER: Final = "(No answer: it was interrupted.)"
OPENING: Final = "(The conversation begins with your message.)"

_BAD_ID: Final = re.compile(r"[^A-Za-z0-9_-]")
_BAD_SHORT_ID: Final = re.compile(r"[^A-Za-z0-9]")
_DIGITS_AT_END: Final = re.compile(r"(.*?)(\d+)$")
_ID_LENGTH: Final = 64
_SHORT_ID_LENGTH: Final = 9


def plain_id(call_id: str) -> str:
    """Return a call's id as most servers accept it: 1 to 64 letters, digits, `_` and `-`."""
    return _BAD_ID.sub("_", call_id)[:_ID_LENGTH] or "call"


def short_id(call_id: str) -> str:
    """Return a call's id as Mistral requires it: nine letters and digits.

    Short ids are padded with zeros before the number at their end; long ones are hashed.
    """
    plain = _BAD_SHORT_ID.sub("", call_id)
    if len(plain) > _SHORT_ID_LENGTH or not plain:
        return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:_SHORT_ID_LENGTH]
    numbered = _DIGITS_AT_END.fullmatch(plain)
    stem, number = (numbered[1], numbered[2]) if numbered else (plain, "")
    return stem + number.rjust(_SHORT_ID_LENGTH - len(stem), "0")


def normalise(
    messages: Iterable[ChatMessage], *, call_id: Callable[[str], str] = plain_id, user_first: bool = False
) -> list[ChatMessage]:
    """Return the turns, without system messages, in a form that every server accepts."""
    turns = _paired(_merged(_substantial(messages)), call_id)
    turns = _merged(turns)
    if user_first and turns and turns[0].role is not Role.USER:
        turns.insert(0, ChatMessage(Role.USER, (Text(OPENING),)))
    return turns


def state_for(message: ChatMessage, origin: str) -> Any:
    """Return the state in `message` that came from `origin`, or None.

    No other account can read it, or may.
    """
    return next((extra.data for extra in reversed(message.extras) if origin and extra.origin == origin), None)


def fits(message: ChatMessage, texts: Iterable[str], calls: int) -> bool:
    """Whether `message` still matches its state: the same texts, blanks apart, and call count."""
    return calls == len(message.tool_calls) and without_blanks("".join(texts)) == without_blanks(message.text)


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as an object, as Anthropic, Gemini and Ollama require.

    Other JSON from a weak model is wrapped; anything else becomes an empty object.
    """
    try:
        value = json.loads(call.arguments or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError, MemoryError):
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def arguments_text(call: ToolCall) -> str:
    """Return a call's arguments as the JSON text of an object."""
    return to_json(arguments_object(call))


def in_last_tool_loop(turns: Sequence[ChatMessage], position: int) -> bool:
    """Whether the turn at `position` belongs to a tool loop that is still running."""
    return all(turn.role is not Role.USER for turn in turns[position:])


def _substantial(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Drop system messages, empty parts and turns, and refused answers with their questions.

    Anthropic requires the latter: a refused answer makes it refuse what follows.
    """
    kept: list[ChatMessage] = []
    for message in messages:
        if message.refused:
            while kept and kept.pop().role is not Role.USER:
                pass
            continue
        content = tuple(part for part in message.content if not (isinstance(part, Text) and not part.text.strip()))
        if message.role is not Role.SYSTEM and (content or message.tool_calls or message.tool_results):
            kept.append(replace(message, content=content))
    return kept


def _merged(turns: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Join neighbours of one role; vendor state of joined turns no longer fits and is dropped."""
    merged: list[ChatMessage] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is None or last.role is not turn.role:
            merged.append(turn)
        else:
            merged[-1] = replace(
                last,
                content=_joined(last.content, turn.content),
                tool_calls=last.tool_calls + turn.tool_calls,
                tool_results=last.tool_results + turn.tool_results,
                extras=(),
            )
    return merged


def _joined(first: tuple[Part, ...], second: tuple[Part, ...]) -> tuple[Part, ...]:
    if first and second and isinstance(first[-1], Text) and isinstance(second[0], Text):
        return (*first[:-1], Text(f"{first[-1].text}\n\n{second[0].text}"), *second[1:])
    return first + second


def _paired(turns: Iterable[ChatMessage], call_id: Callable[[str], str]) -> list[ChatMessage]:
    """Assign each call an id in the target's form and one result; drop results without a call."""
    paired: list[ChatMessage] = []
    used: set[str] = set()
    waiting: tuple[ToolCall, ...] = ()
    targets: list[str] = []
    for turn in turns:
        if turn.role is Role.TOOL and not waiting:
            continue
        if waiting:
            results = turn.tool_results if turn.role is Role.TOOL else ()
            paired.append(_answers(waiting, targets, results))
            waiting = ()
        if turn.role is Role.TOOL:
            continue
        if turn.tool_calls:
            waiting = turn.tool_calls
            targets = [_unique(call_id(call.id), call_id, used) for call in waiting]
            calls = tuple(replace(call, id=target) for call, target in zip(waiting, targets, strict=True))
            paired.append(replace(turn, tool_calls=calls))
        else:
            paired.append(turn)
    if waiting:
        paired.append(_answers(waiting, targets, ()))
    return paired


def _answers(calls: Sequence[ToolCall], targets: Sequence[str], results: Sequence[ToolResult]) -> ChatMessage:
    left = list(results)
    answers = []
    for call, target in zip(calls, targets, strict=True):
        result = next((result for result in left if result.call_id == call.id), None)
        if result is not None:
            left.remove(result)
        answers.append(replace(result or ToolResult(call.id, NO_RESULT, is_error=True), call_id=target))
    return ChatMessage(Role.TOOL, tool_results=tuple(answers))


def _unique(wanted: str, call_id: Callable[[str], str], used: set[str]) -> str:
    """Return `wanted`, or a variation that no earlier call of the conversation uses."""
    candidate, number = wanted, 1
    while candidate in used:
        number += 1
        digest = hashlib.sha256(f"{wanted}:{number}".encode()).hexdigest()
        candidate = call_id(f"{wanted[:40]}_{digest[:12]}")
    used.add(candidate)
    return candidate
