"""Arguments that Gemini streams value by value, each with its path.

The request asks for it with `streamFunctionCallArguments`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.wire.dialect import dicts_of, text_of

if TYPE_CHECKING:
    from fallback_chat.providers.wire.allowance import Allowance

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_MOST_ITEMS: Final = 10_000
_MOST_STEPS: Final = 100
_VALUES: Final = ("stringValue", "numberValue", "boolValue")


class PartialArguments:
    """Assembles the arguments of one call."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self.value: dict[str, Any] = {}

    def add(self, pieces: Any) -> None:
        """Add the `partialArgs` of one part; a value without a usable path is skipped.

        Raises `FrameTooLargeError`.
        """
        for piece in dicts_of(pieces):
            self._allowance.charge(piece)
            steps = [
                int(found[2]) if found[2] else next(filter(None, found.groups()), "")
                for found in _STEP.finditer(text_of(piece.get("jsonPath")).removeprefix("$"))
            ]
            if 0 < len(steps) <= _MOST_STEPS:
                self._put(steps, next((piece[key] for key in _VALUES if key in piece), None))

    def _put(self, steps: list[int | str], value: Any) -> None:
        """Set the value at the end of `steps`, creating its parents; text is appended to text."""
        at: Any = self.value
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            if isinstance(at, list):
                if not isinstance(step, int) or step >= _MOST_ITEMS:
                    return
                if step >= len(at):
                    self._allowance.charge(added := [None] * (step + 1 - len(at)))
                    at += added
                below = at[step]
            elif isinstance(step, int):
                return
            else:
                below = at.get(step)
            if following is None:
                at[step] = below + value if isinstance(below, str) and isinstance(value, str) else value
                return
            if not isinstance(below, dict | list):
                below = at[step] = [] if isinstance(following, int) else {}
            at = below
