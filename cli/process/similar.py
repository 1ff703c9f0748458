"""Characters that an encoding lacks, written as similar ones of ASCII."""

from __future__ import annotations

import codecs
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[UnicodeError], tuple[str | bytes, int]]

_SIMILAR: Final = {
    **dict.fromkeys("▸❯→›", ">"),  # noqa: RUF001 - the look of the last
    **dict.fromkeys("·│▌", "|"),
    **dict.fromkeys("─—–‐‑−•", "-"),  # noqa: RUF001 - dashes and a minus
    **dict.fromkeys("‘’", "'"),  # noqa: RUF001 - quotes
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("×✗", "x"),  # noqa: RUF001 - times
    **dict.fromkeys("⋮⋯", ":"),
    **dict.fromkeys("…↷", "~"),
    "←": "<",
    "✂": "!",
    "⏎": "/",
    "\u00a0": " ",
}


def similar(otherwise: str) -> str:
    """Register an error handler for encoding, and return its name.

    A character without a similar one is handled as `otherwise` says.
    """
    name = f"similar-or-{otherwise}"
    codecs.register_error(name, partial(_replace, codecs.lookup_error(otherwise)))
    return name


def _replace(otherwise: Handler, error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    found = _SIMILAR.get(error.object[error.start])
    if found is not None:
        return found, error.start + 1
    error.end = error.start + 1
    return otherwise(error)
