"""Which hazards a run tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import sampling
from tests.cli.attack.hazards import CHEAP, HAZARDS

if TYPE_CHECKING:
    import pytest

FEW = 2


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hazard" in metafunc.fixturenames:
        sample = sampling.Sample(f"{metafunc.config.option.seed} hazards")
        metafunc.parametrize("hazard", list(HAZARDS) if sampling.everything else sample(CHEAP, FEW))
