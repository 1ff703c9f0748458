"""The look of everything: one table of styles, one of signs.

Only the eight colours of the terminal's own palette in normal brightness are used: the bright ones
are shades of grey on Solarized and its kin, where bright black is the background. Less important
text is dim, which is an attribute.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

# A role, and its style on a dark and on a light background. Styles are Rich's words: `COLORS` and
# attributes.
_STYLES: Final = (
    # messages and the status row
    ("plain", "", ""),
    ("dim", "dim", "dim"),
    ("active", "bold", "bold"),
    ("good", "green", "green"),
    ("waiting", "yellow", "magenta"),
    ("bad", "red", "red"),
    ("question", "bold", "bold"),
    # an answer
    ("heading 1", "bold underline", "bold underline"),
    ("heading 2", "bold", "bold"),
    ("heading 3", "bold italic", "bold italic"),
    ("strong", "bold", "bold"),
    ("emphasis", "italic", "italic"),
    ("struck", "strike", "strike"),
    ("code", "cyan", "blue"),
    ("link", "underline", "underline"),
    ("address", "dim", "dim"),
    ("mark", "cyan", "blue"),
    ("bar", "dim", "dim"),
    ("line", "dim", "dim"),
    ("head", "bold", "bold"),
    # code, by the names of Pygments; a missing kind looks like the one it is part of
    ("Comment", "dim italic", "dim italic"),
    ("Comment.Preproc", "magenta", "magenta"),
    ("Keyword", "magenta", "magenta"),
    ("Keyword.Constant", "yellow", "red"),
    ("Literal", "yellow", "red"),
    ("Literal.String", "green", "green"),
    ("Literal.String.Doc", "green italic", "green italic"),
    ("Name.Attribute", "cyan", "blue"),
    ("Name.Builtin", "cyan", "blue"),
    ("Name.Class", "bold", "bold"),
    ("Name.Constant", "yellow", "red"),
    ("Name.Decorator", "cyan", "blue"),
    ("Name.Exception", "red", "red"),
    ("Name.Function", "bold", "bold"),
    ("Name.Tag", "magenta", "magenta"),
    ("Operator.Word", "magenta", "magenta"),
    ("Generic.Deleted", "red", "red"),
    ("Generic.Inserted", "green", "green"),
    ("Generic.Heading", "bold", "bold"),
    ("Generic.Subheading", "cyan", "blue"),
    ("Generic.Prompt", "dim", "dim"),
    ("Generic.Output", "", ""),
)
COLORS: Final = frozenset({"red", "green", "yellow", "blue", "magenta", "cyan"})

# A sign, and its replacement if the terminal's encoding has no symbols.
_SIGNS: Final = (
    ("question", "❯", ">"),
    ("switched", "↷", "~"),
    ("next", "→", "->"),
    ("incomplete", "✂", "!"),
    ("failed", "✗", "x"),
    ("bullet", "•", "-"),
    ("bar", "▌", "|"),
    ("line", "─", "-"),
    ("more", "⋮", ":"),
    ("continued", "⋯", ":"),
)


@dataclass(frozen=True, slots=True)
class Theme:
    """The styles for one background, by role."""

    name: str
    styles: Mapping[str, str]

    def code(self, kind: tuple[str, ...]) -> str:
        """Return the style of a kind of code, such as `("Literal", "String", "Double")`."""
        while kind:
            if (style := self.styles.get(".".join(kind))) is not None:
                return style
            kind = kind[:-1]
        return ""


THEMES: Final = {
    "dark": Theme("dark", {role: dark for role, dark, _ in _STYLES}),
    "light": Theme("light", {role: light for role, _, light in _STYLES}),
}


def choose(wish: str, env: Mapping[str, str]) -> Theme:
    """Return the theme called `wish`.

    `auto` follows COLORFGBG, if the terminal sets it (7 and 15 are light backgrounds).
    """
    if wish in THEMES:
        return THEMES[wish]
    background = env.get("COLORFGBG", "").rpartition(";")[2]
    return THEMES["light" if background in ("7", "15") else "dark"]


@cache
def signs_for(encoding: str | None) -> Mapping[str, str]:
    """Return the signs, by name, that a terminal with this encoding can show."""
    has_symbols = "utf" in (encoding or "").lower()
    return {name: symbol if has_symbols else substitute for name, symbol, substitute in _SIGNS}
