"""The pieces of the status row, painted as a row."""

from __future__ import annotations

from fallback_chat.cli.render.rows import painted
from fallback_chat.cli.render.theme import THEMES
from fallback_chat.cli.repl.status import Piece, Tone
from fallback_chat.cli.repl.theme import row

PIECES = (Piece("ok", Tone.GOOD), Piece(" [red]x[/red]", Tone.DIM))


def test_markup_stays_text() -> None:
    for theme in THEMES.values():
        assert [text for text, _ in row(PIECES, theme)] == ["ok", " [red]x[/red]"]


def test_every_tone_has_a_style_in_every_theme() -> None:
    for theme in THEMES.values():
        assert set(Tone) <= set(theme.styles)


def test_dim_is_the_attribute() -> None:
    assert painted(row(PIECES, THEMES["dark"]), colors=True) == "\x1b[32mok\x1b[0m\x1b[2m [red]x[/red]\x1b[0m"
