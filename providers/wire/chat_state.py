"""Chat Completions state that goes back to the account that made it.

It consists of reasoning, its seals and the extras of tool calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.wire.dialect import dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

JOINED: Final = ("text", "summary")
"""Keys of OpenRouter's reasoning details whose pieces are joined; for others the last one counts.
"""


class ChatState:
    """Collects the state under `key` from the deltas of one answer, ready to be sent back."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._join = _JOINS.get(key or "", _join_texts)
        self._pieces: list[Any] = []

    def add(self, delta: dict[str, Any]) -> None:
        """Add one delta."""
        if self._key and (piece := delta.get(self._key)):
            self._pieces.append(piece)

    def message(self) -> dict[str, Any]:
        """Return the keys of the assistant message that carry the state, if any."""
        whole = self._join(self._pieces) if self._pieces else None
        return {self._key: whole} if self._key and whole else {}


def _join_texts(pieces: list[Any]) -> Any:
    return "".join(map(text_of, pieces))


def _join_details(pieces: list[Any]) -> Any:
    """Join the pieces of each of OpenRouter's reasoning details.

    Pieces with the same type and index form one block.
    """
    blocks: dict[tuple[str, Any], dict[str, Any]] = {}
    for piece in pieces:
        for detail in dicts_of(piece):
            block = blocks.setdefault((text_of(detail.get("type")), repr(detail.get("index"))), {})
            for key, value in detail.items():
                if key in JOINED and isinstance(value, str):
                    block[key] = text_of(block.get(key)) + value
                elif value is not None or key not in block:
                    block[key] = value
    return list(blocks.values())


def _join_parts(pieces: list[Any]) -> Any:
    """Join neighbouring parts of one type (Mistral); return None if there are no thoughts."""
    parts: list[dict[str, Any]] = []
    for piece in pieces:
        for part in [{"type": "text", "text": piece}] if isinstance(piece, str) else dicts_of(piece):
            if not (parts and parts[-1].get("type") == part.get("type") and _extend(parts[-1], part)):
                parts.append(dict(part))
    return parts if any(part.get("type") == "thinking" for part in parts) else None


def _extend(last: dict[str, Any], part: dict[str, Any]) -> bool:
    """Append `part` to `last` if it continues it; return whether it does."""
    if part.get("type") == "text":
        last["text"] = text_of(last.get("text")) + text_of(part.get("text"))
        return True
    if part.get("type") != "thinking" or last.get("signature"):
        return False
    thoughts = [*dicts_of(last.get("thinking")), *dicts_of(part.get("thinking"))]
    texts = "".join(text_of(thought.get("text")) for thought in thoughts)
    last |= {key: value for key, value in part.items() if value is not None}
    last["thinking"] = [{"type": "text", "text": texts}]
    return True


_JOINS: Final[dict[str, Callable[[list[Any]], Any]]] = {"reasoning_details": _join_details, "content": _join_parts}
