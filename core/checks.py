"""Checks of what a caller hands over; each error names the field."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

T = TypeVar("T", bound=StrEnum)


def one_of(field: str, value: object, enumeration: type[T]) -> T:
    """Return `value` as a member of `enumeration`. Raises ValueError that names the field."""
    try:
        return enumeration(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(map(repr, map(str, enumeration)))
        raise ValueError(f"{field} must be one of {known}, not {value!r}") from None


def check_seconds(field: str, value: object, *, zero: bool = False, none: bool = False) -> None:
    """Raise TypeError or ValueError, naming the field, unless `value` is a usable number of seconds."""
    if value is None and none:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{field} must be a number of seconds, not {value!r}")
    # NaN compares as false with everything, so test for the valid range.
    if not (value >= 0 if zero else value > 0):
        raise ValueError(f"{field} must be {'0 or more' if zero else 'more than 0'} seconds, not {value!r}")


def check_count(field: str, value: object) -> None:
    """Raise TypeError or ValueError, naming the field, unless `value` is None or a whole number from 0."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} must be a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{field} cannot be less than 0, not {value!r}")
