"""How tones are painted, on dark and on light backgrounds: one table for both painters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.status import Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from rich.text import Text

    from fallback_chat.cli.repl.status import Piece


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one background. Each tone has a style of prompt-toolkit and the same one in Rich's words."""

    name: str
    prompt_toolkit: Mapping[Tone, str]
    rich: Mapping[Tone, str]
    code: str
    """Pygments style of code blocks."""


def _theme(name: str, code: str, **colors: str) -> Theme:
    """Make a theme of ANSI colours: the terminal's own palette decides what they look like."""
    base = {
        Tone.PLAIN: ("", ""),
        Tone.ACTIVE: ("bold", "bold"),
        Tone.DIM: ("fg:ansibrightblack", "bright_black"),
        **{Tone(tone): (f"fg:ansi{color}", color) for tone, color in colors.items()},
    }
    return Theme(name, {t: pair[0] for t, pair in base.items()}, {t: pair[1] for t, pair in base.items()}, code)


THEMES: Final = {
    "dark": _theme("dark", "monokai", good="green", waiting="yellow", bad="red"),
    "light": _theme("light", "default", good="green", waiting="magenta", bad="red"),
}


def choose(wish: str, env: Mapping[str, str]) -> Theme:
    """Give the theme of that name; `auto` goes by COLORFGBG, where the terminal sets it (7 and 15 are light backgrounds)."""
    if wish in THEMES:
        return THEMES[wish]
    background = env.get("COLORFGBG", "").rpartition(";")[2]
    return THEMES["light" if background in ("7", "15") else "dark"]


def fragments(pieces: Iterable[Piece], theme: Theme) -> StyleAndTextTuples:
    """Paint pieces for prompt-toolkit."""
    return [(theme.prompt_toolkit[piece.tone], piece.text) for piece in pieces]


def rich_text(pieces: Iterable[Piece], theme: Theme) -> Text:
    """Paint pieces for Rich."""
    from rich.text import Text

    text = Text(no_wrap=True, end="")
    for piece in pieces:
        text.append(piece.text, style=theme.rich[piece.tone])
    return text
