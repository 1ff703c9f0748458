"""The circuit breaker, alone: the clock is a number."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from fallback_chat.core.engine import breaker
from fallback_chat.core.engine.breaker import Health, Permit, Result
from fallback_chat.core.engine.policy import DAY, Verdict
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import State
from tests.sampling import examples

NOW = 1_000_000_000.0
LEASE = 20.0
FAILED = Result(Verdict.OPEN, reason=ErrorKind.SERVER_ERROR)
EMPTY = Result(Verdict.OPEN_ON_REPEAT, reason=ErrorKind.EMPTY)
SUCCEEDED = Result(Verdict.SUCCESS)
CANCELLED = Result(Verdict.NEUTRAL)
BLOCKED = Result(Verdict.BLOCK, reason=ErrorKind.AUTH)


def asked(health: Health, result: Result, now: float = NOW) -> Health:
    """Send one request in the ordinary way and settle it with `result`."""
    health, permit = breaker.admit(health, now, LEASE)
    assert permit is not None
    return breaker.settle(health, permit, result, now)


def asked_as_last_resort(health: Health, result: Result, now: float = NOW) -> Health:
    permit = breaker.force(health)
    assert permit is not None
    return breaker.settle(health, permit, result, now)


def on_trial(opens: int = 1) -> Health:
    health = Health(State.OPEN, "server_error", since=NOW - 15, until=NOW, opens=opens, failures=1)
    return breaker.admit(health, NOW, LEASE)[0]


def test_every_state_knows_every_verdict() -> None:
    assert set(breaker.TRANSITIONS) == set(itertools.product(State, Verdict))


def test_a_failure_opens_at_once_when_another_can_be_asked() -> None:
    assert asked(Health(), FAILED) == Health(
        State.OPEN, "server_error", since=NOW, until=NOW + 15, opens=1, failures=1, generation=1
    )


def test_a_lone_provider_opens_only_after_three_failures_in_a_row() -> None:
    alone = FAILED._replace(alone=True)
    health, states = Health(), []

    for _ in range(3):
        health = asked(health, alone)
        states.append(health.state)

    assert states == [State.CLOSED, State.CLOSED, State.OPEN]


def test_a_success_in_between_starts_the_count_anew() -> None:
    health = Health()

    for result in (FAILED, FAILED, SUCCEEDED, FAILED, FAILED):
        health = asked(health, result._replace(alone=True))

    assert health.state is State.CLOSED


def test_two_empty_answers_in_a_row_open() -> None:
    once = asked(Health(), EMPTY)
    twice = asked(once, EMPTY)

    assert (once.state, twice.state, twice.reason) == (State.CLOSED, State.OPEN, "empty")


def test_two_empty_answers_with_a_whole_one_in_between_do_not() -> None:
    health = asked(asked(asked(Health(), EMPTY), SUCCEEDED), EMPTY)

    assert health.state is State.CLOSED


@pytest.mark.parametrize(
    ("opens", "jitter", "retry_after", "seconds"),
    [
        (0, 0, None, 15),
        (1, 0, None, 30),
        (4, 0, None, 240),
        (5, 0, None, 300),
        (10_000, 0, None, 300),
        (0, 1, None, 18),
        (0, -1, None, 12),
        (9, 1, None, 300),
        (0, -1, 3, 3),
        (0, 0, 7, 7.5),
        (0, 1, 7, 8),
        (0, -1, 4000, 4000),
        (1, 0, 3, 15),
        (2, 0, 3, 30),
        (2, 0, 4000, 4000),
        (0, 0, 0, 15),
        (0, 0, -9, 15),
        (0, 0, float("nan"), 15),
    ],
)
def test_a_rest_follows_its_formula(opens: int, jitter: float, retry_after: float | None, seconds: float) -> None:
    assert breaker.rest(opens, jitter=jitter, retry_after=retry_after) == seconds


@given(st.integers(0, 50), st.floats(-1, 1), st.none() | st.floats(0, 1e6))
def test_a_rest_is_bounded_by_what_the_provider_asks_for(opens: int, jitter: float, retry_after: float | None) -> None:
    seconds = breaker.rest(opens, jitter=jitter, retry_after=retry_after)

    least = retry_after if retry_after and not opens else max(12, retry_after or 0)
    assert least <= seconds <= max(300, (retry_after or 0) + 1)


def test_nobody_is_let_in_before_the_time_is_over_and_one_after_it() -> None:
    opened = asked(Health(), FAILED)

    early, refused = breaker.admit(opened, NOW + 14.9, LEASE)
    trying, permit = breaker.admit(opened, NOW + 15, LEASE)
    _, second = breaker.admit(trying, NOW + 34.9, LEASE)

    assert (early, refused) == (opened, None)
    assert (trying.state, trying.until, permit) == (State.HALF_OPEN, NOW + 35, Permit(2, half_open=True))
    assert second is None


def test_a_lease_that_lapsed_goes_to_the_next_and_the_former_holder_has_no_say() -> None:
    trying, first = breaker.admit(asked(Health(), FAILED), NOW + 15, LEASE)
    again, second = breaker.admit(trying, NOW + 35, LEASE)
    assert first is not None
    assert second is not None

    assert breaker.settle(again, first, SUCCEEDED, NOW + 36) == again
    assert breaker.settle(again, second, SUCCEEDED, NOW + 36).state is State.CLOSED


def test_a_holder_who_is_at_work_keeps_the_lease_for_a_long_answer() -> None:
    trying, first = breaker.admit(asked(Health(), FAILED), NOW + 15, LEASE)
    assert first is not None
    at_work = breaker.renew(trying, first, NOW + 20, 300)

    assert breaker.admit(at_work, NOW + 35, LEASE) == (at_work, None)
    assert breaker.settle(at_work, first, SUCCEEDED, NOW + 90).state is State.CLOSED
    assert breaker.renew(Health(), first, NOW, 300) == Health()
    lapsed, _ = breaker.admit(trying, NOW + 35, LEASE)
    assert breaker.renew(lapsed, first, NOW + 36, 300) == lapsed


def test_success_on_trial_closes_and_forgets() -> None:
    trying = on_trial(opens=5)

    health = breaker.settle(trying, Permit(trying.generation, half_open=True), SUCCEEDED, NOW)

    assert health == Health(since=NOW, generation=trying.generation + 1)


@pytest.mark.parametrize("result", [FAILED, EMPTY])
def test_failure_on_trial_opens_for_twice_as_long(result: Result) -> None:
    trying = on_trial(opens=1)

    health = breaker.settle(trying, Permit(trying.generation, half_open=True), result, NOW)

    assert (health.state, health.until, health.opens) == (State.OPEN, NOW + 30, 2)


def test_a_trial_that_was_cut_short_repeats_the_rest_instead_of_doubling_it() -> None:
    again = breaker.settle(on_trial(opens=2), Permit(1, half_open=True), FAILED._replace(cut_short=True), NOW)

    assert (again.state, again.until, again.opens) == (State.OPEN, NOW + 30, 2)


@pytest.mark.parametrize(
    ("well_for", "retry_after", "rest"), [(0, None, 120), (59.9, None, 120), (60, None, 15), (1, 7.0, 7.5)]
)
def test_a_provider_that_fails_again_right_after_it_came_back_rests_longer(
    well_for: float, retry_after: float | None, rest: float
) -> None:
    back = breaker.settle(on_trial(), Permit(1, half_open=True), SUCCEEDED, NOW)

    relapsed = asked(back, FAILED._replace(retry_after=retry_after), NOW + well_for)

    assert relapsed.until == NOW + well_for + rest


def test_a_flapping_provider_rests_for_two_minutes_from_its_first_relapse_on() -> None:
    """It answers every trial and fails every ordinary request, with a request each second."""
    health, changes = Health(), []
    for second in range(3600):
        before = health.available
        health, permit = breaker.admit(health, NOW + second, LEASE)
        if permit is not None:
            health = breaker.settle(health, permit, SUCCEEDED if permit.half_open else FAILED, NOW + second)
        if health.available is not before:
            changes.append(second)

    assert 50 < len(changes) <= 62
    assert all(later - earlier >= 60 for earlier, later in zip(changes[1:], changes[3:], strict=False))


def test_a_cancelled_trial_leaves_the_next_one_free_to_try() -> None:
    trying = on_trial()

    health = breaker.settle(trying, Permit(trying.generation, half_open=True), CANCELLED, NOW + 1)

    assert (health.state, health.reason, health.opens, health.available) == (State.OPEN, "server_error", 1, False)
    assert breaker.admit(health, NOW + 1, LEASE)[1] is not None


def test_a_cancel_beside_the_holder_of_the_lease_does_not_hand_the_lease_back() -> None:
    trying = on_trial()

    assert asked_as_last_resort(trying, CANCELLED) == trying


@pytest.mark.parametrize("state", [State.CLOSED, State.OPEN, State.BLOCKED])
def test_a_cancel_changes_nothing(state: State) -> None:
    health = Health(state, "server_error", since=NOW, until=NOW + 60, opens=2, failures=1, empties=1, generation=7)

    assert asked_as_last_resort(health, CANCELLED) == health


def test_five_failures_at_once_open_once() -> None:
    health, permits = Health(), []
    for _ in range(5):
        health, permit = breaker.admit(health, NOW, LEASE)
        assert permit is not None
        permits.append(permit)
    records = [health]

    for permit in permits:
        records.append(breaker.settle(records[-1], permit, FAILED, NOW))

    assert [record.available for record in records] == [True] + [False] * 5
    assert records[1] == records[-1]


@pytest.mark.parametrize(
    ("result", "until"),
    [
        (BLOCKED, NOW + 86_400),
        (Result(Verdict.BLOCK, ErrorKind.QUOTA_EXHAUSTED), NOW + 5 * 3600),
        (Result(Verdict.BLOCK, ErrorKind.QUOTA_EXHAUSTED, retry_after=3600), NOW + 3600),
        (Result(Verdict.BLOCK, ErrorKind.QUOTA_EXHAUSTED, retry_after=30 * 86_400), NOW + 30 * 86_400),
    ],
)
def test_what_waiting_does_not_mend_blocks(result: Result, until: float | None) -> None:
    health = asked(Health(), result)

    assert (health.state, health.reason, health.until) == (State.BLOCKED, result.reason, until)


def test_a_quota_that_stays_spent_is_looked_at_less_and_less_often() -> None:
    health, waits = Health(), []
    spent = Result(Verdict.BLOCK, ErrorKind.QUOTA_EXHAUSTED)
    for _ in range(4):
        now = health.until or NOW
        health = asked(health, spent, now)
        assert health.until is not None
        waits.append((health.until - now) / 3600)

    assert waits == [5, 10, 20, 24]


def test_a_block_ends_at_the_known_reset_or_after_a_day() -> None:
    for_a_day = asked(Health(), BLOCKED)
    for_an_hour = asked(Health(), BLOCKED._replace(retry_after=3600))

    assert breaker.admit(for_a_day, NOW + 86_399, LEASE)[1] is None
    assert breaker.admit(for_a_day, NOW + 86_400, LEASE)[1] is not None
    assert breaker.admit(for_an_hour, NOW + 3599, LEASE)[1] is None
    assert breaker.admit(for_an_hour, NOW + 3600, LEASE)[1] is not None


def test_a_blocked_provider_that_answers_as_the_last_resort_is_back() -> None:
    assert asked_as_last_resort(asked(Health(), BLOCKED), SUCCEEDED).available


def test_a_blocked_provider_that_fails_otherwise_stays_blocked() -> None:
    blocked = asked(Health(), BLOCKED)

    assert asked_as_last_resort(blocked, FAILED) == blocked


def test_a_failure_as_the_last_resort_never_shortens_the_rest() -> None:
    opened = asked(Health(), FAILED._replace(retry_after=500))

    health = asked_as_last_resort(opened, FAILED, NOW + 1)

    assert (health.until, health.opens) == (opened.until, 2)


def test_a_disabled_provider_is_never_asked_and_comes_back_without_a_past() -> None:
    disabled = breaker.disable(asked(Health(), FAILED), NOW)

    assert (disabled.state, disabled.until) == (State.DISABLED, None)
    assert breaker.admit(disabled, NOW + 1e9, LEASE) == (disabled, None)
    assert breaker.force(disabled) is None
    assert breaker.enable(disabled, NOW) == Health(since=NOW, generation=disabled.generation + 1)


def test_a_request_under_way_does_not_bring_a_disabled_provider_back() -> None:
    permit = breaker.force(Health())
    assert permit is not None
    disabled = breaker.disable(Health(), NOW)

    assert breaker.settle(disabled, permit, SUCCEEDED, NOW) == disabled


@pytest.mark.parametrize("verdict", Verdict)
def test_no_result_at_all_moves_a_disabled_provider(verdict: Verdict) -> None:
    disabled = breaker.disable(Health(), NOW)

    assert breaker.settle(disabled, Permit(disabled.generation), Result(verdict), NOW) == disabled


@pytest.mark.parametrize("until", [1e18, float("inf"), NOW + 40 * DAY, float("nan")])
def test_no_record_keeps_a_provider_away_for_ever(until: float) -> None:
    health = Health(State.BLOCKED, "quota_exhausted", since=NOW, until=until, generation=3)

    assert health.is_due(NOW + 33 * DAY)


def test_a_rest_of_a_month_is_what_a_server_may_ask_for() -> None:
    health = asked(Health(), Result(Verdict.BLOCK, ErrorKind.QUOTA_EXHAUSTED, retry_after=30 * DAY))

    assert (health.is_due(NOW + 29 * DAY), health.is_due(NOW + 30 * DAY)) == (False, True)


def test_a_clock_that_was_set_back_does_not_lock_a_provider_away() -> None:
    opened = asked(Health(), FAILED)

    assert breaker.admit(opened, NOW - 3600, LEASE)[1] is not None


@pytest.mark.parametrize(
    ("until", "now", "left"),
    [
        (NOW + 15, NOW + 5, 10.0),
        (NOW + 15, NOW + 15, 0.0),
        (NOW + 15, NOW + 10 * 365 * DAY, 0.0),
        (NOW + 15, NOW - breaker.CLOCKS_DIFFER, 20.0),
        (NOW + 15, NOW - 3600, 0.0),
        (NOW + 15, NOW - 10 * 365 * DAY, 0.0),
        (NOW + 365 * DAY, NOW, 32 * DAY),
        (None, NOW, None),
    ],
)
def test_what_is_left_of_a_rest_is_what_its_clock_says_and_never_years(
    until: float | None, now: float, left: float | None
) -> None:
    health = Health(State.BLOCKED, "auth", since=NOW, until=until)

    assert (health.left(now), health.is_due(now)) == (left, left == 0.0)


@pytest.mark.parametrize(("early", "let_in"), [(0.001, False), (0.2, False), (4.9, False), (5.1, True), (86_400, True)])
def test_a_clock_that_is_a_little_slow_takes_no_lease_from_its_holder(early: float, let_in: bool) -> None:
    """Another process began a moment later, or another machine's clock is not quite the same."""
    assert (breaker.admit(on_trial(), NOW - early, LEASE)[1] is not None) is let_in


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Several requests under way, a clock that also goes back, and a user who switches the provider off and on."""

    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.health = Health()
        self.lease_ends = 0.0

    def move(self, health: Health) -> None:
        assert (health.generation > self.health.generation) or (health.state is self.health.state)
        self.health = health

    @rule(seconds=st.floats(0, 400) | st.floats(-4000, 0) | st.just(0.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=permits)
    def admit(self) -> object:
        before, self.health = self.health, breaker.admit(self.health, self.now, LEASE)[0]
        permit = breaker.admit(before, self.now, LEASE)[1]
        assert (permit is None) == (
            before.state is State.DISABLED or (before.state is not State.CLOSED and not before.is_due(self.now))
        )
        if permit is None:
            assert self.health == before
            return multiple()
        if permit.half_open:
            lease_runs = before.state is State.HALF_OPEN and before.since <= self.now < self.lease_ends
            assert not lease_runs, "two holders of one lease"
            self.lease_ends = self.now + LEASE
        return permit

    @rule(target=permits)
    def force(self) -> object:
        permit = breaker.force(self.health)
        assert (permit is None) == (self.health.state is State.DISABLED)
        return multiple() if permit is None else permit

    @rule(
        permit=permits,
        result=st.builds(
            Result,
            st.sampled_from(Verdict),
            st.none() | st.sampled_from(ErrorKind),
            retry_after=st.none() | st.floats(0, 2000),
            alone=st.booleans(),
            jitter=st.floats(-1, 1),
        ),
    )
    def settle(self, permit: Permit, result: Result) -> None:
        before = self.health
        verdict, retry_after = result.verdict, result.retry_after

        after = breaker.settle(before, permit, result, self.now)

        if permit.generation != before.generation:
            assert after == before, "a stale result changed something"
            return
        self.move(after)
        if verdict is Verdict.NEUTRAL:
            assert after.available is before.available
            assert after == before or permit.half_open
        if verdict is Verdict.SUCCESS and before.state is not State.DISABLED:
            assert (after.available, after.opens, after.failures, after.empties) == (True, 0, 0, 0)
        if after.state is State.OPEN and verdict in (Verdict.OPEN, Verdict.OPEN_ON_REPEAT) and after != before:
            assert after.until is not None
            assert after.until >= self.now + (retry_after or 0)
            if not (before.state is State.OPEN and not before.is_due(self.now)):
                assert after.until <= self.now + max(300, (retry_after or 0) + 1)
            elif before.until is not None:
                assert after.until >= before.until, "a later failure shortened the rest"

    @rule()
    def disable(self) -> None:
        self.move(breaker.disable(self.health, self.now))

    @precondition(lambda self: self.health.state is State.DISABLED)
    @rule()
    def enable(self) -> None:
        self.move(breaker.enable(self.health, self.now))

    @invariant()
    def available_means_closed(self) -> None:
        assert self.health.available is (self.health.state is State.CLOSED)

    @invariant()
    def an_open_or_leased_provider_has_its_time(self) -> None:
        if self.health.state in (State.OPEN, State.HALF_OPEN):
            assert self.health.until is not None


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = examples(30, 1000)


@given(st.lists(st.sampled_from(Verdict), min_size=1, max_size=12))
def test_a_lone_provider_is_closed_unless_three_failures_came_in_a_row(verdicts: list[Verdict]) -> None:
    assume(Verdict.BLOCK not in verdicts)
    health, failures, empties = Health(), 0, 0
    for verdict in verdicts:
        health = asked(health, Result(verdict, alone=True))
        match verdict:
            case Verdict.SUCCESS:
                failures = empties = 0
            case Verdict.OPEN:
                failures += 1
            case Verdict.OPEN_ON_REPEAT:
                empties += 1
                failures += empties >= 2
            case _:
                pass
        assert health.available is (failures < 3)
        if not health.available:
            return
