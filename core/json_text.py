"""JSON from strangers, parsed only if that does not take a multiple of its size.

An empty object of two characters takes 64 bytes: 16 MB of them would take 400.
"""

from __future__ import annotations

import json
from typing import Any, Final

LARGE: Final = 2**20
"""Characters in a document whose values are counted before it is parsed."""
MOST_VALUES: Final = 250_000
"""Values in a large document."""


class TooManyValuesError(ValueError):
    """A document is made of so many values that it is not parsed."""


def check_values(text: str) -> None:
    """Raise `TooManyValuesError` for a document that should not be parsed.

    Its commas and brackets are counted, those in strings included.
    """
    if len(text) > LARGE and sum(map(text.count, ",[{")) > MOST_VALUES:
        raise TooManyValuesError("JSON of too many values")


def loads(text: str, **options: Any) -> Any:
    """Parse JSON as `json.loads` does. Raises ValueError, RecursionError or MemoryError."""
    check_values(text)
    return json.loads(text, **options)
