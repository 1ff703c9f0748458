"""Reading the chunks of Chat Completions; any key may be null, missing or of another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from fallback_chat.providers.wire.chat_state import ChatState
from fallback_chat.providers.wire.dialect import (
    PLACES,
    ErrorEventError,
    amount_of,
    count_of,
    dict_of,
    dicts_of,
    first_of,
    name_of,
    text_of,
)
from fallback_chat.providers.wire.finish import ending_of
from fallback_chat.providers.wire.quirks import quirks_of
from fallback_chat.providers.wire.reading import PROPER_ENDS, AnswerReader
from fallback_chat.providers.wire.think import ThinkSplitter

if TYPE_CHECKING:
    from fallback_chat.providers.wire.dialect import ChatRequest

DONE: Final = "[DONE] without finish_reason"
"""Replaces the finish of an answer with text and terminator but no finish: it may be whole."""
MEDIA: Final = {"images": "pictures", "audio": "audio", "videos": "videos"}
"""Keys of a delta whose content a terminal cannot show."""
CALLS: Final = ("tool_calls", "function_call")
"""Keys that hold calls; the latter is the older one, of a single call."""
REASONING: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""Keys of a delta that hold reasoning as text; if both are present, they are the same."""
THOUGHTS: Final = ("thinking", "reasoning")
"""Types of a part of the content that is reasoning."""


class ChatReader(AnswerReader):
    """Reads the chunks of one answer."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._think = ThinkSplitter()
        self._state = ChatState(quirks_of(request.settings).reasoning_back, self._allowance)
        self._said: list[str] = []
        """All text so far: some servers repeat it at the end."""
        self._reasoned = False

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one chunk. Raises `ErrorEventError`, also for a finish that means failure."""
        if event.get("error") or event.get("object") == "error":  # the latter: Mistral, old vLLM
            raise ErrorEventError(event)
        if not self._id:
            self._id, self._answering = name_of(event.get("id")), name_of(event.get("model"))
        choice = first_of(event.get("choices"))
        chunks = self._said_by(choice)
        usage = event.get("usage") or choice.get("usage")  # the latter: Moonshot
        if "x_groq" in event:
            usage = _of_groq(dict_of(event["x_groq"]), usage, chunks)
        if isinstance(usage, dict):
            chunks.append(ChatChunk(usage=_usage(usage)))
        raw = choice.get("finish_reason")
        if raw or not chunks:
            self._end(raw or _finish_elsewhere(choice), choice, chunks)
        if not choice and (failure := _reported_beside(event)):
            raise ErrorEventError(failure, chunks)
        return chunks

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a complete answer, whose message is a single delta."""
        choice = first_of(answer.get("choices"))
        if choice:
            message, finish = choice.get("message") or choice.get("delta"), choice.get("finish_reason") or "stop"
            answer = {**answer, "choices": [{**choice, "delta": None, "message": message, "finish_reason": finish}]}
        return self.read(answer)

    def close(self, *, marked: bool) -> list[ChatChunk]:
        """Return what was held back until the end of the body, or its terminator (`marked`).

        Raises `ErrorEventError`.
        """
        chunks = super().close(marked=marked)
        if marked and not self._word and self._text_seen and not self._tools:
            self._finish(DONE, chunks)
        return chunks

    def _said_by(self, choice: dict[str, Any]) -> list[ChatChunk]:
        delta = choice.get("delta")
        if isinstance(delta, dict) and delta:
            content = delta.get("content")
            if self._think.done and content and isinstance(content, str) and len(delta) == 1 and not self._word:
                # Nearly every delta takes this path, and positional arguments are twice as fast.
                self._said.append(content)
                return [ChatChunk(ChoiceDelta(content), None, None, None, self._id, self._answering)]
            return self._chunk(self._delta(delta))
        message = choice.get("message")
        if isinstance(message, dict):
            return self._chunk(self._message(message))
        # A server that was built for the older completions, or without care.
        text = text_of(choice.get("text")) or text_of(delta)
        return self._chunk(self._delta({"content": text})) if text else []

    def _delta(self, delta: dict[str, Any]) -> ChoiceDelta:
        content, reasoning, refusal, sign = delta.get("content"), None, delta.get("refusal"), False
        if isinstance(content, list | dict):
            content, reasoning, sign = _parts(content if isinstance(content, list) else [content])
        text = text_of(content)
        self._said.append(text)
        text, thought = self._think.feed(text)
        details = dicts_of(delta.get("reasoning_details"))
        reasoning = reasoning or next(filter(None, map(delta.get, REASONING)), None) or _texts(details) or thought
        found = ChoiceDelta(text or None, text_of(reasoning) or None, text_of(refusal) or None)
        if pieces := _calls(delta):
            found.tool_fragment = self._tool_pieces(pieces)
        self._state.add(delta)
        self.dropped |= {name for key, name in MEDIA.items() if delta.get(key)}
        self._reasoned = self._reasoned or found.reasoning is not None
        found.thinking = bool(details or sign) and not (found.content or found.reasoning or found.refusal)
        return found

    def _message(self, message: dict[str, Any]) -> ChoiceDelta:
        """Read a complete message; only what earlier deltas lack counts."""
        content, said = message.get("content"), "".join(self._said)
        delta = {key: value for key, value in message.items() if key not in (*REASONING, *CALLS)}
        if not self._reasoned:
            delta |= {key: message.get(key) for key in REASONING}
        if said and isinstance(content, str):
            delta["content"] = "" if content == said else content.removeprefix(said)
        if self._refusal_seen:
            delta["refusal"] = None
        found = self._delta(delta)
        if calls := _calls(message):
            found.tool_fragment = self._tool_pieces(calls, whole=True)
        return found

    def _tool_pieces(self, pieces: Any, *, whole: bool = False) -> bool:
        for piece in dicts_of(pieces):
            function = dict_of(piece.get("function"))
            index = piece.get("index")
            given: dict[str, Any] = {
                "index": index if isinstance(index, int) and not whole else None,
                "call_id": text_of(piece.get("id")),
                "name": text_of(function.get("name")),
                "arguments": function.get("arguments"),
                "extra": piece.get("extra_content"),
            }
            if whole:
                self._tools.whole(**given)
            elif function or given["call_id"]:
                self._tools.add(**given)
        return bool(self._tools)

    def _end(self, raw: Any, choice: dict[str, Any], chunks: list[ChatChunk]) -> None:
        """Read the finish, if any, and an error that some gateways put beside it."""
        if choice.get("error"):
            raise ErrorEventError({"error": choice["error"]}, chunks)
        raw = raw.get("type") if isinstance(raw, dict) else raw  # sglang
        if not isinstance(raw, str) or not raw:
            return
        native = text_of(choice.get("native_finish_reason"))  # OpenRouter: the upstream's own word
        if (
            native
            and ending_of(raw) in PROPER_ENDS
            and ending_of(native) not in (*PROPER_ENDS, FinishReason.OTHER, None)
        ):
            raw = native
        self._finish(raw, chunks)

    def _is_open(self) -> bool:
        return super()._is_open() or self._think.open

    def _left(self, ending: FinishReason) -> str:
        return self._think.flush(whole=ending is FinishReason.STOP)

    def _state_of_it(self) -> Any:
        if not self._tools:
            return None
        beside = {"extra_content": self._tools.extras} if any(self._tools.extras) else {}
        return self._state.message() | beside


def _finish_elsewhere(choice: dict[str, Any]) -> Any:
    """Return the finish that some servers do not call `finish_reason`, or put into the delta."""
    return (
        dict_of(choice.get("delta")).get("finish_reason") or choice.get("finish_details") or choice.get("stop_reason")
    )


def _reported_beside(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return an event without a choice if it reports a failure elsewhere than in `error`."""
    status = dict_of(event.get("base_resp")).get("status_code")  # MiniMax, with 0 for success
    return event if status or any(event.get(place) for place in PLACES if place != "base_resp") else None


