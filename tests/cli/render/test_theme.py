"""One table of styles for two backgrounds, and one of signs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fallback_chat.cli.render.rows import painted
from fallback_chat.cli.render.theme import THEMES, choose, signs_for


@pytest.mark.parametrize(
    ("wish", "background", "name"),
    [
        ("dark", "0;15", "dark"),
        ("light", "", "light"),
        ("auto", "0;15", "light"),
        ("auto", "12;7", "light"),
        ("auto", "15;0", "dark"),
        ("auto", "", "dark"),
        ("auto", "default", "dark"),
    ],
)
def test_the_theme_follows_the_wish_and_then_the_background(wish: str, background: str, name: str) -> None:
    assert choose(wish, {"COLORFGBG": background}).name == name


def test_both_themes_style_the_same_roles() -> None:
    assert set(THEMES["dark"].styles) == set(THEMES["light"].styles)


def test_only_normal_colours_and_attributes_are_used_and_no_background() -> None:
    for theme in THEMES.values():
        for style in theme.styles.values():
            codes = painted((("x", style),), colors=True).partition("\x1b[")[2].partition("m")[0]
            assert (
                set(codes.split(";")) <= {"", "1", "2", "3", "4", "9", *(f"3{color}" for color in range(1, 7)), "0"}
                or not style
            )


def test_code_looks_like_the_kind_that_it_is_a_part_of() -> None:
    theme = THEMES["dark"]
    assert theme.code(("Literal", "String", "Double")) == theme.styles["Literal.String"]
    assert theme.code(("Name", "Builtin", "Pseudo")) == theme.styles["Name.Builtin"]
    assert theme.code(("Punctuation",)) == ""


def test_a_terminal_without_symbols_gets_signs_of_ascii() -> None:
    assert all(sign.isascii() for sign in signs_for("iso-8859-1").values())
    assert signs_for("utf-8")["bullet"] == "\u2022"
    assert set(signs_for(None)) == set(signs_for("UTF-8"))


def test_every_sign_that_is_asked_for_by_its_name_is_in_the_table() -> None:
    sources = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[3] / "cli").rglob("*.py"))
    named = set(re.findall(r"""signs\[["'](\w+)|\bsign=["'](\w+)""", sources))
    asked = {name for pair in named for name in pair if name}

    assert {"more", "bullet", "switched"} <= asked
    assert asked <= set(signs_for("utf-8"))
