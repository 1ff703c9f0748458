"""Which hazards a run tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import sampling
from tests.cli.attack.hazards import CHEAP, HAZARDS

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Number the chosen ones: all processes of a run have to collect the same tests."""
    if "hazard" in metafunc.fixturenames:
        cases: Sequence[str | int] = list(HAZARDS) if sampling.everything else range(FEW)
        metafunc.parametrize("hazard", cases, indirect=True)


@pytest.fixture
def hazard(request: pytest.FixtureRequest) -> str:
    """Return the name of a hazard."""
    case = request.param
    sample = sampling.Sample(f"{request.config.option.seed} hazards")
    return case if isinstance(case, str) else sample(CHEAP, FEW)[case]
