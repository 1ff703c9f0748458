"""Tool calls, assembled from the pieces of a stream.

A piece belongs to the call at its index, or with its id. Without a name it cannot begin a call, so
when neither is known it belongs to the last call with incomplete arguments: some servers change the
id or the index after the first piece. A piece with a name begins a call when the one it could
belong to has another name or is complete: other servers number every call 0.
"""

from __future__ import annotations

import json
import os
from dataclasses import field
from itertools import pairwise
from typing import Any, Final

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.core.json_text import loads
from fallback_chat.core.value import dataclass
from fallback_chat.providers.http.frames import FrameTooLargeError, is_json
from fallback_chat.providers.wire.allowance import Allowance
from fallback_chat.providers.wire.request import repair

_ENDS: Final = ("}", "]", '"', "null")
"""Possible ends of complete arguments: most pieces are recognised as unfinished without parsing."""
MOST_CALLS: Final = 1000
"""Calls in one answer: the search for the one that a piece belongs to grows with their number."""


@dataclass(slots=True)
class _Call:
    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    extra: Any = None
    """The server's extra content beside the call, to be sent back with it."""
    released: bool = False

    @property
    def arguments(self) -> str:
        """The arguments as JSON text; `{}` if there are none."""
        text = repair("".join(self.pieces)).strip()
        if len(self.pieces) > 1 and not is_json(text) and is_json(self.pieces[-1]) and self._repeats:
            text = self.pieces[-1].strip()
        return "{}" if text in ("", "null") else _mended(text)

    @property
    def _repeats(self) -> bool:
        """Whether each piece begins with the previous one: some gateways repeat all so far."""
        return all(later.startswith(earlier) for earlier, later in pairwise(self.pieces))

    @property
    def whole(self) -> bool:
        """Whether the arguments have begun and ended."""
        return bool(self.pieces) and self.pieces[-1].rstrip().endswith(_ENDS) and is_json("".join(self.pieces))


class ToolCallAssembler:
    """Collects the calls of one answer, in the order in which they were opened."""

    def __init__(self, allowance: Allowance | None = None) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int | str, _Call] = {}
        self._allowance = allowance or Allowance()
        self._extras: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def open(self) -> bool:
        """Whether a call's arguments may continue: empty ones may be `{}`, or still to come."""
        return not all(call.whole for call in self._calls)

    @property
    def nameless(self) -> bool:
        """Whether a call has no name, so that nobody could run it."""
        return not all(call.name for call in self._calls)

    @property
    def extras(self) -> list[Any]:
        """The server's extra content beside each released call, or None."""
        return self._extras

    def add(
        self,
        *,
        index: int | str | None = None,
        call_id: str = "",
        name: str = "",
        arguments: object = "",
        extra: Any = None,
    ) -> None:
        """Add a piece; `arguments` is JSON text, or an object if complete.

        Raises `FrameTooLargeError`.
        """
        piece = self._measured(arguments, call_id, name)
        call = self._call_for(index, call_id, name, piece)
        if call is None:
            return
        call.id = call.id or call_id
        call.name = call.name or name
        call.extra = extra or call.extra
        if call.pieces == ["{}"] and piece.strip():
            call.pieces.clear()
        if piece:
            call.pieces.append(piece)

    def whole(
        self,
        *,
        index: int | str | None = None,
        call_id: str = "",
        name: str = "",
        arguments: object = "",
        extra: Any = None,
    ) -> bool:
        """Add a complete call, or the final form of a streamed one; return whether it is new.

        A repetition of id, name and arguments is not new. Raises `FrameTooLargeError`.
        """
        text = self._measured(arguments, call_id, name)
        call = self._by_index.get(index) if index is not None else self._same(call_id, name, text)
        if new := call is None:
            call = self._open(index, call_id)
        call.id = call.id or call_id
        call.name = call.name or name
        call.extra = extra or call.extra
        call.pieces = [text] if text.strip() else call.pieces
        return new

    def release(self) -> tuple[ToolCall, ...]:
        """Return the calls not returned before; one without an id gets a new one."""
        seen: set[tuple[str, str, str]] = set()
        found: list[ToolCall] = []
        for call in self._calls:
            arguments = call.arguments
            key = call.id, call.name, arguments
            if not call.released and not (call.id and key in seen):
                call.id = call.id or f"call_{os.urandom(8).hex()}"
                found.append(ToolCall(call.id, call.name, arguments))
                self._extras.append(call.extra)
            seen.add(key)
            call.released = True
        return tuple(found)

    def _measured(self, arguments: object, *others: str) -> str:
        """Return `arguments` as text, charged with the rest of the piece.

        Raises `FrameTooLargeError`.
        """
        piece = arguments if isinstance(arguments, str) else to_json(arguments) if arguments is not None else ""
        for text in (piece, *others):
            self._allowance.charge(text)
        return piece

    def _open(self, index: int | str | None, call_id: str) -> _Call:
        if len(self._calls) >= MOST_CALLS:
            raise FrameTooLargeError
        call = _Call(call_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _call_for(self, index: int | str | None, call_id: str, name: str, piece: str) -> _Call | None:
        """Return the call of a piece, a new one if it begins one, or None if it is empty."""
        known = self._by_index.get(index) if index is not None else None
        if known is None and call_id:
            known = next((call for call in reversed(self._calls) if call.id == call_id), None)
        if not name:
            known = known or next((call for call in reversed(self._calls) if not call.whole), None)
            return known or (self._open(index, call_id) if piece.strip() else None)
        if known is None and index is None and not call_id and self._calls:
            known = self._calls[-1]
        if known is None or _is_another(known, call_id, name, piece):
            return self._open(index, call_id)
        return known

    def _same(self, call_id: str, name: str, text: str) -> _Call | None:
        """Return the call that a complete one finishes or repeats."""
        for call in self._calls:
            if call.id == call_id and call.name in (name, ""):
                unfinished = bool(call_id) and not call.whole
                if unfinished or _value(call.arguments) == _value(text.strip() or "{}"):
                    return call
        return None


def _is_another(known: _Call, call_id: str, name: str, piece: str) -> bool:
    """Whether a piece with a name begins another call than `known`."""
    if known.name and known.name != name:
        return True
    if not known.whole:
        return False
    if known.pieces == ["{}"]:  # which may have stood for arguments to come
        return bool(piece.strip()) and (known.id != call_id or (not call_id and is_json(piece)))
    return bool(piece.strip()) or call_id not in ("", known.id)


def _mended(text: str) -> str:
    """Return JSON text without the faults that leave no doubt about its meaning.

    Some models do not escape line breaks in a string, some servers encode the arguments twice.
    """
    inner = text
    try:
        value = loads(text, strict=False)
        if isinstance(value, str):
            inner, value = value, loads(value, strict=False)
    except (ValueError, RecursionError, MemoryError):
        return text
    if not isinstance(value, dict):
        return text
    return inner if is_json(inner) else to_json(value)


def _value(text: str) -> Any:
    """Return the value of JSON text, or the text itself if it is not JSON."""
    try:
        return loads(text)
    except (ValueError, RecursionError, MemoryError):
        return text


def to_json(value: object) -> str:
    """Return `value` as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
