"""Argument checks; each error names the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import inf
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def one_of(field: str, value: object, enumeration: type[E]) -> E:
    """Return `value` as a member of `enumeration`. Raises ValueError, naming the field."""
    try:
        return enumeration(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(map(repr, map(str, enumeration)))
        raise ValueError(f"{field} must be one of {known}, not {value!r}") from None


def check_seconds(field: str, value: object, *, zero: bool = False, none: bool = False) -> None:
    """Check that `value` is a usable number of seconds.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None and none:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{field} must be a number of seconds, not {value!r}")
    # Test for the valid range, which NaN fails: it compares as false with everything.
    if not (value >= 0 if zero else value > 0):
        raise ValueError(f"{field} must be {'0 or more' if zero else 'more than 0'} seconds, not {value!r}")


def check_count(field: str, value: object, *, least: int | None = 0) -> None:
    """Check that `value` is None or an integer of at least `least`.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{field} cannot be less than {least}, not {value!r}")


def check_number(field: str, value: object, *, most: float | None = None) -> None:
    """Check that `value` is None or a number from 0 to `most`.

    Raises TypeError or ValueError, naming the field.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{field} must be a number, not {value!r}")
    # Test for the valid range, which NaN fails; comparing works for integers of any size.
    if not 0 <= value < inf or (most is not None and value > most):
        raise ValueError(f"{field} must be a number from 0{'' if most is None else f' to {most:g}'}, not {value!r}")


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


def _shown(value: object) -> str:
    """Return the type name of a wrong value: the value itself may be long, or a secret."""
    return "None" if value is None else type(value).__name__
