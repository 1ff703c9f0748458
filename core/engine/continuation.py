"""Having another provider finish an answer that broke off (`on_stream_failure = "continue"`).

Literal continuation of a trailing assistant message is refused or misread by many models, so the portable way is taken: the
partial answer stays in the conversation and a user message asks to go on. What the next model repeats of it is trimmed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.llm import ChoiceDelta

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import ChatContext
    from fallback_chat.core.llm import ChatChunk

INSTRUCTION: Final = (
    "Your answer above was cut off by a technical fault. Go on exactly where it ends, in the same form. "
    "Repeat nothing of it, and say nothing about the interruption."
)
WINDOW: Final = 240
"""Characters within which a repetition is looked for."""
LEAST_ECHO: Final = 4
"""Characters, blanks not counted; what overlaps by less is chance."""


def continue_from(context: ChatContext, partial: str) -> ChatContext:
    """Give the conversation in which the next provider is asked to go on after `partial`."""
    broken_off = ChatMessage(Role.ASSISTANT, (Text(partial),), complete=False)
    return context.add_message(broken_off).add(Role.USER, INSTRUCTION)


class EchoTrimmer:
    """Cuts from the beginning of a text what repeats the end of `partial`, blanks apart; the rest passes unchanged."""

    def __init__(self, partial: str) -> None:
        self._end = _squeeze(partial)[-WINDOW:]
        self._held = ""
        self._decided = False

    def feed(self, text: str) -> str:
        """Take the next piece; give what can be shown."""
        if self._decided:
            return text
        self._held += text
        begun = _squeeze(self._held)
        may_still_echo = len(begun) < WINDOW and any(
            self._end.startswith(begun, start) for start in range(len(self._end))
        )
        return "" if may_still_echo else self.flush()

    def flush(self) -> str:
        """Give what was held back, at the end of the text."""
        self._decided = True
        held, self._held = self._held, ""
        begun = _squeeze(held)
        longest = min(len(begun), len(self._end))
        echo = next((n for n in range(longest, LEAST_ECHO - 1, -1) if self._end.endswith(begun[:n])), 0)
        return _without(held, echo)


class Transcript:
    """The text that a turn has shown, kept in case another provider has to go on with it."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._trimmer: EchoTrimmer | None = None
        self.partial = ""
        """What the next provider is to continue; empty where it begins anew."""

    @property
    def length(self) -> int:
        """Characters shown so far."""
        return sum(map(len, self._shown))

    def begin(self) -> None:
        """A provider has committed: what it repeats of `partial` is trimmed."""
        self._trimmer = EchoTrimmer(self.partial) if self.partial else None

    def take(self, chunk: ChatChunk) -> ChatChunk:
        """Give `chunk` as it can be shown, and remember its text."""
        text = chunk.delta.content or "" if chunk.delta is not None else ""
        if self._trimmer is not None:
            text = self._trimmer.feed(text)
            if chunk.finish_reason is not None:
                text += self._trimmer.flush()
            chunk = replace(chunk, delta=replace(chunk.delta or ChoiceDelta(), content=text or None))
        self._shown.append(text)
        return chunk

    def rest(self) -> str:
        """Give what is still held back at the end of the answer."""
        return self._trimmer.flush() if self._trimmer is not None else ""

    def break_off(self, *, keep: bool) -> None:
        """The provider failed: the next one continues what was shown (`keep`), or it is void."""
        if not keep:
            self._shown.clear()
        self.partial = "".join(self._shown)


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _without(text: str, count: int) -> str:
    """Drop the first `count` characters that are no blanks, and the blanks between them."""
    position = 0
    while count:
        count -= not text[position].isspace()
        position += 1
    return text[position:]
