"""Long texts are treated like short ones, without memory for each word."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.blanks import count_of_words, squeezed, without_blanks

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = (
    *("", " ", "one", " one  two\n", "a\u3000b\x1fc", "a" * 200_000, "ab " * 70_000, "\n" * 70_000 + "x"),
    *("x" + " " * 140_000 + "y", "a" * 65_536 + "b", "a" * 65_536 + " b", "a" * 65_535 + " b"),
)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("before", ["", "a", " "])
def test_a_text_of_many_pieces_is_treated_like_one(text: str, before: str) -> None:
    text = before + text

    assert squeezed(text) == " ".join(text.split())
    assert without_blanks(text) == "".join(text.split())
    assert count_of_words(text) == len(text.split())


@pytest.mark.parametrize("treat", [squeezed, without_blanks, count_of_words])
def test_a_word_takes_no_memory_of_its_own(treat: Callable[[str], object]) -> None:
    text = "a " * 1_000_000
    tracemalloc.start()
    try:
        treat(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 12_000_000  # a list of its words takes 58
