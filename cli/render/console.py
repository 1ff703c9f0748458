"""Rich's console, configured for text from other people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

from rich.console import Console

if TYPE_CHECKING:
    from typing import TextIO

_OFF: Final = frozenset({"0", "false"})


def make_console(out: TextIO, *, color: str = "auto") -> Console:
    """Return a console on `out`.

    `color` is `auto`, `always` or `never`; `auto` honours NO_COLOR and FORCE_COLOR. Strings are
    never read as markup or emoji codes, and never highlighted.
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
