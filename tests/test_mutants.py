"""The table of planted defects fits the code as it is; `make mutants` plants them."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.mutants.table import PACKAGES, ROOT, defects, stages

if TYPE_CHECKING:
    from tests.mutants.table import Defect
    from tests.sampling import Sample

DEFECTS = defects()
ENOUGH = {"core": 60, "providers": 45, "cli": 45}


def test_there_are_enough_of_them_in_every_package() -> None:
    count = Counter(defect.package for defect in DEFECTS)

    assert set(count) == set(PACKAGES)
    assert {package: min(count[package], least) for package, least in ENOUGH.items()} == ENOUGH


def test_each_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(defect.name for defect in DEFECTS).items() if count > 1] == []


def planted(defect: Defect) -> str:
    """Return the module with the defect in it."""
    return defect.planted((ROOT / defect.file).read_text("utf-8"))


def problems(defect: Defect) -> list[str]:
    """Return what is wrong with a row."""
    try:
        planted(defect)
    except ValueError as error:
        return [str(error)]
    missing = [name for stage in stages(defect) for name in stage if not (ROOT / name).exists()]
    return [f"{defect.name}: there is no {name}" for name in missing]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_can_be_planted_and_has_tests(package: str) -> None:
    assert [one for defect in DEFECTS if defect.package == package for one in problems(defect)] == []


def test_what_is_planted_is_python(sample: Sample) -> None:
    for defect in sample(DEFECTS, 30):
        compile(planted(defect), defect.name, "exec", ast.PyCF_ONLY_AST)


def test_a_defect_whose_line_is_gone_or_there_twice_is_refused() -> None:
    defect = DEFECTS[0]

    for source, count in (("", 0), (defect.old * 2, 2)):
        with pytest.raises(ValueError, match=rf": {defect.name}: its old text occurs {count} times in {defect.file}: "):
            defect.planted(source)
