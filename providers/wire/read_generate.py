"""Reading the responses of Gemini's `generateContent`.

Calls mostly arrive complete, and every count replaces the previous one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage
from fallback_chat.providers.wire.camel_case import camel_case
from fallback_chat.providers.wire.dialect import (
    ErrorEventError,
    count_of,
    dict_of,
    dicts_of,
    first_of,
    name_of,
    text_of,
    total_of,
)
from fallback_chat.providers.wire.partial_args import PartialArguments
from fallback_chat.providers.wire.reading import AnswerReader

if TYPE_CHECKING:
    from fallback_chat.providers.wire.dialect import ChatRequest

_TEXT: Final = {"text", "thought"}
"""Keys of a part that the message itself holds; of thoughts only the seals go back."""
_NUMBERED: Final = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""The finishes by number; Google's interfaces count the later ones differently."""
_UNFINISHED: Final = "{"
"""Stands for arguments still to come: such a call must not run."""


class GenerateReader(AnswerReader):
    """Reads the responses of one answer, whose only end is the end of the body."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._parts: list[dict[str, Any] | list[str]] = []
        """The parts of the answer, in order; a list holds the pieces of one text."""
        self._run: list[str] = []
        """The pieces of the current text."""
        self._partial: PartialArguments | None = None
        self._partials = 0
        self._usage: dict[str, Any] = {}
        self._thoughts = 0
        """Number of thinking tokens so far."""

    def read(self, event: dict[str, Any]) -> list[ChatChunk]:
        """Read one response. Raises `ErrorEventError`, also for a finish that means failure."""
        candidate, usage = first_of(event.get("candidates")), event.get("usageMetadata")
        begun = self.output_started and not self._word and "error" not in event
        if begun and isinstance(usage, dict) and len(candidate) == 2 and "index" in candidate:
            parts = dict_of(candidate.get("content")).get("parts")
            part = dict_of(parts[0]) if isinstance(parts, list) and len(parts) == 1 else {}
            text, thought = part.get("text"), part.get("thought") is True
            if text and isinstance(text, str) and len(part) == 1 + thought:
                # Nearly every response takes this path, and positional arguments are twice as fast.
                self._usage = usage
                if not thought:
                    self._run.append(text)
                delta = ChoiceDelta(None, text) if thought else ChoiceDelta(text)
                return [ChatChunk(delta, None, None, None, self._id, self._answering)]
        return self._read(_plain(event))

    def _read(self, event: dict[str, Any]) -> list[ChatChunk]:
        if not self._id:
            self._id, self._answering = name_of(event.get("responseId")), name_of(event.get("modelVersion"))
        self._usage = dict_of(event.get("usageMetadata")) or self._usage
        if event.get("error"):
            raise ErrorEventError(event, self._counted())
        candidate = first_of(event.get("candidates"))
        delta = self._delta(dict_of(candidate.get("content")).get("parts"))
        if delta.content is None and "finishReason" not in candidate and self._thinks():
            delta.thinking = True
        chunks = self._chunk(delta)
        raw = _word(candidate.get("finishReason")) or _blocked(event)
        if raw or self._word:
            chunks += self._counted()
        if raw:
            blocked = dict_of(event.get("promptFeedback")).get("blockReasonMessage")
            self._explanation = text_of(candidate.get("finishMessage")) or text_of(blocked)
            self._finish(raw, chunks)
        return chunks

    def read_json(self, answer: dict[str, Any]) -> list[ChatChunk]:
        """Read a complete response."""
        answer = _plain(answer)
        return self._read(answer) if answer.keys() & {"error", "candidates", "promptFeedback"} else []

    def _counted(self) -> list[ChatChunk]:
        """Return the latest count, once."""
        usage, self._usage = self._usage, {}
        return [ChatChunk(usage=_usage(usage))] if usage else []

    def _thinks(self) -> bool:
        """Whether the count of thinking tokens has grown since the last response.

        Such a response holds nothing else.
        """
        before, self._thoughts = self._thoughts, count_of(self._usage.get("thoughtsTokenCount")) or self._thoughts
        return self._thoughts > before

    def _delta(self, parts: Any) -> ChoiceDelta:
        found = ChoiceDelta()
        found.content = "".join([self._part(part, found) for part in dicts_of(parts)]) or None
        return found

    def _part(self, part: dict[str, Any], found: ChoiceDelta) -> str:
        """Add the content of a part to `found`, except its text, which is returned."""
        text = text_of(part.get("text"))
        if isinstance(part.get("functionCall"), dict):
            found.tool_fragment = self._call(part["functionCall"], part) or found.tool_fragment
            return text
        media = dict_of(part.get("inlineData"))
        if media:
            kind = text_of(media.get("mimeType")).partition("/")[0]
            self.dropped.add({"audio": "audio", "video": "videos"}.get(kind, "pictures"))
        thought, sealed = part.get("thought") is True, part.keys() - _TEXT
        if sealed and not media:
            self._keep(part)
        elif text and not thought:
            self._run.append(text)
        found.thinking = found.thinking or (not text and bool(thought or sealed))
        if not thought:
            return text
        found.reasoning = (found.reasoning or "") + text or None
        return ""

    def _keep(self, part: dict[str, Any]) -> None:
        """Keep a part as received, after the text before it. Raises `FrameTooLargeError`."""
        if self._run:
            self._parts.append(self._run)
            self._run = []
        self._parts.append(self._kept(part))

    def _call(self, call: dict[str, Any], part: dict[str, Any]) -> bool:
        """Read a call or a piece of one; return whether there was one."""
        if call.get("name"):
            self._partial = (
                PartialArguments(self._allowance) if call.get("willContinue") or call.get("partialArgs") else None
            )
            self._partials += self._partial is not None
        elif self._partial is None:
            return False  # the end of a call that has been read
        given = call.get("args")
        arguments: Any = given if isinstance(given, str) else dict_of(given)
        if self._partial is not None:
            self._partial.add(call.get("partialArgs"))
            arguments = _UNFINISHED if call.get("willContinue") else self._partial.value
        new = self._tools.whole(
            index=None if self._partial is None else self._partials,
            call_id=text_of(call.get("id")),
            name=text_of(call.get("name")),
            arguments=arguments,
        )
        if new:
            self._keep({key: value for key, value in part.items() if key != "functionCall"} | _place(call))
        return True

    def _state_of_it(self) -> Any:
        """Return the parts in order, unless they are only text."""
        if all(isinstance(part, list) for part in self._parts):
            return None
        parts = [*self._parts, self._run] if self._run else self._parts
        return [{"text": "".join(part)} if isinstance(part, list) else part for part in parts]


def _place(call: dict[str, Any]) -> dict[str, Any]:
    """Return a placeholder for a call: only the id is kept, the message has the rest."""
    return {"functionCall": {"id": call["id"]} if call.get("id") else {}}


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return a response in Google's own spelling, without what some gateways wrap it in."""
    return dict_of(camel_case(dict_of(event.get("response")) or event))


def _word(finish: Any) -> str:
    """Return the word of a finish, which may be its number in Google's protocol buffers."""
    if isinstance(finish, int):
        return _NUMBERED[finish] if 0 <= finish < len(_NUMBERED) else str(finish)
    return text_of(finish)


def _blocked(event: dict[str, Any]) -> str:
    """Return why the question itself was blocked."""
    reason = dict_of(event.get("promptFeedback")).get("blockReason")
    return f"blocked:{reason}" if reason else ""


def _usage(usage: dict[str, Any]) -> CompletionUsage:
    reasoning = count_of(usage.get("thoughtsTokenCount"))
    return CompletionUsage(
        input=total_of(count_of(usage.get("promptTokenCount")), count_of(usage.get("toolUsePromptTokenCount"))),
        output=total_of(count_of(usage.get("candidatesTokenCount")), reasoning, 0),
        total=count_of(usage.get("totalTokenCount")),
        cached=count_of(usage.get("cachedContentTokenCount")),
        reasoning=reasoning,
    )
