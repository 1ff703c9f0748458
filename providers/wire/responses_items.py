"""The items of a Responses answer: what was handed out of each, and how each goes back."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from fallback_chat.core.value import dataclass
from fallback_chat.providers.wire.dialect import dicts_of, text_of

SUMMARY: Final = "reasoning_summary_text"
TEXTS: Final = {
    "output_text": "content",
    "refusal": "refusal",
    SUMMARY: "reasoning",
    "summary_text": "reasoning",
    "reasoning_text": "reasoning",
    # OpenRouter, and gateways after older types
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
    "reasoning_summary": "reasoning",
}
"""The meaning of a text, by its name in an event or as a part of an item."""
PICTURE: Final = "image_generation_call"


@dataclass(slots=True)
class Item:
    """One item of the output, as announced or finished, and its texts handed out."""

    value: dict[str, Any] = field(default_factory=dict)
    texts: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    """The pieces of each text, by its name and its number within the item."""

    @property
    def type(self) -> str:
        """The type of the item; empty before its announcement."""
        return text_of(self.value.get("type"))

    def said(self, kind: str) -> str:
        """Return all text of one kind that was handed out."""
        return "".join(piece for (name, _), pieces in self.texts.items() if TEXTS[name] == kind for piece in pieces)

    def parts(self) -> list[tuple[str, int, str]]:
        """Return name, number and text of every text in the finished item."""
        summary = [(SUMMARY, number, part) for number, part in enumerate(dicts_of(self.value.get("summary")))]
        said = self.value.get("content")
        written = [{"type": "output_text", "text": said}] if isinstance(said, str) else dicts_of(said)
        content = [(text_of(part.get("type")), number, part) for number, part in enumerate(written)]
        return [
            (name, number, text_of(part.get("text")) or text_of(part.get("refusal")))
            for name, number, part in summary + content
            if name in TEXTS
        ]

    def to_send_back(self) -> dict[str, Any] | None:
        """Return the item to send back, or None if it tells the model nothing.

        Calls are part of the message itself.
        """
        match self.type:
            case "function_call":
                return {"type": "function_call"}
            case "reasoning":
                return self._reasoning()
            case "message" | "":
                text, phase = self.said("content"), self.value.get("phase")
                return {"role": "assistant", "content": text} | ({"phase": phase} if phase else {}) if text else None
        return None if self.type == PICTURE else self.value

    def _reasoning(self) -> dict[str, Any] | None:
        """Return sealed or readable reasoning without its status, which servers refuse.

        A summary alone proves nothing.
        """
        streamed = "".join(piece for piece in self.texts.get(("reasoning_text", 0), ()))
        content = self.value.get("content") or ([{"type": "reasoning_text", "text": streamed}] if streamed else None)
        kept = {key: value for key, value in self.value.items() if key not in ("status", "content")}
        return kept | ({"content": content} if content else {}) if content or kept.get("encrypted_content") else None


def between(last: str) -> str:
    """Return what completes a paragraph break after `last`."""
    return "" if last.endswith("\n\n") else "\n" if last.endswith("\n") else "\n\n"
