"""Choosing some of many cases: each run tries others, and a seed brings them back."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Case = TypeVar("Case")


@dataclass(frozen=True)
class Sample:
    """Chooses cases for one test; all of them where the run is to try everything."""

    seed: str
    everything: bool = False

    def __call__(self, cases: Sequence[Case], count: int) -> list[Case]:
        """Return `count` of `cases` in their order, or all that there are."""
        if self.everything or count >= len(cases):
            return list(cases)
        chosen = sorted(random.Random(self.seed).sample(range(len(cases)), count))
        return [cases[index] for index in chosen]
