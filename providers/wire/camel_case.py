"""Google's JSON in one spelling: some gateways send snake_case, and null for missing values."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

_HUMP: Final = re.compile(r"(?<=[a-z\d])_([a-z])")
_NOT_GOOGLES: Final = frozenset({"args", "error"})
"""Keys whose contents are named by a tool, or by the server behind a gateway."""


def camel_case(value: Any) -> Any:
    """Return `value` with the names of Google's interface and without nulls."""
    if isinstance(value, list):
        return [camel_case(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        _camel(name): camel_case(one) if isinstance(one, dict | list) and name not in _NOT_GOOGLES else one
        for name, one in value.items()
        if one is not None
    }


@lru_cache(maxsize=256)
def _camel(name: str) -> str:
    return _HUMP.sub(lambda found: found[1].upper(), name)
