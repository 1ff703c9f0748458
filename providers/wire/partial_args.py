"""Arguments that Gemini streams value by value, each with its path.

The request asks for it with `streamFunctionCallArguments`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from fallback_chat.providers.wire.dialect import dicts_of, text_of

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_MOST_ITEMS: Final = 10_000
_VALUES: Final = ("stringValue", "numberValue", "boolValue")


class PartialArguments:
    """Assembles the arguments of one call."""

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}

    def add(self, pieces: Any) -> None:
        """Add the `partialArgs` of one part; a value without a usable path is skipped."""
        for piece in dicts_of(pieces):
            steps = [
                int(found[2]) if found[2] else next(filter(None, found.groups()), "")
                for found in _STEP.finditer(text_of(piece.get("jsonPath")).removeprefix("$"))
            ]
            if steps:
                _put(self.value, steps, next((piece[key] for key in _VALUES if key in piece), None))


def _put(root: dict[str, Any], steps: list[int | str], value: Any) -> None:
    """Set the value at the end of `steps`, creating its parents; text is appended to text."""
    at: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(at, list):
            if not isinstance(step, int) or step >= _MOST_ITEMS:
                return
            at.extend([None] * (step + 1 - len(at)))
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
