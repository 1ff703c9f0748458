"""A long text that comes in one piece is taken part by part."""

from __future__ import annotations

import pytest

from fallback_chat.core.answer import PART, AnswerBuilder, parts
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason

USAGE = CompletionUsage(input=1, output=2)


def answer(text: str, *, restarted: bool = False) -> ChatChunk:
    delta = ChoiceDelta(content=text, reasoning="Hm.", role="assistant")
    return ChatChunk(delta, USAGE, FinishReason.STOP, "stop", "id-1", "model-1", restarted)


def built(chunks: list[ChatChunk]) -> dict[str, object]:
    builder = AnswerBuilder()
    builder.add(ChatChunk(delta=ChoiceDelta(content="before")))
    for chunk in chunks:
        builder.add(chunk)
    return vars(builder) | {"_text": builder.text, "_reasoning": "".join(builder._reasoning)}


@pytest.mark.parametrize("chunk", [answer("x" * PART), answer(""), ChatChunk(usage=USAGE)])
def test_what_is_short_stays_as_it_is(chunk: ChatChunk) -> None:
    (only,) = parts(chunk)
    assert only is chunk


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("size", [PART + 1, 2 * PART, 5 * PART - 1])
def test_what_is_long_says_the_same_in_parts(size: int, restarted: bool) -> None:
    chunk = answer("".join(chr(65 + n % 26) for n in range(size)), restarted=restarted)
    several = list(parts(chunk))
    assert [len(part.delta.content or "") <= PART for part in several if part.delta] == [True] * -(-size // PART)
    assert built(several) == built([chunk])
    assert [part.finish_reason for part in several[:-1]] == [None] * (len(several) - 1)
