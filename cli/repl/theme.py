"""How the pieces of the status row and of messages are painted: by prompt-toolkit and in our own rows, from one table."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from fallback_chat.cli.render.theme import COLORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.render.theme import Theme
    from fallback_chat.cli.repl.status import Piece


def fragments(pieces: Iterable[Piece], theme: Theme) -> StyleAndTextTuples:
    """Paint pieces for prompt-toolkit."""
    return [(for_prompt_toolkit(theme.styles[piece.tone]), piece.text) for piece in pieces]


def row(pieces: Iterable[Piece], theme: Theme) -> Row:
    """Paint pieces as a row."""
    return tuple((piece.text, theme.styles[piece.tone]) for piece in pieces)


@lru_cache(maxsize=128)
def for_prompt_toolkit(style: str) -> str:
    """Return a style in the words of prompt-toolkit."""
    return " ".join(f"fg:ansi{word}" if word in COLORS else word for word in style.split())
