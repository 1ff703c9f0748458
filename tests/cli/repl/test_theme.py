"""Colours for two backgrounds, the same for both painters."""

from __future__ import annotations

import pytest

from fallback_chat.cli.repl.status import Piece, Tone
from fallback_chat.cli.repl.theme import THEMES, choose, fragments, rich_text

PIECES = (Piece("ok", Tone.GOOD), Piece(" [red]x[/red]", Tone.DIM))


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


def test_both_painters_get_the_same_text_and_markup_stays_text() -> None:
    for theme in THEMES.values():
        assert "".join(part[1] for part in fragments(PIECES, theme)) == "ok [red]x[/red]"
        assert rich_text(PIECES, theme).plain == "ok [red]x[/red]"


def test_every_tone_has_a_style_in_every_theme() -> None:
    for theme in THEMES.values():
        assert set(theme.rich) == set(theme.prompt_toolkit) == set(Tone)
