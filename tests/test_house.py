"""The house: no import circles, no large modules, and a drawing that is true."""

from __future__ import annotations

import pytest

from tests.house import ROOT, circles, drawing, imports, modules, rooms

LONGEST = 350
"""Lines of a module."""
PAGE = ROOT / "docs/design.md"


def test_no_modules_import_each_other_not_even_for_annotations() -> None:
    assert circles(imports(modules())) == []


def test_circles_are_found_however_long() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}}

    assert circles(graph) == [["a", "b", "c"], ["e", "f"]]


def test_the_rooms_of_core_form_layers() -> None:
    graph = rooms()
    within = [room for room in graph if room.startswith("core/")]

    assert circles({room: graph[room] & {*within} for room in within}) == []


@pytest.mark.parametrize("layer", ["core", "providers", "cli"])
def test_no_module_is_longer_than_one_subject_needs(layer: str) -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines())
        for file in (ROOT / layer).rglob("*.py")
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_the_drawing_of_the_house_is_true() -> None:
    assert f"```text\n{drawing()}\n```" in PAGE.read_text("utf-8")
