"""Puts tool calls together from the pieces that a stream brings them in."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.providers.http.frames import MAX_FRAME, FrameTooLargeError, is_json
from fallback_chat.providers.wire.request import repair


@dataclass(slots=True)
class _Call:
    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)


class ToolCallAssembler:
    """Collects the calls of one answer, in the order in which they were opened.

    The key is the index, where the server sends one. A new id under a known index opens a new call, since several servers
    number every call 0; a piece with neither index nor id goes on with the last call.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, *, index: int | str | None = None, call_id: str = "", name: str = "", arguments: object = "") -> None:
        """Add a piece; `arguments` is JSON text or, when it is whole, an object. Raises `FrameTooLargeError`."""
        call = self._call_for(index, call_id, name)
        call.id = call.id or call_id
        call.name = call.name or name
        piece = arguments if isinstance(arguments, str) else to_json(arguments) if arguments is not None else ""
        self._size += len(piece) + len(name) + len(call_id) + 1
        if self._size > MAX_FRAME:
            raise FrameTooLargeError
        call.pieces.append(piece)

    def replace(self, *, index: int | str, arguments: str) -> None:
        """Set the arguments of the call at `index` to their final text."""
        if index in self._by_index:
            self._by_index[index].pieces = [arguments]

    def open(self, *, call_id: str = "", name: str = "", arguments: object = "") -> None:
        """Add a call that comes whole. Raises `FrameTooLargeError`."""
        self._calls.append(_Call(call_id))
        self.add(name=name, arguments=arguments)

    def calls(self) -> tuple[ToolCall, ...]:
        """Give all calls; one without an id gets its own, and one without arguments gets `{}`."""
        return tuple(
            ToolCall(call.id or f"call_{os.urandom(8).hex()}", call.name, repair("".join(call.pieces)).strip() or "{}")
            for call in self._calls
        )

    def _call_for(self, index: int | str | None, call_id: str, name: str) -> _Call:
        if index is not None:
            known = self._by_index.get(index)
        elif call_id:
            known = next((call for call in self._calls if call.id == call_id), None)
        else:
            known = self._calls[-1] if self._calls else None
            if known and name and known.name and is_json("".join(known.pieces)):
                known = None
        if known is None or (call_id and known.id and known.id != call_id):
            known = _Call(call_id)
            self._calls.append(known)
            if index is not None:
                self._by_index[index] = known
        return known


def to_json(value: object) -> str:
    """Give `value` as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
