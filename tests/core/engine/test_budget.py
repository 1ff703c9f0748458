"""How long a provider has for its first content, and which rule said so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.engine.budget import Budget, BudgetReason, first_content_budget, p95, size_class
from fallback_chat.core.engine.settings import AttemptSettings, TimeoutSource

ASKED, CHAIN, LOCAL, DEFAULT = TimeoutSource


@pytest.mark.parametrize(
    ("timeout", "source", "thinks", "budget"),
    [
        (10, DEFAULT, False, (10, "default")),
        (10, DEFAULT, True, (120, "thinks")),
        (120, LOCAL, False, (120, "local")),
        (120, LOCAL, True, (120, "local")),
        (30, CHAIN, False, (30, "asked")),
        (30, CHAIN, True, (120, "thinks")),
        (300, CHAIN, True, (300, "asked")),
        (3, ASKED, True, (3, "asked")),
    ],
)
def test_the_strongest_rule_decides(
    timeout: float, source: TimeoutSource, thinks: bool, budget: tuple[float, str]
) -> None:
    settings = AttemptSettings(attempt_timeout=timeout, attempt_timeout_source=source)

    assert first_content_budget(settings, thinks=thinks) == budget


@pytest.mark.parametrize(
    ("samples", "budget"),
    [
        ([], Budget(10, BudgetReason.DEFAULT)),
        ([0.5], Budget(5, BudgetReason.TRIAL)),
        ([2.5], Budget(7.5, BudgetReason.TRIAL)),
        ([9.0], Budget(10, BudgetReason.DEFAULT)),
    ],
)
def test_a_trial_has_half_of_the_time_or_three_times_what_is_usual(samples: list[float], budget: Budget) -> None:
    settings = AttemptSettings(attempt_timeout_source=DEFAULT)

    assert first_content_budget(settings, trial=True, samples=samples) == budget
    assert first_content_budget(settings, samples=samples) == Budget(10, BudgetReason.DEFAULT)


def test_a_model_that_may_think_silently_is_not_cut_short_in_a_trial() -> None:
    settings = AttemptSettings(attempt_timeout_source=DEFAULT)

    assert first_content_budget(settings, thinks=True, trial=True, samples=[1.0]).seconds == 120


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60))
def test_at_most_one_in_twenty_samples_exceeds_the_95th_percentile(samples: list[float]) -> None:
    found = p95(samples)

    assert found in samples
    assert sum(sample > found for sample in samples) <= len(samples) / 20


@pytest.mark.parametrize(
    ("samples", "timed_out", "budget"),
    [
        ([1.0] * 9, False, (10, "default")),
        ([1.0] * 10, False, (5, "learned")),
        ([4.0] * 50, False, (12, "learned")),
        ([4.0] * 50, True, (24, "learned")),
        ([4.0] * 19 + [100.0], False, (12, "learned")),
        ([90.0] * 20, False, (120, "learned")),
    ],
)
def test_patience_is_learned_from_ten_answers_on(
    samples: list[float], timed_out: bool, budget: tuple[float, str]
) -> None:
    settings = AttemptSettings(attempt_timeout_source=DEFAULT)

    assert first_content_budget(settings, trial=timed_out, timed_out=timed_out, samples=samples) == budget


@pytest.mark.parametrize("source", [ASKED, CHAIN, LOCAL])
def test_what_the_user_wrote_is_not_overruled_by_what_was_learned(source: TimeoutSource) -> None:
    settings = AttemptSettings(attempt_timeout=10, attempt_timeout_source=source)

    assert first_content_budget(settings, samples=[1.0] * 50).seconds == 10


@pytest.mark.parametrize(("tokens", "size"), [(0, 0), (1_000, 0), (1_001, 1), (8_001, 2), (1_000_000, 3)])
def test_prompts_of_about_one_size_are_compared(tokens: int, size: int) -> None:
    assert size_class(tokens) == size
