"""Rich's console, set up for text that others wrote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

from rich.console import Console

if TYPE_CHECKING:
    from typing import TextIO

_OFF: Final = frozenset({"0", "false"})


def make_console(out: TextIO, *, color: str = "auto") -> Console:
    """Make a console on `out`; `color` is `auto`, `always` or `never`, and `auto` honours NO_COLOR and FORCE_COLOR.

    Strings are never read as markup, emoji codes or things to highlight.
    """
    system: Literal["auto"] | None = None if color == "never" else "auto"
    force: bool | None = True if color == "always" else None
    if color == "auto" and os.environ.get("FORCE_COLOR", "").lower() in _OFF:
        force = out.isatty()  # Rich takes FORCE_COLOR=0 for a yes
    return Console(
        file=out,
        color_system=system,
        force_terminal=force,
        no_color=False if color == "always" else None,
        markup=False,
        emoji=False,
        highlight=False,
    )
