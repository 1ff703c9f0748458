"""Choosing some of many cases: each run tries others, and a seed brings them back; `--everything` tries them all."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import hypothesis

if TYPE_CHECKING:
    from collections.abc import Sequence

Case = TypeVar("Case")

everything = False
"""Whether this run tries every case; set before the tests are collected."""


@dataclass(frozen=True)
class Sample:
    """Chooses cases for one test."""

    seed: str

    def __call__(self, cases: Sequence[Case], count: int) -> list[Case]:
        """Return `count` of `cases` in their order, or all that there are."""
        if everything or count >= len(cases):
            return list(cases)
        chosen = sorted(random.Random(self.seed).sample(range(len(cases)), count))
        return [cases[index] for index in chosen]


def examples(some: int, many: int) -> hypothesis.settings:
    """Let Hypothesis try `some` examples of what is costly to try, and `many` in a run that tries everything."""
    return hypothesis.settings(max_examples=many if everything else some)
