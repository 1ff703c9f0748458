"""The chunks that wait for the first content: nothing is lost or reordered, and there is a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.engine import held
from fallback_chat.core.engine.held import HeldChunks
from fallback_chat.core.errors import APIStreamError
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from tests.core.scripted import FRAGMENT, ROLE, call

PIECES = st.one_of(
    st.text("a \n", max_size=3).map(lambda piece: ChatChunk(ChoiceDelta(content=piece))),
    st.text("rs", max_size=3).map(lambda piece: ChatChunk(ChoiceDelta(reasoning=piece))),
    st.sampled_from([ROLE, FRAGMENT, ChatChunk(usage=CompletionUsage(1, 2)), call()]),
    st.just(ChatChunk(finish_reason=FinishReason.STOP)),
)


def said(chunks: list[ChatChunk]) -> list[tuple[str, object]]:
    """Return what is said in order, neighbours of one sort as one."""
    told: list[tuple[str, object]] = []
    for chunk in chunks:
        for name in ("content", "reasoning"):
            text = getattr(chunk.delta, name, None)
            if text and told and told[-1][0] == name:
                told[-1] = (name, f"{told[-1][1]}{text}")
            elif text:
                told.append((name, text))
        if chunk.usage or chunk.finish_reason or (chunk.delta and chunk.delta.tool_calls):
            told.append(("other", (chunk.usage, chunk.finish_reason)))
    return told


@given(st.lists(PIECES, max_size=40), st.integers(0, 10))
def test_nothing_is_lost_or_reordered(chunks: list[ChatChunk], join_from: int) -> None:
    before, held_from = said(chunks), held.JOIN_FROM
    held.JOIN_FROM = join_from  # type: ignore[misc]
    try:
        queue = HeldChunks()
        for chunk in chunks:
            queue.append(chunk)
        taken = []
        while queue:
            taken.append(queue.popleft())
    finally:
        held.JOIN_FROM = held_from  # type: ignore[misc]

    assert said(taken) == before


def test_many_tiny_thoughts_take_few_chunks() -> None:
    queue = HeldChunks()
    for _ in range(100_000):
        queue.append(ChatChunk(ChoiceDelta(reasoning="r")))

    assert len(queue._chunks) <= held.JOIN_FROM + 1


def fill(queue: HeldChunks, chunk: ChatChunk) -> None:
    for _ in range(held.MOST_CHUNKS + 1):
        queue.append(chunk)


@pytest.mark.parametrize(
    "chunk", [call(), ChatChunk(usage=CompletionUsage(1, 2)), ChatChunk(ChoiceDelta(reasoning="r" * 70_000_000))]
)
def test_too_much_without_an_answer_is_a_failure(chunk: ChatChunk) -> None:
    queue = HeldChunks()

    with pytest.raises(APIStreamError, match="too much arrived without an answer"):
        fill(queue, chunk)


@pytest.mark.parametrize(
    "chunk", [FRAGMENT, ROLE, ChatChunk(ChoiceDelta(content=" ")), ChatChunk(ChoiceDelta(reasoning="r"))]
)
def test_signs_of_life_do_not_go_on_for_ever(chunk: ChatChunk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_PIECES", 1000)
    queue = HeldChunks()
    for _ in range(1000):
        queue.append(chunk)

    with pytest.raises(APIStreamError, match="too much arrived without an answer"):
        queue.append(chunk)


def test_text_is_measured_by_the_memory_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_TEXT", 3000)
    HeldChunks().append(ChatChunk(ChoiceDelta(reasoning="r" * 2000)))

    with pytest.raises(APIStreamError):
        HeldChunks().append(ChatChunk(ChoiceDelta(reasoning="\U0001f600" * 1000)))
