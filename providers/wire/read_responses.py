"""Reading the events of OpenAI's Responses.

Text arrives in deltas, or only in the `done` events that repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from fallback_chat.providers.wire.dialect import ErrorEventError, count_of, dict_of, dicts_of, name_of, text_of
from fallback_chat.providers.wire.known_models import LEAST_TOKENS
from fallback_chat.providers.wire.reading import AnswerReader, missing
from fallback_chat.providers.wire.responses_items import PICTURE, SUMMARY, TEXTS, Item, between

if TYPE_CHECKING:
    from fallback_chat.providers.wire.dialect import ChatRequest

TEXT_DELTA: Final = "response.output_text.delta"
_NOWHERE: Final = object()
PARTS: Final = ("content_part", "reasoning_summary_part")
ALIVE: Final = frozenset({"response.created", "response.in_progress", "response.queued", "keepalive", "ping"})


class ResponsesReader(AnswerReader):
    """Reads the events of one response."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._items: dict[int | str, Item] = {}
        self._indexes: dict[str, int | str] = {}
        """The index of each item by its id: some events carry only one of the two."""
        self._at: Any = _NOWHERE
        self._part: Any = None
        """Item and part of the latest text, as its event numbers them."""
        self._pieces: list[str] = []
        """The pieces of that text."""
        self._commentary = False
        """Whether that text comments on the work and is not part of the final answer."""
        self._last: dict[str, tuple[Any, list[str]]] = {}
        """The position and the pieces of the last text, by kind."""
        self._usage: dict[str, Any] = {}

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one event; unknown ones are skipped. Raises `ErrorEventError`."""
        kind = event.get("type")
        if kind == TEXT_DELTA and event.get("output_index") == self._at and event.get("content_index") == self._part:
            text = event.get("delta")
            if text and isinstance(text, str):
                # Nearly every event takes this path, and positional arguments are twice as fast.
                self._pieces.append(text)
                found = ChoiceDelta(text)
                if self._commentary:
                    found.commentary = True
                return [ChatChunk(found, None, None, None, self._id, self._answering)]
        return self._read(text_of(kind), event)

    def _read(self, kind: str, event: dict[str, Any]) -> list[ChatChunk]:
        if not kind and "output" in event:  # a whole response as the only event
            kind, event = "response.completed", {"response": event}
        name, _, stage = kind.removeprefix("response.").rpartition(".")
        if name in PARTS and stage == "done" and (part := _part_named(event)) in TEXTS:
            name, event = part, event | event["part"]
        if name in TEXTS:
            return self._text(name, stage, event)
        if kind == "error" or event.get("error"):
            raise ErrorEventError(event)
        match name, stage:
            case "", _ if kind in ALIVE:
                self._note(dict_of(event.get("response")))
                return [ChatChunk(ChoiceDelta(alive=True))]
            case "function_call_arguments", _:
                return self._arguments(event)
            case "output_item", "added" | "done":
                return self._item(self._index(event), dict_of(event.get("item")))
            case "", "completed" | "incomplete" | "failed" | "cancelled" | "done":
                return self._end({"status": stage} | dict_of(event.get("response")))
        return self._work(name, event)

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a complete response, whose items arrive at once."""
        if answer.get("error"):
            raise ErrorEventError(answer)
        if not isinstance(answer.get("output"), list):
            return []
        return self._end({"status": "completed"} | answer)

    def _note(self, response: dict[str, Any]) -> None:
        self._id = name_of(response.get("id")) or self._id
        self._answering = name_of(response.get("model")) or self._answering

    def _index(self, event: dict[str, Any]) -> int | str:
        """Return a key for an item; some servers send only one of id and index."""
        item_id = text_of(event.get("item_id")) or text_of(dict_of(event.get("item")).get("id"))
        index = event.get("output_index")
        if isinstance(index, int):
            if item_id:
                self._indexes[item_id] = index
            return index
        return self._indexes.get(item_id, item_id)

    def _item_at(self, index: int | str) -> Item:
        """Return the item at `index`, creating it if necessary. Raises `FrameTooLargeError`."""
        if index not in self._items:
            self._kept({"index": index})
            self._items[index] = Item()
        return self._items[index]

    def _text(self, name: str, stage: str, event: dict[str, Any]) -> list[ChatChunk]:
        index = self._index(event)
        number = count_of(event.get("summary_index" if "summary" in name else "content_index")) or 0
        if stage == "delta":
            chunks = self._say(index, name, number, text_of(event.get("delta")))
            if TEXTS[name] == "content":
                self._at, self._part = event.get("output_index"), event.get("content_index")
            return chunks
        whole = text_of(event.get("text")) or text_of(event.get("refusal"))
        seen = "".join(self._items[index].texts.get((name, number), ())) if index in self._items else ""
        return self._say(index, name, number, "".join(missing(seen, [whole])))

    def _say(self, index: int | str, name: str, number: int, text: str) -> list[ChatChunk]:
        """Hand out text of an item; a new message or summary starts a new paragraph."""
        item = self._item_at(index)
        if (name, number) not in item.texts:
            self._kept([name, number])
        pieces = item.texts.setdefault((name, number), [])
        if not text:
            return []
        kind = TEXTS[name]
        place = index, number if kind == "reasoning" else 0
        before, last = self._last.get(kind, (place, pieces))
        paragraph = between(last[-1]) if item.value and before != place else ""
        self._last[kind] = place, pieces
        pieces.append(text)
        if kind == "refusal":
            return self._chunk(ChoiceDelta(refusal=text))
        if kind == "reasoning":
            return self._chunk(ChoiceDelta(reasoning=paragraph + text))
        self._at, self._pieces = _NOWHERE, pieces
        self._commentary = item.value.get("phase") == "commentary"
        return self._chunk(ChoiceDelta(paragraph + text, commentary=self._commentary))

    def _arguments(self, event: dict[str, Any]) -> list[ChatChunk]:
        if isinstance(event.get("arguments"), str):
            name = text_of(event.get("name"))
            self._tools.whole(index=self._index(event), name=name, arguments=event["arguments"])
        else:
            self._tools.add(index=self._index(event), arguments=text_of(event.get("delta")))
        return self._chunk(ChoiceDelta(tool_fragment=True))

    def _item(self, index: int | str, value: dict[str, Any]) -> list[ChatChunk]:
        """Read a new or finished item; text that deltas did not bring is handed out."""
        item = self._item_at(index)
        item.value = self._kept(value)
        if item.type == "function_call":
            self._tools.whole(
                index=index,
                call_id=text_of(value.get("call_id")),
                name=text_of(value.get("name")),
                arguments=value.get("arguments") or "",
            )
            return self._chunk(ChoiceDelta(tool_fragment=True))
        if item.type == PICTURE and value.get("result"):
            self.dropped.add("pictures")
        chunks: list[ChatChunk] = []
        for kind in ("reasoning", "content", "refusal"):
            parts = [part for part in item.parts() if TEXTS[part[0]] == kind]
            rests = missing(item.said(kind), [text for *_, text in parts])
            for (name, number, _), rest in zip(parts, rests, strict=False):
                chunks += self._say(index, name, number, rest)
        return chunks or self._work("output_item", {"output_index": index})

    def _work(self, name: str, event: dict[str, Any]) -> list[ChatChunk]:
        """Read an event with nothing to show; unless about a message, the model is working."""
        if name.startswith("audio"):
            self.dropped.add("audio")
        if "content_index" in event or not event.keys() & {"output_index", "item_id"}:
            return []
        item = self._items.get(self._index(event))
        return [] if item is not None and item.type == "message" else self._chunk(ChoiceDelta(thinking=True))

    def _end(self, response: dict[str, Any]) -> list[ChatChunk]:
        self._note(response)
        usage = self._usage = dict_of(response.get("usage"))
        chunks = [ChatChunk(usage=_usage(usage))] if usage else []
        status = text_of(response.get("status")) or "completed"
        error = response.get("error")
        if error or status == "failed":
            error = error or {"message": "the provider ended the answer with 'failed'"}
            raise ErrorEventError({"error": error}, chunks)
        output = dicts_of(response.get("output"))
        if not output and (text := text_of(response.get("output_text"))):
            output = [{"type": "message", "content": text}]
        chunks = self._rest(output) + chunks
        self.terminated = True
        reason = text_of(dict_of(response.get("incomplete_details")).get("reason"))
        self._finish(reason or status if status == "incomplete" else status, chunks)
        return chunks

    def _rest(self, output: list[dict[str, Any]]) -> list[ChatChunk]:
        """Hand out what only the complete output has: some servers send nothing else."""
        if not self._items:
            return [chunk for index, value in enumerate(output) for chunk in self._item(index, value)]
        chunks: list[ChatChunk] = []
        for kind in ("content", "refusal"):
            parts = [(position, *part) for position, value in enumerate(output) for part in Item(value).parts()]
            parts = [part for part in parts if TEXTS[part[1]] == kind]
            seen = "".join(item.said(kind) for item in self._items.values())
            for (position, name, number, text), rest in zip(
                parts, missing(seen, [text for *_, text in parts]), strict=False
            ):
                index = f"output-{position}" if rest == text else next(reversed(self._items))
                if rest:
                    self._items.setdefault(index, Item(output[position]))
                chunks += self._say(index, name, number, rest) if rest else []
        if not self._tools:
            for position, value in enumerate(output):
                if value.get("type") == "function_call":
                    chunks += self._item(f"output-{position}", value)
        return chunks

    def _judge(self, ending: FinishReason) -> FinishReason:
        """Return LENGTH for an answer that used up its limit: local servers call both completed."""
        ending = super()._judge(ending)
        cap, spent = self._request.options.max_tokens, count_of(self._usage.get("output_tokens"))
        if ending is FinishReason.STOP and cap is not None and spent is not None and spent >= max(cap, LEAST_TOKENS):
            return FinishReason.LENGTH
        return ending

    def _state_of_it(self) -> Any:
        """Return the items in order, unless they are only the message itself: text, then calls."""
        indexes = list(self._items)
        if all(isinstance(index, int) for index in indexes):
            indexes.sort(key=int)
        items = [item for index in indexes if (item := self._items[index].to_send_back()) is not None]
        kinds = [item.get("type") or item.get("phase") or "" for item in items]
        plain = sorted(kind for kind in kinds if kind in ("", "function_call"))
        return None if kinds == plain else items


def _part_named(event: dict[str, Any]) -> str:
    """Return the name that the text of an event's part has in the events of its own."""
    name = text_of(dict_of(event.get("part")).get("type"))
    return SUMMARY if name == "summary_text" else name


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    inputs, outputs = dict_of(usage.get("input_tokens_details")), dict_of(usage.get("output_tokens_details"))
    return CompletionUsage(
        input=count_of(usage.get("input_tokens")),
        output=count_of(usage.get("output_tokens")),
        total=count_of(usage.get("total_tokens")),
        cached=count_of(inputs.get("cached_tokens")),
        # Sent as 0 with every answer, whether or not the model has such a price.
        cache_write=count_of(inputs.get("cache_write_tokens")) or None,
        reasoning=count_of(outputs.get("reasoning_tokens")),
    )
