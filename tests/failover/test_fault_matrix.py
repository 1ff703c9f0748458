"""Every fault in every wire format, streamed and plain: whatever the first server does, nobody is shown a wrong answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.llm import ChatOptions, FinishReason
from fallback_chat.providers.simulator import FAULTS, Manner, Where
from fallback_chat.providers.simulator.documents import STATUS_BODIES
from fallback_chat.providers.simulator.steps import COMMENT, REFUSAL, SEPARATORS
from fallback_chat.providers.wire.known_models import SHOWS
from tests.failover.chains import FAULTY_TEXT, HEALTHY_TEXT, SIMULATED, ask, chain

if TYPE_CHECKING:
    from fallback_chat.providers.simulator import Fault
    from tests.failover.chains import Turn
    from tests.sampling import Sample

FAILOVER, ANSWER, PARTIAL, LENGTH, LABELLED, CALL = "failover", "answer", "partial", "length", "labelled", "call"
TEXTS: Final = {
    "separators": SEPARATORS,
    "utf8-cut": SEPARATORS,
    "lone-surrogate": "Wrong\N{REPLACEMENT CHARACTER}",
    "token-filter": "Wrong",
    "refusal": REFUSAL,
    "commentary": f"{COMMENT}\n\n{FAULTY_TEXT}",
}
"""Whole answers with a text of their own."""
HALF: Final = "Wrong words from"
MEANINGS: Final = {
    "length": LENGTH,
    "filter": LABELLED,
    "token-filter": LABELLED,
    "refusal": LABELLED,
    "tool-call": CALL,
    "cancelled": PARTIAL,
    "unheard-of": PARTIAL,
}
HEAVY: Final = {"long-line", "gzip-bomb", "head-huge", "empty-events", "deep-json"}
"""Megabytes each: not a matter of the format, and tested for one in test_faults.py."""
UNKNOWN: Final = {"gemini": {"done-text"}}
"""Text after a terminator that the format does not have is a part of the answer like any other."""
MEANT: Final = {
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.MODEL_NOT_FOUND,
    429: ErrorKind.RATE_LIMITED,
    500: ErrorKind.SERVER_ERROR,
    503: ErrorKind.OVERLOADED,
}
"""What a status means without a word that says more."""
GROUPS: Final = [where for where in Where if where is not Where.STATUS]

OLLAMA: Final = {"filter": FAILOVER, "token-filter": ANSWER, "refusal": ANSWER, "done-text": ANSWER}
"""Its server has neither filter nor refusal: words are words, and an end without words is empty.
A document says that it ends, so that nothing behind it counts."""
NOT_PLAIN: Final = {"no-close", "finish-hang", "finish-reset", "done-reset", "done-text", "thinking-long"}
"""Whole as a stream only: a document is whole when it has ended, has nothing after it, and does not show thinking."""


def expected(fault: Fault, kind: str, *, stream: bool) -> str:
    """Say what must come of a fault."""
    meaning = (OLLAMA if kind == "ollama" else {}).get(fault.name) or MEANINGS.get(fault.name)
    if meaning:
        return meaning
    if fault.name == "thinking-unseen":
        return ANSWER if stream and kind in SHOWS else FAILOVER
    if fault.whole:
        return ANSWER if stream or fault.name not in NOT_PLAIN else FAILOVER
    return PARTIAL if stream and fault.where is Where.AFTER_TEXT else FAILOVER


def outcome(turn: Turn, fault: Fault) -> str:
    """Say what did come of it."""
    if turn.error is not None:
        kind = turn.error.kind
        begun = HALF if fault.name == "half-close" else "Wrong"
        return PARTIAL if turn.text == begun and kind is not ErrorKind.BUG else f"{kind} after {turn.text!r}"
    if turn.text == HEALTHY_TEXT and turn.attempts[0][1] == "failed":
        return FAILOVER if turn.attempts[0][2] is not ErrorKind.BUG else "bug"
    if turn.finish in (FinishReason.CONTENT_FILTER, FinishReason.REFUSAL):
        return LABELLED
    if turn.finish in (FinishReason.LENGTH, FinishReason.OTHER) and turn.text == "Wrong":
        return LENGTH if turn.finish is FinishReason.LENGTH else PARTIAL
    if turn.finish is FinishReason.TOOL_CALLS and not turn.text:
        return CALL
    whole = turn.text == TEXTS.get(fault.name, FAULTY_TEXT)
    return ANSWER if whole and turn.finish is FinishReason.STOP else f"{turn.finish} with {turn.text!r}"


async def come_of(fault: Fault, kind: str, *, stream: bool) -> str:
    manner = Manner(delay=0.9, tick=0.02)
    async with chain(
        fault.name, "ok", kind=kind, manner=manner, attempt_timeout=0.6, idle_timeout=0.6, thinking_timeout=1.0
    ) as it:
        turn = await ask(it.adapter, options=ChatOptions(stream=stream))
        assert it.rejected == []
        return outcome(turn, fault)


@pytest.mark.parametrize("where", GROUPS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("kind", SIMULATED)
async def test_whatever_the_first_server_does_the_user_gets_what_is_promised(
    kind: str, stream: bool, where: Where, sample: Sample
) -> None:
    left_out = HEAVY | UNKNOWN.get(kind, set())
    faults = sample([fault for fault in FAULTS.values() if fault.where is where and fault.name not in left_out], 6)

    outcomes = await asyncio.gather(*(come_of(fault, kind, stream=stream) for fault in faults))

    assert dict(zip((fault.name for fault in faults), outcomes, strict=True)) == {
        fault.name: expected(fault, kind, stream=stream) for fault in faults
    }


@pytest.mark.parametrize("kind", SIMULATED)
async def test_every_status_from_400_to_599_fails_over(kind: str, sample: Sample) -> None:
    statuses = sample(range(400, 600), 10)
    results = {}
    for status in statuses:
        async with chain(str(status), "ok", kind=kind) as it:
            turn = await ask(it.adapter)
            results[status] = (turn.text, turn.attempts[0][1], it.asked)

    assert results == {status: (HEALTHY_TEXT, "failed", [1, 1]) for status in statuses}


@pytest.mark.parametrize("kind", SIMULATED)
@pytest.mark.parametrize("form", STATUS_BODIES)
async def test_a_status_means_the_same_whatever_body_it_has(kind: str, form: str, sample: Sample) -> None:
    kinds = {}
    for status in sample(list(MEANT), 3):
        async with chain(f"{status}-{form}", "ok", kind=kind) as it:
            turn = await ask(it.adapter)
            kinds[status] = turn.attempts[0][2]

    assert kinds == {status: MEANT[status] for status in kinds}
