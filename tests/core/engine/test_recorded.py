"""What every scripted fault leads to under every policy stays as it was recorded."""

from __future__ import annotations

import pytest

from tests.core.engine.recorded import FAULTS, recorded, stories_of


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_turn_tells_the_story_that_was_recorded(fault: str) -> None:
    assert await stories_of(fault) == recorded()[fault]


def test_nothing_is_recorded_of_faults_that_are_not_played() -> None:
    assert set(recorded()) == set(FAULTS)
