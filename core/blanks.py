"""Blanks in long texts, piece by piece: a list of words takes 20 times the text's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = 1 << 16
"""Characters."""


def squeezed(text: str) -> str:
    """Return `text` with every run of blanks reduced to one, and none at its ends."""
    return "".join(_squeezed(text))


def without_blanks(text: str) -> str:
    """Return `text` without its blanks."""
    return "".join("".join(piece.split()) for piece in _pieces(text))


def count_of_words(text: str) -> int:
    """Return the number of words in `text`."""
    words = squeezed(text)
    return words.count(" ") + bool(words)


def _squeezed(text: str) -> Iterator[str]:
    begun = open_end = False
    for piece in _pieces(text):
        if words := " ".join(piece.split()):
            if begun and not (open_end and not piece[0].isspace()):
                yield " "
            yield words
            begun = True
        open_end = not piece[-1].isspace()


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
