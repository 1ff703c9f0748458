"""Reading the events of Anthropic's Messages, by the `type` in their JSON.

Gateways drop the names of the events.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage
from fallback_chat.core.value import dataclass
from fallback_chat.providers.wire.dialect import (
    ErrorEventError,
    count_of,
    dict_of,
    dicts_of,
    name_of,
    text_of,
    total_of,
)
from fallback_chat.providers.wire.reading import AnswerReader, missing

if TYPE_CHECKING:
    from fallback_chat.providers.wire.dialect import ChatRequest

_NOBODY: Final = object()
_PIECES_OF: Final = {"text": "text", "thinking": "thinking", "compaction": "content"}
"""The key of a block that its deltas extend; other blocks receive the JSON text of their `input`.
"""
_DELTAS: Final = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}
"""The type of a delta without one, by what it holds."""


@dataclass(slots=True)
class _Block:
    """One content block: its start, and what its deltas added."""

    head: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    citations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def type(self) -> str:
        return text_of(self.head.get("type"))

    def whole(self) -> dict[str, Any]:
        """Return the block as it is to be sent back.

        Of a call to our tools only the position is kept.
        """
        if self.type == "tool_use":
            return {"type": "tool_use"}
        block = {key: value for key, value in self.head.items() if value is not None}
        if self.citations:
            block["citations"] = [*dicts_of(block.get("citations")), *self.citations]
        added = "".join(self.pieces)
        if not added:
            return block
        if (key := _PIECES_OF.get(self.type)) is not None:
            return block | {key: text_of(block.get(key)) + added}
        try:
            return block | {"input": json.loads(added)}
        except ValueError:
            return block


class MessagesReader(AnswerReader):
    """Reads the events of one message."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._usage: dict[str, Any] = {}
        self._blocks: dict[Any, _Block] = {}
        self._speaks: Any = _NOBODY
        """The index of the block with the latest text."""
        self._pieces: list[str] = []
        """The pieces of that block."""

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event; unknown ones are skipped. Raises `ErrorEventError`."""
        kind = event.get("type")
        if kind == "content_block_delta" and event.get("index") == self._speaks and not self._word:
            delta = dict_of(event.get("delta"))
            text = delta.get("text")
            if text and isinstance(text, str) and delta.get("type") == "text_delta":
                # Nearly every event takes this path, and positional arguments are twice as fast.
                self._pieces.append(text)
                return [ChatChunk(ChoiceDelta(text), None, None, None, self._id, self._answering)]
        return self._read(kind, event)

    def _read(self, kind: Any, event: dict[str, Any]) -> list[ChatChunk]:
        match kind:
            case "content_block_start" | "content_block_delta" | "content_block_stop":
                return self._part(kind, event)
            case "message_start":
                return self._begin(dict_of(event.get("message")))
            case "message_delta":
                return self._end(dict_of(event.get("delta")), dict_of(event.get("usage")), [])
            case "message_stop":
                self.terminated = bool(self._word)
            case "message":
                return self.read_json(event)
            case "ping":
                return [ChatChunk(ChoiceDelta(alive=True))]
            case _:
                if event.get("error") or kind == "error":
                    raise ErrorEventError(event)
        return []

    def _part(self, kind: str, event: dict[str, Any]) -> list[ChatChunk]:
        index, block = event.get("index"), dict_of(event.get("content_block"))
        match kind:
            case "content_block_start":
                return self._start(index, block)
            case "content_block_delta":
                return self._delta(index, dict_of(event.get("delta")))
        return self._rest(index, block)

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a complete message, whose blocks act as single deltas."""
        if answer.get("error"):
            raise ErrorEventError(answer)
        content = answer.get("content")
        if not isinstance(content, list | str):
            return []
        chunks = self._begin(answer)
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else dicts_of(content)
        for index, block in enumerate(blocks):
            chunks += self._start(index, block)
        end = {"stop_reason": answer.get("stop_reason") or "end_turn", "stop_details": answer.get("stop_details")}
        return self._end(end, {}, chunks)

    def _begin(self, message: dict[str, Any]) -> list[ChatChunk]:
        self._id, self._answering = name_of(message.get("id")), name_of(message.get("model"))
        return self._count(dict_of(message.get("usage")))

    def _start(self, index: Any, head: dict[str, Any]) -> list[ChatChunk]:
        index = _hashable(index)
        block = self._blocks[index] = _Block(dict(self._kept(head)))
        self._speaks = _NOBODY
        match block.type:
            case "tool_use":
                # In a stream `input` is empty here and follows in pieces; in a complete message it
                # is whole.
                self._tools.add(
                    index=index,
                    call_id=text_of(head.get("id")),
                    name=text_of(head.get("name")),
                    arguments=head.get("input") or "",
                )
                return self._chunk(ChoiceDelta(tool_fragment=True))
            case "text":
                return self._chunk(ChoiceDelta(text_of(head.get("text")) or None))
            case "thinking":
                return self._think(text_of(head.get("thinking")))
            case "fallback":
                self._answering = name_of(dict_of(head.get("to")).get("model")) or self._answering
        # A tool of the server's own, its result, or sealed thoughts: the model is working.
        return self._think("")

    def _delta(self, index: Any, delta: dict[str, Any]) -> list[ChatChunk]:
        key = _hashable(index)
        if key not in self._blocks and "text" in delta:
            self._start(index, {"type": "text"})  # some gateways leave out the start of a block
        block = self._blocks.get(key) or _Block({})
        match delta.get("type") or next((kind for key, kind in _DELTAS.items() if key in delta), ""):
            case "text_delta":
                text = text_of(delta.get("text"))
                block.pieces.append(text)
                self._speaks, self._pieces = index, block.pieces
                return self._chunk(ChoiceDelta(text or None))
            case "thinking_delta":
                thinking = text_of(delta.get("thinking"))
                block.pieces.append(thinking)
                return self._think(thinking)
            case "signature_delta":
                block.head["signature"] = self._kept(text_of(delta.get("signature")))
            case "citations_delta" if isinstance(delta.get("citation"), dict):
                block.citations.append(self._kept(delta["citation"]))
                return []
            case "input_json_delta":
                piece = text_of(delta.get("partial_json"))
                if block.type == "tool_use":
                    self._tools.add(index=key, arguments=piece)
                    return self._chunk(ChoiceDelta(tool_fragment=True))
                block.pieces.append(self._kept(piece))
            case "compaction_delta":
                block.pieces.append(self._kept(text_of(delta.get("content"))))
        return [] if block.type in ("text", "tool_use") else self._think("")

    def _rest(self, index: Any, whole: dict[str, Any]) -> list[ChatChunk]:
        """Hand out what only the complete text has, which some gateways send at a block's end."""
        block = self._blocks.get(_hashable(index))
        seen = text_of(block.head.get("text")) + "".join(block.pieces) if block else ""
        rest = "".join(missing(seen, [text_of(whole.get("text"))]))
        return self._delta(index, {"type": "text_delta", "text": rest}) if rest else []

    def _think(self, text: str) -> list[ChatChunk]:
        return self._chunk(ChoiceDelta(reasoning=text) if text else ChoiceDelta(thinking=True))

    def _end(self, delta: dict[str, Any], usage: dict[str, Any], chunks: list[ChatChunk]) -> list[ChatChunk]:
        """Add the end of the message to `chunks`.

        Raises `ErrorEventError`, with the chunks, for a word that means failure.
        """
        chunks += self._count(usage)
        if raw := text_of(delta.get("stop_reason")):
            self._explanation = text_of(dict_of(delta.get("stop_details")).get("explanation"))
            self._finish(raw, chunks)
        return chunks

    def _count(self, usage: dict[str, Any]) -> list[ChatChunk]:
        """Read the usage, which is cumulative: later numbers replace earlier ones."""
        if not usage:
            return []
        self._usage |= {name: count for name, count in usage.items() if count is not None}
        for each in dicts_of(self._usage.get("iterations")):
            if each.get("type") == "fallback_message":  # another model answered for one that declined
                self._answering = name_of(each.get("model")) or self._answering
        cached = count_of(self._usage.get("cache_read_input_tokens"))
        written = count_of(self._usage.get("cache_creation_input_tokens"))
        thinking = dict_of(self._usage.get("output_tokens_details")).get("thinking_tokens")
        counted = CompletionUsage(
            input=total_of(count_of(self._usage.get("input_tokens")), cached, written),
            output=count_of(self._usage.get("output_tokens")),
            cached=cached,
            cache_write=written,
            reasoning=count_of(thinking),
        )
        return [ChatChunk(usage=counted)]

    def _state_of_it(self) -> Any:
        """Return the blocks in order, unless they are only the message itself: text, then calls."""
        blocks = [self._blocks[index].whole() for index in self._blocks]
        plain = sorted(block["type"] for block in blocks if block.get("type") in ("text", "tool_use"))
        return None if [block.get("type") for block in blocks] == plain else blocks


def _hashable(index: Any) -> int:
    return index if isinstance(index, int) else -1
