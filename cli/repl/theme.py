"""The look of the status row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.status import Piece


def row(pieces: Iterable[Piece], theme: Theme) -> Row:
    """Return pieces as a row."""
    return tuple((piece.text, theme.styles[piece.tone]) for piece in pieces)
