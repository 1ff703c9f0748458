"""Argument checks; each error names the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import inf
from typing import Any, Final, TypeVar

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")
MOST: Final = 2**63
"""More than fits into the whole numbers of most languages and databases."""


def one_of(field: str, value: object, enumeration: type[E]) -> E:
    """Return `value` as a member of `enumeration`. Raises ValueError, naming the field."""
    try:
        # What is no string is not compared: it may compare as it likes.
        return enumeration(value if isinstance(value, str) else "")
    except ValueError:
        known = ", ".join(map(repr, map(str, enumeration)))
        raise ValueError(f"{field} must be one of {known}, not {_written(value)}") from None


def check_seconds(field: str, value: object, *, zero: bool = False, none: bool = False) -> None:
    """Check that `value` is a usable number of seconds.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None and none:
        return
    number = _number(field, value, "a number of seconds")
    # Test for the valid range, which NaN fails: it compares as false with everything.
    if not (number >= 0 if zero else number > 0):
        raise ValueError(f"{field} must be {'0 or more' if zero else 'more than 0'} seconds, not {_written(value)}")


def check_count(field: str, value: object, *, least: int = 0, none: bool = False) -> None:
    """Check that `value` is an integer of at least `least`, and of no more than 64 bits.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None and none:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} must be a whole number, not {_written(value)}")
    if value < least:
        raise ValueError(f"{field} cannot be less than {least}, not {_written(value)}")
    if value >= MOST:
        raise ValueError(f"{field} must be less than 2**63, not {_written(value)}")


def check_number(field: str, value: object, *, most: float | None = None, none: bool = False) -> None:
    """Check that `value` is a finite number from 0 to `most`.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None and none:
        return
    number = _number(field, value, "a number")
    # Test for the valid range, which NaN fails.
    if not 0 <= number < inf or (most is not None and number > most):
        raise ValueError(
            f"{field} must be a number from 0{'' if most is None else f' to {most:g}'}, not {_written(value)}"
        )


def _number(field: str, value: object, words: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{field} must be {words}, not {_written(value)}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{field} must be {words}, not {_written(value)}") from None


def check_type(field: str, value: object, *types: type[Any], none: bool = False) -> None:
    """Raise TypeError, naming the field, unless `value` is an instance of one of `types`."""
    if not (isinstance(value, types) or (none and value is None)):
        raise TypeError(f"{field} must be {_named(types)}, not {_shown(value)}")


def check_callable(field: str, value: object) -> None:
    """Raise TypeError, naming the field, unless `value` is callable."""
    if not callable(value):
        raise TypeError(f"{field} must be a function, not {_shown(value)}")


def check_text(owner: object, *fields: str) -> None:
    """Raise TypeError, naming the field, unless each of the owner's `fields` is a string."""
    for field in fields:
        check_type(field, getattr(owner, field), str)


def several(field: str, value: object, *types: type[T]) -> tuple[T, ...]:
    """Return `value`, one object of `types` or an iterable of them, as a tuple.

    Raises TypeError, naming the field.
    """
    if isinstance(value, types):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise TypeError(f"{field} must be {_named(types)}, or several of them, not {_shown(value)}")
    found = value if isinstance(value, tuple) else tuple(value)
    for one in found:
        if not isinstance(one, types):
            raise TypeError(f"{field} must hold {_named(types)} only, not {_shown(one)}")
    return found


def _named(types: tuple[type[Any], ...]) -> str:
    return " or ".join(type_.__name__ for type_ in types)


def _written(value: object) -> str:
    """Return the literal form of a wrong value, if it is short and harmless to inspect."""
    if (
        type(value) in (float, bool)
        or (type(value) is int and abs(value) < MOST)
        or (type(value) is str and len(value) < 40)
    ):
        return repr(value)
    return "one with too many digits" if isinstance(value, int) else _shown(value)


def _shown(value: object) -> str:
    """Return the type name of a wrong value: the value itself may be long, or a secret."""
    return "None" if value is None else type(value).__name__