def _of_groq(own: dict[str, Any], usage: Any, chunks: list[ChatChunk]) -> Any:
    """Return the usage, which Groq puts elsewhere as well. Raises `ErrorEventError`."""
    if own.get("error"):
        raise ErrorEventError({"error": own["error"]}, chunks)
    return own.get("usage") if usage is None else usage


def _calls(said: dict[str, Any]) -> Any:
    """Return the calls of a delta or a message, or their pieces."""
    single = said.get("function_call")
    return said.get("tool_calls") or ([{"index": 0, "function": single}] if isinstance(single, dict) else None)


def _texts(details: list[dict[str, Any]]) -> str:
    """Return the text of OpenRouter's `reasoning_details`, which mostly repeats `reasoning`."""
    return "".join(text_of(detail.get("text")) or text_of(detail.get("summary")) for detail in details)


def _parts(parts: list[Any]) -> tuple[str, str, bool]:
    """Split typed parts (Mistral's) into text and reasoning, and say whether one is a thought."""
    content, reasoning, thinks = [], [], False
    for part in parts:
        if not isinstance(part, dict):
            content.append(text_of(part))
        elif part.get("type") in THOUGHTS:
            thinks, thinking = True, next(filter(None, map(part.get, (*THOUGHTS, "summary", "text"))), None)
            reasoning.append(text_of(thinking) or "".join(text_of(piece.get("text")) for piece in dicts_of(thinking)))
        else:
            content.append(text_of(part.get("text")))
    return "".join(content), "".join(reasoning), thinks


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    def count(*places: tuple[dict[str, Any], str]) -> int | None:
        return next((found for place, name in places if (found := count_of(place.get(name))) is not None), None)

    prompt = dict_of(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    completion = dict_of(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    given = count((usage, "prompt_tokens"), (usage, "input_tokens"))
    output = count((usage, "completion_tokens"), (usage, "output_tokens"))
    reasoning = count((completion, "reasoning_tokens"), (usage, "reasoning_tokens"))  # the latter: Perplexity
    total = count_of(usage.get("total_tokens"))
    if given is not None and output is not None and reasoning and total == given + output + reasoning:
        output += reasoning  # xAI counts them apart
    return CompletionUsage(
        input=given,
        output=output,
        total=total,
        # OpenAI, DeepSeek, Moonshot
        cached=count((prompt, "cached_tokens"), (usage, "prompt_cache_hit_tokens"), (usage, "cached_tokens")),
        cache_write=count_of(prompt.get("cache_write_tokens")),
        reasoning=reasoning,
        cost=amount_of(usage.get("cost")),  # OpenRouter
    )
