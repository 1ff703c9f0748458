"""Providers that are asked to continue an answer, and the ways in which they do or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import Role
from fallback_chat.core.engine.seam import anchor_of
from fallback_chat.core.errors import APIStreamError
from tests.core.scripted import STOP, ScriptedLLM, ScriptedStream, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.chat_context import ChatContext

RESET = APIStreamError("connection reset")
OTHER: Final = "An entirely different answer, which says the same in other words and at some length. " * 3

TEXTS: Final = {
    "prose": (
        "A sort is stable when equal elements keep their order. That matters when records are sorted twice: first by "
        "name, then by age. People of the same age stay sorted by name.\n\nMerge sort is stable; quicksort is not."
    ),
    "code": (
        "Here is one way:\n\n```python\ndef by_age(people):\n    return sorted(people, key=lambda one: one.age)\n\n\n"
        "def by_name(people):\n    return sorted(people, key=lambda one: one.name)\n```\n\nBoth are stable.\n"
    ),
    "markdown": (
        "# Sorts\n\n| sort | stable |\n| --- | --- |\n| merge sort | **yes** |\n| quicksort | no |\n\n"
        "1. Use `sorted` first.\n2. Measure.\n   - twice\n   - at least\n3. Then read about *timsort*.\n"
    ),
    "cjk": (
        "安定なソートとは、等しい要素の順序を保つソートのことです。名前で並べ替えてから年齢で並べ替えると、"
        "同じ年齢の人は名前の順のままです。マージソートは安定で、クイックソートは安定ではありません。"
    ),
}


def pieces(text: str, size: int = 6) -> list[Step]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _from_anchor(whole: str, partial: str) -> str:
    """Return the anchor and what follows it."""
    return whole[len(partial.rstrip()) - len(anchor_of(partial) or "") :]


BEHAVIOURS: Final[dict[str, Callable[[str, str], list[Step]]]] = {
    "follows": lambda whole, partial: [*pieces(_from_anchor(whole, partial)), STOP],
    "prefaces": lambda whole, partial: [*pieces("Sure, continuing:\n\n" + _from_anchor(whole, partial)), STOP],
    "repeats more": lambda whole, partial: [
        *pieces(whole[max(0, whole.rfind(" ", 0, max(0, len(partial) - 120)) + 1) :]),
        STOP,
    ],
    "begins again": lambda whole, _: [*pieces(whole), STOP],
    "no anchor": lambda whole, partial: [*pieces(whole[len(partial) :] or "."), STOP],
    "begins anew": lambda _whole, _partial: [*pieces(OTHER), STOP],
    "is empty": lambda _whole, _partial: [STOP],
    "is cut again": lambda whole, partial: [*pieces(_from_anchor(whole, partial))[:8], RESET],
}
FOLLOW: Final = ("follows", "prefaces", "repeats more", "begins again")


class ContinuingLLM(ScriptedLLM):
    """Behaves as told when it is asked to continue, and gives the other answer when it is asked afresh."""

    def __init__(self, label: str, whole: str, behaviour: str) -> None:
        super().__init__(label, [])
        self._whole = whole
        self._behaviour = BEHAVIOURS[behaviour]

    def chat(self, *, chat_ctx: ChatContext, **arguments: Any) -> ScriptedStream:
        last = chat_ctx.messages[-2] if len(chat_ctx.messages) > 1 else None
        asked_to_continue = last is not None and last.role is Role.ASSISTANT
        script = self._behaviour(self._whole, last.text) if asked_to_continue and last else [*pieces(OTHER), STOP]
        self._scripts.clear()
        self._scripts.append(script)
        return super().chat(chat_ctx=chat_ctx, **arguments)
