"""No seam unproven: wherever an answer breaks off and whatever the next provider does, nothing is glued."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.engine.seam import anchor_of
from fallback_chat.core.engine.settings import AttemptSettings, OnStreamFailure
from fallback_chat.core.errors import APIStreamError
from fallback_chat.core.events import StreamContinued, StreamRestarted
from fallback_chat.core.llm import ChatChunk
from tests.core.chain import chain_of, turn_with
from tests.core.engine.continuing import BEHAVIOURS, FOLLOW, OTHER, RESET, TEXTS, ContinuingLLM, pieces
from tests.core.scripted import STOP, FakeClock, ScriptedLLM, call

if TYPE_CHECKING:
    from tests.core.chain import Turn
    from tests.core.scripted import Step
    from tests.sampling import Sample

CONTINUE = AttemptSettings(max_retry_per_llm=0, on_stream_failure=OnStreamFailure.CONTINUE)


async def continued(text: str, cut: int, behaviour: str, **arguments: bool) -> tuple[Turn, ContinuingLLM]:
    first = ScriptedLLM("a", [*pieces(text)[:cut], RESET])
    second = ContinuingLLM("b", text, behaviour)
    return await turn_with(chain_of(first, second, clock=FakeClock(), settings=CONTINUE), **arguments), second


def outcome(turn: Turn, text: str) -> str:
    """Name what came of it; `glued` is what must never be."""
    if turn.error is not None:
        return "marked" if text.startswith(turn.text) else "glued"
    if turn.text == text:
        return "first, at a clean seam" if turn.stream.segments else "first"
    return "second" if turn.text == OTHER else "glued"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_nothing_is_ever_glued(text: str, behaviour: str) -> None:
    outcomes = Counter[str]()
    for cut in range(1, len(pieces(text))):
        turn, _ = await continued(text, cut, behaviour)
        outcomes[outcome(turn, text)] += 1

    expected = {"first, at a clean seam", "second"} if behaviour in FOLLOW else {"first", "second", "marked"}
    assert outcomes.keys() <= expected
    if behaviour in FOLLOW:
        long_enough = sum(
            anchor_of("".join(map(str, pieces(text)[:cut]))) is not None for cut in range(1, len(pieces(text)))
        )
        assert outcomes["first, at a clean seam"] >= 0.9 * long_enough


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_what_cannot_be_taken_back_is_continued_at_a_proven_seam_or_ends_there(
    text: str, behaviour: str, sample: Sample
) -> None:
    for cut in sample(range(1, len(pieces(text))), 15):
        turn, _ = await continued(text, cut, behaviour, can_discard=False)
        partial = "".join(map(str, pieces(text)[:cut]))

        assert not any(chunk.restarted for chunk in turn.chunks)
        assert turn.text == (text if turn.error is None else turn.text)
        assert turn.text.startswith(partial)
        assert text.startswith(turn.text)


async def test_both_providers_are_named_with_the_part_that_each_gave() -> None:
    text = TEXTS["prose"]
    turn, b = await continued(text, 20, "follows")

    assert [(one.provider, one.start, one.end) for one in turn.stream.segments] == [
        ("a", 0, 120),
        ("b", 120, len(text)),
    ]
    assert (turn.stream.llm, turn.record) == (b, [("a", "partial", "stream_error"), ("b", "ok", None)])
    (told,) = [event for event in turn.events if isinstance(event, StreamContinued)]
    assert (told.from_llm.label, told.to_llm.label, told.at) == ("a", "b", 120)


async def test_one_that_does_not_continue_is_asked_once_more_to_start_over() -> None:
    turn, b = await continued(TEXTS["prose"], 20, "no anchor")

    assert (turn.text, len(b.calls)) == (OTHER, 2)
    assert [len(one.chat_ctx.messages) for one in b.calls] == [3, 1]
    assert turn.record == [("a", "partial", "stream_error"), ("b", "failed", "stream_error"), ("b", "ok", None)]
    assert [event.discarded for event in turn.events if isinstance(event, StreamRestarted)] == [120]


async def test_nothing_of_an_unproven_continuation_is_shown() -> None:
    turn, _ = await continued(TEXTS["prose"], 20, "no anchor", can_discard=False)

    assert turn.text == TEXTS["prose"][:120]
    assert turn.error is RESET
    assert turn.stream.llm is not None
    assert turn.stream.llm.label == "a"


async def test_a_short_beginning_is_not_continued_but_started_over() -> None:
    turn, b = await continued(TEXTS["prose"], 4, "follows")

    assert (turn.text, len(b.calls), turn.stream.segments) == (OTHER, 1, ())


async def test_a_text_behind_a_tool_call_is_not_continued(clock: FakeClock) -> None:
    text = TEXTS["prose"]
    a = ScriptedLLM("a", [*pieces(text)[:20], call(), RESET])
    turn = await turn_with(chain_of(a, ContinuingLLM("b", text, "follows"), clock=clock, settings=CONTINUE))

    assert (turn.text, turn.stream.segments) == (OTHER, ())


async def test_an_answer_that_is_cut_twice_is_continued_twice(clock: FakeClock) -> None:
    text = TEXTS["prose"]
    a = ScriptedLLM("a", [*pieces(text)[:12], RESET])
    b = ContinuingLLM("b", text, "is cut again")
    c = ContinuingLLM("c", text, "follows")
    turn = await turn_with(chain_of(a, b, c, clock=clock, settings=CONTINUE))

    assert (turn.text, turn.error) == (text, None)
    assert [one.provider for one in turn.stream.segments] == ["a", "b", "c"]
    assert "".join(text[one.start : one.end] for one in turn.stream.segments) == text


async def test_when_nobody_can_continue_the_beginning_stays_and_is_marked(clock: FakeClock) -> None:
    a = ScriptedLLM("a", [*pieces(TEXTS["prose"])[:20], RESET])
    b = ScriptedLLM("b", [APIStreamError("down")])
    turn = await turn_with(chain_of(a, b, clock=clock, settings=CONTINUE))

    assert (turn.text, turn.error is not None) == (TEXTS["prose"][:120], True)
    assert turn.stream.llm is a


async def test_a_provider_that_finished_after_the_anchor_adds_nothing(clock: FakeClock) -> None:
    text = TEXTS["prose"]
    a = ScriptedLLM("a", [*pieces(text), RESET])
    b = ScriptedLLM("b", [str(anchor_of(text)), STOP])
    turn = await turn_with(chain_of(a, b, clock=clock, settings=CONTINUE))

    assert (turn.text, turn.error) == (text, None)


# A chain within a chain


POLICIES = ("raise", "restart", "continue")


def asking(policy: str) -> AttemptSettings:
    return AttemptSettings(max_retry_per_llm=0, on_stream_failure=policy)  # type: ignore[arg-type]


@pytest.mark.parametrize("can_discard", [True, False])
@pytest.mark.parametrize("inner", POLICIES)
@pytest.mark.parametrize("outer", POLICIES)
@pytest.mark.parametrize("behaviour", ["follows", "begins anew", "is cut again"])
async def test_a_chain_within_a_chain_glues_nothing(
    behaviour: str, outer: str, inner: str, *, can_discard: bool, clock: FakeClock
) -> None:
    text = TEXTS["prose"]
    a, b = ScriptedLLM("a", [*pieces(text)[:20], RESET]), ContinuingLLM("b", text, behaviour)
    within = chain_of(a, b, clock=clock, settings=asking(inner))
    chain = chain_of(within, ContinuingLLM("c", text, "follows"), clock=clock, settings=asking(outer))
    turn = await turn_with(chain, can_discard=can_discard)

    assert any(whole.startswith(turn.text) for whole in (text, OTHER))
    assert turn.error is not None or turn.text in (text, OTHER)
    assert "".join(turn.text[one.start : one.end] for one in turn.stream.segments) in ("", turn.text)
    if not can_discard:
        assert not any(chunk.restarted for chunk in turn.chunks)


async def restarting(*before: Step, can_discard: bool = True, settings: AttemptSettings = CONTINUE) -> Turn:
    """Return a turn in which a provider sends some steps, takes all back, sends a text and breaks off in it."""
    text = TEXTS["prose"]
    a = ScriptedLLM("a", [*before, ChatChunk(restarted=True), *pieces(text)[:20], RESET])
    chain = chain_of(a, ContinuingLLM("b", text, "follows"), clock=FakeClock(), settings=settings)
    return await turn_with(chain, can_discard=can_discard)


async def test_a_text_that_its_provider_took_back_is_no_part_of_what_is_continued() -> None:
    turn = await restarting(*pieces(OTHER))

    assert (turn.text, turn.error) == (TEXTS["prose"], None)
    assert [(one.provider, one.start) for one in turn.stream.segments] == [("a", 0), ("b", 120)]


async def test_a_text_that_cannot_be_taken_back_ends_where_its_provider_starts_over() -> None:
    turn = await restarting("An", "swer.", can_discard=False, settings=asking("raise"))

    assert (turn.text, str(turn.error)) == ("Answer.", "it started over, and what was shown of it cannot be taken back")


async def test_a_provider_that_takes_its_continuation_back_is_asked_to_start_over(clock: FakeClock) -> None:
    text = TEXTS["prose"]
    anchor = str(anchor_of(text[:120]))
    a = ScriptedLLM("a", [*pieces(text)[:20], RESET])
    b = ScriptedLLM("b", [anchor + " and more", ChatChunk(restarted=True), "Something", STOP], [OTHER, STOP])
    turn = await turn_with(chain_of(a, b, clock=clock, settings=CONTINUE))

    assert (turn.text, turn.error, turn.stream.segments) == (OTHER, None, ())


async def test_what_a_provider_takes_back_before_it_has_proven_the_seam_was_never_shown(clock: FakeClock) -> None:
    text = TEXTS["prose"]
    a = ScriptedLLM("a", [*pieces(text)[:20], RESET])
    b = ScriptedLLM(
        "b", ["Well, ", ChatChunk(restarted=True), *pieces(text[text.index(str(anchor_of(text[:120]))) :]), STOP]
    )
    turn = await turn_with(chain_of(a, b, clock=clock, settings=CONTINUE))

    assert (turn.text, turn.error) == (text, None)
    assert not any(chunk.restarted for chunk in turn.chunks)
