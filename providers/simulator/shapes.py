"""Shapes of requests: each yields in words what is wrong with a value.

A shape is called with a value and its path. It is as strict as the vendors' own types, and as
lenient: it accepts null where they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Shape = Callable[[Any, str], Iterator[str]]
MOST: Final = 10**7
"""More than any count of a request that makes sense."""


def text(value: Any, where: str) -> Iterator[str]:
    """Check for a string."""
    if not isinstance(value, str):
        yield f"`{where}` is {_short(value)}, not text"


def filled(value: Any, where: str) -> Iterator[str]:
    """Check for a string that is not empty."""
    if not isinstance(value, str) or not value:
        yield f"`{where}` is {_short(value)}, not a name"


def flag(value: Any, where: str) -> Iterator[str]:
    """Check for true or false."""
    if not isinstance(value, bool):
        yield f"`{where}` is {_short(value)}, neither true nor false"


def table(value: Any, where: str) -> Iterator[str]:
    """Check for an object whose keys are the user's own."""
    if not isinstance(value, dict):
        yield f"`{where}` is {_short(value)}, not an object"


def anything(value: Any, where: str) -> Iterator[str]:
    """Accept any value."""
    del value, where
    yield from ()


def number(low: float, high: float) -> Shape:
    """Return the shape of numbers from `low` to `high`."""
    return _number(low, high, whole=False)


def integer(low: int, high: int) -> Shape:
    """Return the shape of integers from `low` to `high`."""
    return _number(low, high, whole=True)


def word(*words: str) -> Shape:
    """Return the shape of one of several words."""

    def check(value: Any, where: str) -> Iterator[str]:
        if value not in words:
            yield f"`{where}` is {_short(value)}, not one of {', '.join(words)}"

    return check


def null_or(shape: Shape) -> Shape:
    """Return the shape of a value that may be null."""

    def check(value: Any, where: str) -> Iterator[str]:
        if value is not None:
            yield from shape(value, where)

    return check


def many(shape: Shape, least: int = 0, name: str = "things") -> Shape:
    """Return the shape of a list with at least `least` items."""

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list) or len(value) < least:
            yield f"`{where}` is not a list of {name}"
            return
        for position, each in enumerate(value):
            yield from shape(each, f"{where}[{position}]")

    return check


def either(*shapes: Shape, neither: str | None = None) -> Shape:
    """Return the shape of a value that fits one of several.

    The problems are those of the closest one; `neither` replaces them if none is close.
    """

    def check(value: Any, where: str) -> Iterator[str]:
        found = [list(shape(value, where)) for shape in shapes]
        of_another_kind = [any(problem.startswith(f"`{where}` is ") for problem in problems) for problems in found]
        if neither and all(of_another_kind):
            yield f"`{where}` is {neither}"
        else:
            nearest = min(range(len(found)), key=lambda n: (bool(found[n]), of_another_kind[n], len(found[n])))
            yield from found[nearest]

    return check


def record(needed: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """Return the shape of an object with these keys and no others."""
    known = {**needed, **(optional or {})}

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"`{where}` is {_short(value)}, not an object" if where else "the body is not a JSON object"
            return
        place = f"{where}: " if where else ""
        for key in sorted(map(str, value.keys() - known.keys())):
            yield f"{place}unknown key {key!r}"
        for key in needed:
            if key not in value:
                yield f"{place}`{key}` is missing"
        for key in known.keys() & value.keys():
            yield from known[key](value[key], f"{where}.{key}" if where else key)

    return check


def tagged(key: str, shapes: Mapping[str, Shape], default: str | None = None) -> Shape:
    """Return the shape of objects that name their type under `key`."""

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"`{where}` is {_short(value)}, not an object"
            return
        tag = value.get(key, default)
        if isinstance(tag, str) and tag in shapes:
            yield from shapes[tag](value, where)
        else:
            yield f"{where}: the {key} is {_short(tag)}"

    return check


def _number(low: float, high: float, *, whole: bool) -> Shape:
    def check(value: Any, where: str) -> Iterator[str]:
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not (fits and low <= value <= high):
            yield f"`{where}` is {_short(value)}, not a {'whole ' if whole else ''}number from {low} to {high}"

    return check


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
