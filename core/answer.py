"""An answer, put together from its chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, FinishReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.chat_context import ToolCall, VendorExtra
    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.events import AttemptRecord
    from fallback_chat.core.llm import LLM, CompletionUsage

NOT_WHOLE: Final = (
    FinishReason.LENGTH,
    FinishReason.CONTEXT_EXCEEDED,
    FinishReason.PAUSE,
    FinishReason.ERROR,
    FinishReason.OTHER,
)
"""The model was stopped, or ended with a word that nobody knows, which proves nothing."""
REFUSED = (FinishReason.CONTENT_FILTER, FinishReason.REFUSAL)

PART: Final = 1024
"""Characters. Laying out so much takes 0.1 s, whatever it is."""


def parts(chunk: ChatChunk) -> Sequence[ChatChunk]:
    """Cut a chunk with a long text into several of at most PART characters, which say the same one after the other.

    A provider that does not stream gives its whole answer in one; between the parts the reader can see to keys and signals.
    """
    delta = chunk.delta
    if delta is None or delta.content is None or len(delta.content) <= PART:
        return (chunk,)
    texts = [delta.content[start : start + PART] for start in range(0, len(delta.content), PART)]
    first = ChatChunk(delta=ChoiceDelta(content=texts[0], reasoning=delta.reasoning), restarted=chunk.restarted)
    last = replace(chunk, delta=replace(delta, content=texts[-1], reasoning=None), restarted=False)
    return [first, *(ChatChunk(delta=ChoiceDelta(content=text)) for text in texts[1:-1]), last]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one turn."""

    text: str
    reasoning: str
    refusal: str
    tool_calls: tuple[ToolCall, ...]
    extras: tuple[VendorExtra, ...]
    finish_reason: FinishReason | None
    usage: CompletionUsage | None
    attempts: tuple[AttemptRecord, ...]
    llm: LLM | None
    """Who gave it."""
    model: str
    """The model that answered, as the server names it, or the one asked for."""
    finish_raw: str | None = None
    """The provider's own word for `finish_reason`."""
    finish_words: str | None = None
    """Why it ended so, in the provider's own words."""

    @property
    def refused(self) -> bool:
        """The provider would not answer, and says so."""
        return self.finish_reason in REFUSED

    @property
    def complete(self) -> bool:
        """The whole answer is here: the provider said that it ended, and no limit cut it."""
        return self.finish_reason is not None and self.finish_reason not in NOT_WHOLE

    def message(self) -> ChatMessage:
        """Give the answer as a message of the conversation."""
        return ChatMessage(
            Role.ASSISTANT,
            (Text(self.text),) if self.text else (),
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            extras=self.extras,
            complete=self.complete and not self.refused,
            refused=self.refused and not self.refusal,
        )


class AnswerBuilder:
    """Collects the chunks of one `FallbackLLMStream`; what a restart made void is kept apart as `superseded`."""

    def __init__(self) -> None:
        self.superseded = ""
        """Text that was shown and then taken back."""
        self._clear()

    def _clear(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[ToolCall] = []
        self._extras: list[VendorExtra] = []
        self._finish: FinishReason | None = None
        """Until content follows it."""
        self._finish_raw: str | None = None
        self._finish_words: str | None = None
        self._usage: CompletionUsage | None = None
        self._model = ""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    def add(self, chunk: ChatChunk) -> None:
        """Take in one chunk."""
        if chunk.restarted:
            self.superseded = self.text
            self._clear()
        delta = chunk.delta
        if delta is not None:
            if self._finish is not None and (delta.reasoning or delta.refusal or (delta.content or "").strip()):
                self._finish = self._finish_raw = self._finish_words = None
            if delta.content:
                self._text.append(delta.content)
            if delta.reasoning:
                self._reasoning.append(delta.reasoning)
            if delta.refusal:
                self._refusal.append(delta.refusal)
            self._calls.extend(delta.tool_calls)
            for extra in delta.extras:
                # What an answer leaves with an account is one state, which may come again when the answer went on.
                self._extras = [one for one in self._extras if not extra.origin or one.origin != extra.origin]
                self._extras.append(extra)
        if chunk.finish_reason is not None:
            self._finish, self._finish_raw = chunk.finish_reason, chunk.finish_raw
            self._finish_words = chunk.finish_words
        self._usage = chunk.usage or self._usage
        self._model = chunk.model or self._model

    def build(self, stream: FallbackLLMStream) -> Answer:
        """Give what has come so far, whether or not the stream has ended."""
        llm = stream.llm
        return Answer(
            text=self.text,
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            tool_calls=tuple(self._calls),
            extras=tuple(self._extras),
            finish_reason=self._finish,
            finish_raw=self._finish_raw,
            finish_words=self._finish_words,
            usage=self._usage,
            attempts=stream.attempts,
            llm=llm,
            model=self._model or (llm.model if llm else ""),
        )
