"""Another provider finishes an answer that broke off (`on_stream_failure = "continue"`).

Many models refuse or misread a trailing assistant message (prefill), so a portable way is used: the
partial answer stays in the conversation, and a user message asks to repeat its last words, the
anchor, and to go on from there. Only text that does so continues the answer (`seam`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fallback_chat.core.attempts import Segment
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.engine.seam import Seam, anchor_of
from fallback_chat.core.llm import ChoiceDelta

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import ChatContext
    from fallback_chat.core.llm import LLM, ChatChunk

INSTRUCTION: Final = (
    "Your answer above was cut off by a technical fault. Begin your reply by repeating exactly the text between the two "
    "marker lines below, character for character and without the markers, and then go straight on with the rest of the "
    "answer. Do not apologise, do not explain, and do not start over.\n"
    "-----\n"
    "{anchor}\n"
    "-----"
)


def continue_from(context: ChatContext, partial: str) -> ChatContext:
    """Return the conversation that asks the next provider to continue `partial`.

    `partial` must have an anchor.
    """
    broken_off = ChatMessage(Role.ASSISTANT, (Text(partial),), complete=False)
    return context.add_message(broken_off).add(Role.USER, INSTRUCTION.format(anchor=anchor_of(partial)))


class Transcript:
    """The text shown in a turn, and which provider gave which part of it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._segments: list[Segment] = []
        self._begun = 0
        self._seam: Seam | None = None
        self.partial = ""
        """The text for the next provider to continue; empty if it starts over."""

    @property
    def length(self) -> int:
        """Characters shown so far."""
        return self._length

    @property
    def is_continuing(self) -> bool:
        """Whether the provider that answers was asked to continue the partial answer."""
        return self._seam is not None

    @property
    def undecided(self) -> bool:
        """Whether the current provider has yet to prove that it continues the partial answer."""
        return self._seam is not None and not self._seam.proven

    def begin(self) -> None:
        """Prepare for the first content of a provider."""
        anchor = anchor_of(self.partial) if self.partial else None
        self._seam = None if anchor is None else Seam(self.partial, anchor)

    def take(self, chunk: ChatChunk) -> ChatChunk:
        """Return `chunk` as it can be shown, and remember its text. Raises `SeamUnprovenError`."""
        delta = chunk.delta
        text = delta.content or "" if delta is not None else ""
        if self._seam is not None and not self._seam.passes:
            text = self._seam.feed(text)
            if chunk.finish_reason is not None:
                self._seam.end()
            chunk = replace(chunk, delta=replace(delta or ChoiceDelta(), content=text or None))
        if text:
            self._pieces.append(text)
            self._length += len(text)
        return chunk

    def end(self) -> None:
        """Note that the provider has finished. Raises `SeamUnprovenError`."""
        if self._seam is not None:
            self._seam.end()

    def can_continue(self) -> bool:
        """Whether enough has been shown to recognise its continuation."""
        return anchor_of("".join(self._pieces)) is not None

    def keep(self, llm: LLM) -> None:
        """Keep the text of a failed provider for the next one to continue."""
        self._note_segment(llm)
        self.partial = "".join(self._pieces)

    def discard(self) -> None:
        """Discard the text shown."""
        self._pieces.clear()
        self._segments.clear()
        self._length = self._begun = 0
        self.partial = ""
        self._seam = None

    def segments(self, llm: LLM | None) -> tuple[Segment, ...]:
        """Return the parts of the answer if more than one provider gave it; `llm` gave the last."""
        if not self._segments or llm is None or self.undecided:
            return ()
        return (*self._segments, Segment(llm.label, llm.model, self._begun, self._length))

    def _note_segment(self, llm: LLM) -> None:
        if self._length > self._begun:
            self._segments.append(Segment(llm.label, llm.model, self._begun, self._length))
            self._begun = self._length
