"""Chat Completions state that goes back to the account that made it.

It consists of reasoning, its seals and the extras of tool calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.wire.dialect import dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.providers.wire.allowance import Allowance

JOINED: Final = ("text", "summary")
"""Keys of OpenRouter's reasoning details whose pieces are joined; for others the last one counts.
"""
_MANY: Final = 500
"""Pieces after which they are joined: a dictionary takes more memory than the word in it."""


class ChatState:
    """Collects the state under `key` from the deltas of one answer, ready to be sent back."""

    def __init__(self, key: str | None, allowance: Allowance) -> None:
        self._key = key
        self._allowance = allowance
        self._join = _JOINS.get(key or "", _join_texts)
        self._pieces: list[Any] = []

    def add(self, delta: dict[str, Any]) -> None:
        """Add one delta. Raises `FrameTooLargeError`."""
        if self._key and (piece := delta.get(self._key)):
            self._allowance.charge(piece)
            self._pieces.append(piece)
            if len(self._pieces) >= _MANY:
                self._allowance.exchange(self._pieces, joined := [self._join(self._pieces)])
                self._pieces = joined

    def message(self) -> dict[str, Any]:
        """Return the keys of the assistant message that carry the state, if any."""
        whole = self._join(self._pieces) if self._pieces else None
        if self._join is _join_parts and not any(part.get("type") == "thinking" for part in dicts_of(whole)):
            return {}  # without thoughts, Mistral's parts are the text alone
        return {self._key: whole} if self._key and whole else {}


def _join_texts(pieces: list[Any]) -> Any:
    return "".join(map(text_of, pieces))


def _join_details(pieces: list[Any]) -> Any:
    """Join the pieces of each of OpenRouter's reasoning details.

    Pieces with the same type and index form one block.
    """
    blocks: dict[tuple[str, str], dict[str, Any]] = {}
    said: dict[tuple[str, str, str], list[str]] = {}
    for piece in pieces:
        for detail in dicts_of(piece):
            place = text_of(detail.get("type")), repr(detail.get("index"))
            block = blocks.setdefault(place, {})
            for key, value in detail.items():
                if key in JOINED and isinstance(value, str):
                    said.setdefault((*place, key), []).append(value)
                    block[key] = ""
                elif value is not None or key not in block:
                    block[key] = value
    for (kind, index, key), texts in said.items():
        blocks[kind, index][key] = "".join(texts)
    return list(blocks.values())


def _join_parts(pieces: list[Any]) -> Any:
    """Join neighbouring parts of one type (Mistral)."""
    parts: list[dict[str, Any]] = []
    said: list[list[str]] = []
    """The texts of each part."""
    for piece in pieces:
        for part in [{"type": "text", "text": piece}] if isinstance(piece, str) else dicts_of(piece):
            if parts and _continues(parts[-1], part):
                parts[-1] |= {key: value for key, value in part.items() if value is not None}
            else:
                parts.append(dict(part))
                said.append([])
            said[-1].append(_said(part))
    for joined, texts in zip(parts, said, strict=True):
        if len(texts) > 1:
            text = "".join(texts)
            is_text = joined["type"] == "text"
            joined.update({"text": text} if is_text else {"thinking": [{"type": "text", "text": text}]})
    return parts


def _continues(last: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether `part` continues the part before it."""
    kind = part.get("type")
    return kind == last.get("type") and (kind == "text" or (kind == "thinking" and not last.get("signature")))


def _said(part: dict[str, Any]) -> str:
    thoughts = dicts_of(part.get("thinking"))
    return text_of(part.get("text")) or "".join(text_of(thought.get("text")) for thought in thoughts)


_JOINS: Final[dict[str, Callable[[list[Any]], Any]]] = {"reasoning_details": _join_details, "content": _join_parts}
