"""Which hazards a run tries.

What they send is a second's work and 100 MB, so only a process that tries one imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Number the chosen ones: all processes of a run have to collect the same tests."""
    if "hazard" in metafunc.fixturenames:
        cases: Sequence[str | int] = range(FEW)
        if sampling.everything:
            from tests.cli.attack.hazards import HAZARDS

            cases = list(HAZARDS)
        metafunc.parametrize("hazard", cases, indirect=True)


@pytest.fixture
def hazard(request: pytest.FixtureRequest) -> str:
    """Return the name of a hazard."""
    from tests.cli.attack.hazards import CHEAP

    case = request.param
    sample = sampling.Sample(f"{request.config.option.seed} hazards")
    return case if isinstance(case, str) else sample(CHEAP, FEW)[case]
