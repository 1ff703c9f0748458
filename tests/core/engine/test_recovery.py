"""Recovery in the background: who is checked when, at what cost, and what a turn notices of it: nothing."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.engine.policy import DAY
from fallback_chat.core.engine.settings import ChainSettings, Recovery
from fallback_chat.core.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError, ErrorDetails
from fallback_chat.core.events import AvailabilityChangedEvent, LinkChanged, State
from fallback_chat.core.llm import ProbeReport
from tests.core.chain import all_events_of, chain_of, turn_with
from tests.core.scripted import ROLE, SILENCE, STOP, ScriptedLLM, Step

if TYPE_CHECKING:
    from fallback_chat.core.engine.adapter import FallbackAdapter
    from fallback_chat.core.events import Event
    from tests.core.scripted import FakeClock

ANSWER: list[Step] = [ROLE, "Hello", STOP]
REFUSED = APIConnectionError("connection refused")
BUSY = APIStatusError("overloaded", details=ErrorDetails(status=503))
NO_LIST = APIStatusError("not found", details=ErrorDetails(status=404))


def no_route() -> APIConnectionError:
    error = APIConnectionError("the name does not resolve")
    error.no_route = True
    return error


class Patient(ScriptedLLM):
    """A provider whose checks end as `light` and `full` say: None for well, or the failure."""

    def __init__(self, label: str, *scripts: list[Step], machine: str | None = None) -> None:
        super().__init__(label, *scripts)
        self.light: APIError | None = None
        self.full: APIError | None = None
        self.checks: list[tuple[str, float]] = []
        self.hangs = False
        self.cancelled = 0
        self._machine = machine

    @property
    def machine(self) -> str | None:
        return self._machine

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        del timeout
        what = "models" if light else "completion"
        self.checks.append((what, asyncio.get_running_loop().time()))
        try:
            await asyncio.sleep(86_400 if self.hangs else 0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        error = self.light if light else self.full
        return ProbeReport(ok=error is None, check=what, error=error)


class Vague(Patient):
    """A provider whose checks return nothing, or a failure without a reason."""

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        await super().probe(light=light, timeout=timeout)
        return ProbeReport(ok=False, check="models") if light else None


class Watched:
    """A chain of a, which fails its first request, and b, which never does; with its recovery under way."""

    def __init__(self, clock: FakeClock, error: APIError, recovery: Recovery = Recovery.TOKENS) -> None:
        self.a, self.b = Patient("a", [error], ANSWER), Patient("b", ANSWER)
        self.chain = chain_of(self.a, self.b, clock=clock, chain=ChainSettings(recovery=recovery))
        self.events: list[Event] = all_events_of(self.chain)

    async def fail(self) -> None:
        await turn_with(self.chain)
        self.chain.start_recovery()
        self.events.clear()

    @property
    def told(self) -> list[tuple[bool, str | None]]:
        return [(one.available, one.reason) for one in self.events if isinstance(one, AvailabilityChangedEvent)]

    @property
    def checked(self) -> list[str]:
        return [what for what, _ in self.a.checks]


async def test_a_provider_that_can_be_reached_again_is_back_for_free_and_told_once(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()

    await asyncio.sleep(60)
    await it.chain.aclose()

    assert (it.checked, it.told) == (["models"], [(True, "probe")])
    assert 15 <= it.a.checks[0][1] <= 20
    assert it.b.checks == []
    assert len(it.a.calls) == 1  # no question of the user's was sent again


@pytest.mark.parametrize(
    ("error", "light", "checks"),
    [
        (APITimeoutError("silent"), None, ["models", "completion"]),
        (BUSY, None, ["models", "completion"]),
        (BUSY, NO_LIST, ["models", "completion"]),
        (REFUSED, NO_LIST, ["models", "completion"]),
        (APIStatusError("bad key", details=ErrorDetails(status=401)), None, ["models"]),
        (APIStatusError("no such model", details=ErrorDetails(status=404)), None, ["models"]),
    ],
)
async def test_where_the_list_of_models_proves_nothing_a_few_tokens_are_asked_for(
    error: APIError, light: APIError | None, checks: list[str], clock: FakeClock
) -> None:
    it = Watched(clock, error)
    await it.fail()
    it.a.light = light
    clock.advance(DAY)
    it.chain._used_at = clock()

    await asyncio.sleep(10)
    await it.chain.aclose()

    assert (it.checked, it.told) == (checks, [(True, "probe")])


async def test_free_checks_alone_leave_the_proof_to_the_next_turn(clock: FakeClock) -> None:
    it = Watched(clock, BUSY, Recovery.FREE)
    await it.fail()
    await asyncio.sleep(120)

    assert (set(it.checked), it.told) == ({"models"}, [])
    assert len(it.checked) <= 6

    turn = await turn_with(it.chain)
    await it.chain.aclose()
    assert (turn.record[0], it.told) == (("a", "ok", None), [(True, "success")])


async def test_a_clock_that_is_set_back_ten_years_stops_no_checks(clock: FakeClock) -> None:
    it = Watched(clock, BUSY, Recovery.FREE)
    await it.fail()
    await asyncio.sleep(25)
    before = len(it.checked)
    clock.advance(-3650 * DAY)
    it.chain._used_at = clock()
    await asyncio.sleep(10)
    await it.chain.aclose()

    assert (before, len(it.checked)) == (1, 2)


async def test_without_recovery_nobody_is_checked(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED, Recovery.OFF)
    await it.fail()
    await asyncio.sleep(600)
    await it.chain.aclose()

    assert (it.checked, it.told) == ([], [])


async def test_a_provider_that_stays_down_is_checked_more_and_more_rarely_and_no_event_is_told(
    clock: FakeClock,
) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.a.light = REFUSED

    await asyncio.sleep(1700)
    await it.chain.aclose()
    times = [at for _, at in it.a.checks]
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(times)]

    assert pauses[:4] == [30, 60, 120, 240]
    assert set(pauses[4:]) <= {300, 305}
    assert it.told == []


async def test_no_more_than_64_tokens_an_hour_are_spent(clock: FakeClock) -> None:
    it = Watched(clock, BUSY)
    await it.fail()
    it.a.full = BUSY

    for _ in range(12):
        it.chain._used_at = clock()  # the user goes on asking
        await asyncio.sleep(300)
    await it.chain.aclose()

    assert it.checked.count("completion") == 4
    assert it.checked.count("models") > 4


async def test_nothing_is_begun_while_an_answer_is_awaited(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.b._scripts.clear()
    it.b._scripts.append([SILENCE])
    turn = asyncio.ensure_future(turn_with(it.chain, only=it.b))

    await asyncio.sleep(9)
    clock.advance(30)
    await asyncio.sleep(0.5)
    assert it.checked == []

    await turn
    await asyncio.sleep(10)
    await it.chain.aclose()
    assert it.checked == ["models"]


async def test_a_round_under_way_ends_when_an_answer_is_awaited(clock: FakeClock) -> None:
    a, b, c = Patient("a", [REFUSED]), Patient("b", [REFUSED]), Patient("c", ANSWER, [SILENCE])
    chain = chain_of(a, b, c, clock=clock)
    await turn_with(chain)
    chain.start_recovery()
    a.hangs = True
    await asyncio.sleep(22)
    turn = asyncio.ensure_future(turn_with(chain, only=c))

    await asyncio.sleep(9)  # the check of a is over, the turn is not
    assert (len(a.checks), len(b.checks)) == (1, 0)

    await turn
    await asyncio.sleep(10)
    await chain.aclose()
    assert len(b.checks) == 1


async def test_it_ends_half_an_hour_after_the_last_question_and_goes_on_with_the_next_one(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.a.light = REFUSED
    await asyncio.sleep(3600)
    before = len(it.checked)
    await asyncio.sleep(3600)
    assert len(it.checked) == before

    await turn_with(it.chain, only=it.b)
    await asyncio.sleep(10)
    await it.chain.aclose()

    assert len(it.checked) == before + 1


async def test_closing_cancels_a_check_awaits_it_and_hands_the_trial_back(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.a.hangs = True
    await asyncio.sleep(22)

    await it.chain.aclose()

    assert (it.a.cancelled, it.chain.health(it.a).state) == (1, State.OPEN)
    assert it.chain.health(it.a).is_due(clock())


async def test_a_check_that_hangs_ends_after_ten_seconds_and_counts(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.a.hangs = True
    await asyncio.sleep(40)
    await it.chain.aclose()

    assert (it.checked, it.chain.health(it.a).reason, it.chain.health(it.a).opens) == (["models"], "timeout", 2)


async def test_a_check_that_does_not_say_what_it_found_counts_as_failed_and_is_repeated(clock: FakeClock) -> None:
    a, b = Vague("a", [BUSY], ANSWER), Patient("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    chain.start_recovery()

    await asyncio.sleep(60)
    await chain.aclose()

    assert [what for what, _ in a.checks] == ["models", "completion"] * 2
    assert (chain.health(a).state, chain.health(a).reason) == (State.OPEN, "bug")


async def test_a_provider_that_knows_no_check_is_left_to_the_next_turn(clock: FakeClock) -> None:
    a, b = ScriptedLLM("a", [REFUSED], ANSWER), ScriptedLLM("b", ANSWER)
    chain = chain_of(a, b, clock=clock)
    await turn_with(chain)
    chain.start_recovery()

    await asyncio.sleep(60)
    turn = await turn_with(chain)
    await chain.aclose()

    assert turn.record == [("a", "ok", None)]


async def test_a_library_that_does_not_ask_for_it_has_no_task(clock: FakeClock) -> None:
    chain = chain_of(Patient("a", ANSWER), clock=clock)
    before = asyncio.all_tasks()
    await turn_with(chain)

    assert asyncio.all_tasks() == before
    await chain.aclose()


# The link


def remote(label: str, *scripts: list[Step]) -> Patient:
    return Patient(label, *scripts, machine=f"{label}.example:443")


async def failed_offline(chain: FallbackAdapter) -> list[LinkChanged]:
    turn = await turn_with(chain)
    return [one for one in turn.events if isinstance(one, LinkChanged)]


async def test_when_no_name_resolves_nobody_is_to_blame_and_it_is_told_once(clock: FakeClock) -> None:
    chain = chain_of(remote("a", [no_route()]), remote("b", [no_route()]), clock=clock)

    first, second = await failed_offline(chain), await failed_offline(chain)

    assert (first, second) == ([LinkChanged(offline=True)], [])
    assert [chain.health(llm).state for llm in chain.llms] == [State.CLOSED, State.CLOSED]


async def test_offline_a_server_on_this_machine_answers_and_is_asked_first_from_then_on(clock: FakeClock) -> None:
    a, b = remote("a", [no_route()]), Patient("b", ANSWER, machine="local")
    chain = chain_of(a, b, clock=clock)

    assert await failed_offline(chain) == [LinkChanged(offline=True, next=b)]
    await turn_with(chain)

    assert (len(a.calls), len(b.calls), chain.health(a).state) == (1, 2, State.CLOSED)


@pytest.mark.parametrize("second", [ANSWER, [BUSY], [REFUSED]])
async def test_as_soon_as_anything_comes_from_elsewhere_the_one_that_did_not_resolve_is_to_blame(
    second: list[Step], clock: FakeClock
) -> None:
    a, b = remote("a", [no_route()]), remote("b", second)
    chain = chain_of(a, b, clock=clock)

    assert await failed_offline(chain) == []
    assert (chain.health(a).state, chain.health(a).reason) == (State.OPEN, "connection")


async def test_a_name_that_does_not_resolve_before_a_local_server_counts_where_others_were_not_tried(
    clock: FakeClock,
) -> None:
    a, b, c = remote("a", [no_route()]), Patient("b", ANSWER, machine="local"), remote("c", ANSWER)
    chain = chain_of(a, b, c, clock=clock)

    assert await failed_offline(chain) == []
    assert chain.health(a).state is State.OPEN


async def test_back_online_is_found_out_in_the_background_and_told(clock: FakeClock) -> None:
    a, b = remote("a", [no_route()], ANSWER), Patient("b", ANSWER, machine="local")
    chain = chain_of(a, b, clock=clock)
    events = all_events_of(chain)
    await turn_with(chain)
    a.light = no_route()
    chain.start_recovery()
    events.clear()
    await asyncio.sleep(100)
    assert (events, b.checks) == ([], [])
    a.light = None

    await asyncio.sleep(31)
    turn = await turn_with(chain)
    await chain.aclose()

    assert events[0] == LinkChanged(offline=False)
    assert turn.record == [("a", "ok", None)]


async def test_a_turn_that_gets_through_says_that_the_link_is_back(clock: FakeClock) -> None:
    a = remote("a", [no_route()], ANSWER)
    chain = chain_of(a, clock=clock)
    await turn_with(chain)

    assert await failed_offline(chain) == [LinkChanged(offline=False)]


async def test_a_check_that_does_not_get_through_blames_nobody(clock: FakeClock) -> None:
    it = Watched(clock, REFUSED)
    await it.fail()
    it.a.light = no_route()

    await asyncio.sleep(60)
    await it.chain.aclose()

    assert [one for one in it.events if isinstance(one, LinkChanged)] == [LinkChanged(offline=True)]
    assert it.chain.health(it.a).opens == 1
