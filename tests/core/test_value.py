"""Our dataclass: what is true of it is true of that of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from dataclasses import field, replace
from inspect import signature
from typing import Any

import pytest

from fallback_chat.core import value
from fallback_chat.core.chat_context import ChatContext
from tests.test_words import MODULES


@pytest.fixture(params=[dataclasses.dataclass, value.dataclass], ids=["standard", "ours"])
def dataclass(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def point(dataclass: Any) -> Any:
    class Point:
        """A place."""

        x: Any
        y: Any = 0
        key: str = field(default="", repr=False)
        note: str = field(default="", compare=False)

        def moved(self) -> Any:
            """Return the next place."""
            return replace(self, x=self.x + 1)  # type: ignore[type-var]

    return dataclass(frozen=True, slots=True)(Point)


def test_values_are_equal_by_class_and_by_the_fields_that_are_compared(dataclass: Any, point: Any) -> None:
    other = dataclass(frozen=True, slots=True)(type("Point", (), {"__annotations__": {"x": "Any"}}))

    assert point(1) == point(1, 0, note="read")
    assert hash(point(1)) == hash(point(1, 0, note="read"))
    assert point(1) != point(1, key="k")
    assert point(1) != other(1)
    assert point(1) != (1, 0, "", "")
    assert len({point(1), point(1.0), point(2)}) == 2


def test_a_value_is_shown_with_the_fields_that_may_be_read_and_never_endlessly(point: Any) -> None:
    within: list[Any] = []
    within.append(point(within, "y", "secret"))

    assert repr(within[0]).endswith("Point(x=[...], y='y', note='')")


def test_nothing_of_a_frozen_value_can_be_set_or_deleted(point: Any) -> None:
    one = point(1)
    for name in ("x", "note"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(one, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(one, name)
    with pytest.raises((AttributeError, TypeError)):
        one.another = 2

    assert (one, one.moved(), hasattr(one, "__dict__")) == (point(1), point(2), False)


def test_what_asks_for_a_dataclass_takes_it_for_one(point: Any) -> None:
    assert dataclasses.asdict(point([point(1)], 2)) == {
        "x": [{"x": 1, "y": 0, "key": "", "note": ""}],
        "y": 2,
        "key": "",
        "note": "",
    }
    assert list(signature(point).parameters) == list(point.__match_args__) == ["x", "y", "key", "note"]


def test_a_copy_is_equal_and_as_frozen(point: Any) -> None:
    one = point([1])

    for made in (copy.copy(one), copy.deepcopy(one)):
        assert made == one
        with pytest.raises(dataclasses.FrozenInstanceError):
            made.x = 2


def test_a_user_may_inherit_from_a_value_and_what_is_added_is_as_frozen(point: Any) -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Corner(point):  # type: ignore[misc]
        angle: float = 90.0

    one = Corner(1, angle=60.0)

    assert (one.x, one.angle, one == Corner(1, angle=60.0), one == point(1)) == (1, 60.0, True, False)
    for name in ("x", "angle"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 2)


def test_a_value_that_changes_is_not_hashed(dataclass: Any) -> None:
    @dataclass(slots=True)
    class Tally:
        count: int = 0

    one = Tally()
    one.count += 1
    del one.count

    assert (Tally(1) == Tally(1), Tally(1) == Tally(2), hasattr(one, "count")) == (True, False, False)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Tally())


def test_methods_of_the_class_itself_stay(dataclass: Any) -> None:
    @dataclass(frozen=True, slots=True)
    class Secret:
        text: str

        def __repr__(self) -> str:
            return "Secret()"

        def __hash__(self) -> int:
            return 1

    assert (repr(Secret("a")), hash(Secret("a")), Secret("a") == Secret("a")) == ("Secret()", 1, True)


def test_a_conversation_can_be_pickled() -> None:
    conversation = ChatContext.from_text("hi")

    assert pickle.loads(pickle.dumps(conversation)) == conversation


def test_every_dataclass_of_the_program_is_ours() -> None:
    standard = re.compile(r"^from dataclasses import .*\bdataclass\b|^@dataclasses\.dataclass", re.MULTILINE)

    assert [path.name for path in MODULES if standard.search(path.read_text())] == []
