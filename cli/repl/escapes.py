"""Sequences for the terminal that a terminal multiplexer has to pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK: Final = 700
"""Characters that GNU screen passes on in one string."""


def wrapped(sequence: str, env: Mapping[str, str]) -> str:
    """Wrap a sequence for tmux (`allow-passthrough`), or GNU screen in short strings."""
    if env.get("TMUX"):
        return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
    if env.get("STY"):
        parts = (sequence[at : at + _CHUNK] for at in range(0, len(sequence), _CHUNK))
        return "".join(f"\x1bP{part}\x1b\\" for part in parts)
    return sequence


def notification(how: str, text: str, env: Mapping[str, str]) -> str:
    """Return what calls the user back: `bell` rings, `desktop` shows a text (OSC 9)."""
    if how == "desktop":
        shown = "".join(character for character in text if character.isprintable())
        return wrapped(f"\x1b]9;{shown}\x07", env)
    return "\x07" if how == "bell" else ""
