"""Scripts choose the fault for a request by its number and the time.

They are pure functions, so that a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable

from fallback_chat.core.value import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment at which a script is asked."""

    number: int
    """The number of earlier requests."""
    elapsed: float
    """Seconds since the simulator started."""


Script = Callable[[Moment], str]
"""Returns the name of a fault."""


def always(fault: str) -> Script:
    """Play the same fault for every request."""
    return lambda _: fault


def sequence(*faults: str) -> Script:
    """Play one fault after the other; the last one stays."""
    return lambda moment: faults[min(moment.number, len(faults) - 1)]


def first(count: int, fault: str, then: str = "ok") -> Script:
    """Play `fault` for the first `count` requests."""
    return lambda moment: fault if moment.number < count else then


def down(seconds: float, fault: str, then: str = "ok") -> Script:
    """Play `fault` for the first `seconds`."""
    return lambda moment: fault if moment.elapsed < seconds else then


def flapping(fault: str, seconds: float) -> Script:
    """Alternate between healthy and faulty, healthy first, for `seconds` each."""
    return lambda moment: fault if int(moment.elapsed / seconds) % 2 else "ok"
