"""The pictures of the README and the screens of the walk are those of the program as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests import screenshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.text import Text


# The outage takes its fifteen seconds; `make screenshots` shows it.
@pytest.mark.parametrize(
    ("name", "make"),
    [("answer", screenshots.picture_of_an_answer), ("probe", screenshots.picture_of_a_probe)],
)
def test_a_picture_is_what_the_program_draws(name: str, make: Callable[[], list[Text]]) -> None:
    assert screenshots.svg(name, make()) == (screenshots.IMAGES / f"{name}.svg").read_text("utf-8")


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_a_picture_loads_nothing_from_elsewhere(name: str) -> None:
    addresses = re.findall(r"https?://[^\s\"')]+", (screenshots.IMAGES / f"{name}.svg").read_text("utf-8"))
    assert set(addresses) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_the_walk_shows_the_three_moments_on_three_screens() -> None:
    page = screenshots.WALK.read_text("utf-8")
    screens = re.findall(r"^```text (\w+) (\d+)x(\d+)\n(.+?)\n```$", page, re.MULTILINE | re.DOTALL)

    assert [(moment, columns) for moment, columns, _, _ in screens] == [
        (moment, columns) for columns in ("120", "80", "40") for moment in ("before", "outage", "recovery")
    ]
    for _, columns, lines, screen in screens:
        assert max(map(len, screen.splitlines())) <= int(columns)
        assert len(screen.splitlines()) <= int(lines)
    states = [screen.splitlines()[-1] for *_, screen in screens]
    assert ["primary down" in state or "backup (2/3)" in state for state in states] == [False, True, False] * 3
