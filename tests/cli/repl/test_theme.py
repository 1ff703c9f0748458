"""The pieces of the status row and of messages, painted alike by prompt-toolkit and in rows of our own."""

from __future__ import annotations

from prompt_toolkit.styles import Style

from fallback_chat.cli.render.theme import THEMES
from fallback_chat.cli.repl.status import Piece, Tone
from fallback_chat.cli.repl.theme import for_prompt_toolkit, fragments, row

PIECES = (Piece("ok", Tone.GOOD), Piece(" [red]x[/red]", Tone.DIM))


def test_both_painters_get_the_same_text_and_markup_stays_text() -> None:
    for theme in THEMES.values():
        assert [part[1] for part in fragments(PIECES, theme)] == ["ok", " [red]x[/red]"]
        assert [text for text, _ in row(PIECES, theme)] == ["ok", " [red]x[/red]"]


def test_every_tone_has_a_style_in_every_theme() -> None:
    for theme in THEMES.values():
        assert set(Tone) <= set(theme.styles)


def test_prompt_toolkit_knows_every_style_and_dim_is_the_attribute() -> None:
    for theme in THEMES.values():
        for style in theme.styles.values():
            Style([("x", for_prompt_toolkit(style))])
    assert fragments(PIECES, THEMES["dark"]) == [("fg:ansigreen", "ok"), ("dim", " [red]x[/red]")]
