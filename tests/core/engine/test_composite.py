"""The chain as an LLM: who would answer, which models there are, whether one can serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.attempts import AllProvidersFailed, Outcome
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIConnectionError, APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.events import State
from fallback_chat.core.llm import ChatOptions, ModelInfo, ProbeReport
from tests.core.chain import chain_of, states, turn_with
from tests.core.scripted import SILENCE, STOP, FakeClock, Pause, ScriptedLLM, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANSWER: list[Step] = ["Hello", STOP]
LOCKED = APIStatusError("no such key", details=ErrorDetails(status=401))
REFUSED = APIConnectionError("refused")
CHECKED = ProbeReport(ok=True, check="completion")


class Checked(ScriptedLLM):
    """Answers a check as it is told to: with a report, after a while, or by raising."""

    def __init__(self, label: str, *finds: Any, models: Sequence[ModelInfo] | Exception = ()) -> None:
        super().__init__(label, ANSWER)
        self._finds = list(finds)
        self._lists = models
        self.checks: list[tuple[bool, float | None]] = []
        self.warm = 0
        self.learned: list[str] = []

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        self.checks.append((light, timeout))
        for find in self._finds:
            if isinstance(find, Exception):
                raise find
            if isinstance(find, Pause):
                await asyncio.sleep(find.seconds)
            else:
                return find  # type: ignore[no-any-return]
        return CHECKED

    async def list_models(self) -> Sequence[ModelInfo]:
        if isinstance(self._lists, Exception):
            raise self._lists
        return self._lists

    def prewarm(self) -> None:
        self.warm += 1

    def learn(self, models: Iterable[ModelInfo]) -> None:
        self.learned = [one.id for one in models]

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        return "it was asked to" if options and options.reasoning_effort else None


def failed(error: APIConnectionError | APIStatusError) -> ProbeReport:
    return ProbeReport(ok=False, check="completion", error=error)


# Who would answer


async def test_the_active_provider_is_the_first_that_is_available(clock: FakeClock) -> None:
    a, b, c = ScriptedLLM("a", [REFUSED]), ScriptedLLM("b", ANSWER), ScriptedLLM("c", ANSWER)
    chain = chain_of(a, b, c, clock=clock)

    before = (chain.active, chain.model, chain.provider)
    await turn_with(chain)
    after = (chain.active, chain.model, chain.provider)
    for llm in (b, c):
        chain.set_enabled(llm, enabled=False)

    assert (before, after) == ((a, "a-1", "a"), (b, "b-1", "b"))
    assert chain.active is a


async def test_a_sticky_chain_stays_with_whoever_answered_last(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED], ANSWER), ScriptedLLM("b", ANSWER)
    chain = FallbackAdapter([a, b], sticky=True, max_retry_per_llm=0, clock=clock, sleep=clock.sleep)

    await turn_with(chain)
    clock.advance(1_000)

    assert chain.active is b
    assert (await turn_with(chain)).stream.llm is b


async def test_only_the_provider_that_would_be_asked_is_warmed(clock: FakeClock) -> None:
    a, b = Checked("a"), Checked("b")
    chain = chain_of(a, b, clock=clock)

    chain.prewarm()
    chain.set_enabled(a, enabled=False)
    chain.prewarm()
    ScriptedLLM("plain").prewarm()

    assert (a.warm, b.warm) == (1, 1)


@pytest.mark.parametrize(
    ("windows", "window"), [((8, 32), 32), ((None, 32), None), ((8, None), None), ((None, None), None)]
)
def test_the_window_of_a_chain_is_its_largest_where_all_are_known(
    windows: tuple[int | None, ...], window: int | None
) -> None:
    llms = [ScriptedLLM(str(n), context_window=one) for n, one in enumerate(windows)]

    assert FallbackAdapter([FallbackAdapter(llms)]).context_window == window


def test_a_chain_learns_and_thinks_with_its_providers() -> None:
    a, b = ScriptedLLM("a"), Checked("b")
    chain = FallbackAdapter([a, b])

    chain.learn(iter([ModelInfo("a-1", 100), ModelInfo("b-1", 200)]))

    assert (a.context_window, b.learned) == (100, ["a-1", "b-1"])
    assert chain.thinks_silently(ChatOptions(reasoning_effort="high")) == "it was asked to"
    assert chain.thinks_silently() is None


# Whether one can serve


async def test_a_check_of_a_chain_finds_the_first_that_can_serve(clock: FakeClock) -> None:
    a, b, c = Checked("a", failed(LOCKED)), Checked("b", CHECKED), Checked("c")
    chain = chain_of(a, b, c, clock=clock)

    report = await chain.probe(light=True)

    assert report is CHECKED
    assert (a.checks, b.checks, c.checks) == ([(True, None)], [(True, None)], [])
    assert states(chain) == [State.BLOCKED, State.CLOSED, State.CLOSED]


async def test_a_check_that_nobody_passes_names_everybody(clock: FakeClock) -> None:
    chain = chain_of(Checked("a", failed(LOCKED)), Checked("b", REFUSED), Checked("c", ValueError("x")), clock=clock)

    report = await chain.probe()

    error = report.error
    assert isinstance(error, AllProvidersFailed)
    assert str(error) == (
        "no provider of the chain gave an answer after 0.0 s"
        " (a: auth (HTTP 401: no such key); b: connection (refused); c: bug (ValueError: x))"
    )
    assert (report.ok, report.check, error.kind) == (False, "completion", ErrorKind.CONNECTION)


@pytest.mark.parametrize("nothing", [None, True, "ok", {"ok": True}], ids=repr)
async def test_a_check_that_returns_something_else_is_that_providers_failure(nothing: object, clock: FakeClock) -> None:
    report = await chain_of(Checked("a", nothing), clock=clock).probe()

    assert isinstance(report.error, AllProvidersFailed)
    (attempt,) = report.error.attempts
    assert attempt.error is not None
    assert str(attempt.error) == f"probe() must return ProbeReport, not {type(nothing).__name__}"


async def test_a_check_shares_its_time_among_those_that_are_left(clock: FakeClock) -> None:
    llms = [Checked("a", SILENCE), Checked("b", SILENCE), Checked("c", CHECKED)]
    began = asyncio.get_running_loop().time()

    report = await chain_of(*llms, clock=clock).probe(timeout=9)

    assert report is CHECKED
    assert [one.checks for one in llms] == [[(False, 3)], [(False, 3)], [(False, 3)]]
    assert asyncio.get_running_loop().time() - began == 6


async def test_one_that_cannot_be_checked_is_taken_at_its_word_and_its_health_is_left_alone(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED]), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)

    assert await chain.probe() == ProbeReport(ok=True, check="none")
    assert states(chain) == [State.OPEN, State.CLOSED]


async def test_who_is_switched_off_is_neither_checked_nor_asked_for_models(clock: FakeClock) -> None:
    a = Checked("a", models=[ModelInfo("a-1")])
    chain = chain_of(a, clock=clock)
    chain.set_enabled(a, enabled=False)

    report = await chain.probe()

    assert (a.checks, str(report.error)) == ([], "no provider of the chain could be asked")
    assert await chain.list_models() == ()


# Which models there are


async def test_the_models_of_a_chain_are_those_of_all_each_once(clock: FakeClock) -> None:
    a = Checked("a", models=[ModelInfo("x", 10), ModelInfo("y")])
    b, c = Checked("b", models=LOCKED), Checked("c", models=[ModelInfo("x", 20), ModelInfo("z")])

    assert await chain_of(a, b, c, clock=clock).list_models() == (ModelInfo("x", 10), ModelInfo("y"), ModelInfo("z"))


@pytest.mark.parametrize("mishap", [LOCKED, ValueError("x")], ids=repr)
async def test_where_nobody_has_a_list_each_is_named(mishap: Exception, clock: FakeClock) -> None:
    with pytest.raises(AllProvidersFailed) as caught:
        await chain_of(Checked("a", models=mishap), Checked("b", models=LOCKED), clock=clock).list_models()

    assert [(one.provider, one.outcome) for one in caught.value.attempts] == [
        ("a", Outcome.FAILED),
        ("b", Outcome.FAILED),
    ]


async def test_a_chain_within_a_chain_is_checked_and_lists_like_any_llm(clock: FakeClock) -> None:
    a, b = Checked("a", failed(LOCKED)), Checked("b", models=[ModelInfo("b-1")])
    inner = chain_of(a, b, clock=clock)
    outer = FallbackAdapter([inner], clock=clock, sleep=clock.sleep)

    assert await outer.probe() is CHECKED
    assert await outer.list_models() == (ModelInfo("b-1"),)
    assert states(inner) == [State.BLOCKED, State.CLOSED]


@pytest.mark.parametrize(("argument", "value"), [("light", 1), ("timeout", "5"), ("timeout", 0), ("timeout", -1.0)])
async def test_a_check_is_asked_for_with_values_of_the_right_type(argument: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"{argument} must be "):
        await FallbackAdapter([ScriptedLLM("a")]).probe(**{argument: value})
