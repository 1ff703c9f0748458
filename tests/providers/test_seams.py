"""No seam unproven, over the wire: every cut in every format, text and behaviour, of which an ordinary run tries some."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.failover.chains import SIMULATED
from tests.providers.seams import CLEAN, Case, cases, table, verdicts

if TYPE_CHECKING:
    from tests.sampling import Sample


async def test_nothing_is_glued_and_a_provider_that_does_as_it_is_asked_is_believed(sample: Sample) -> None:
    found = await verdicts(sample(cases(), 80))

    glued = [case for case, said in found.items() if said == "glued"]
    believed = Counter(said for case, said in found.items() if case.should_be_clean)
    assert (glued, believed[CLEAN] >= 0.9 * believed.total()) == ([], True)


def test_the_matrix_has_every_format_and_text_that_is_cut_anywhere() -> None:
    every = cases()

    assert len(every) == len(set(every)) > 8_000
    assert {case.format for case in every} == set(SIMULATED)


def test_the_table_counts_verdicts() -> None:
    case = Case("gemini", "prose", "follows", 20, can_discard=False)

    assert table({case: CLEAN}).splitlines()[-1] == "clean where the instruction was followed: 1 of 1"
