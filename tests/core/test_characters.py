"""Whether a text contains one of a set of characters, by whichever way is quicker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.characters import Characters

TO_FIND = Characters("\x00-\x08\x7f-\x9f\u2028\\]\U000e0000-\U000e007f")


def is_one(code: int) -> bool:
    return code <= 8 or 0x7F <= code <= 0x9F or code in {0x2028, ord("]")} or 0xE0000 <= code <= 0xE007F


def test_each_character_is_in_the_set_or_not() -> None:
    codes = [*range(0x2100), *range(0xDFFF0, 0xE0090)]

    assert [code for code in codes if TO_FIND.occur_in(chr(code))] == list(filter(is_one, codes))


@given(st.text(st.sampled_from("\0\x08\t\x7f\x80\x9f\xa0a]\\\u2028\u2029\ud800\U000e0001\U0001f600")))
def test_it_does_not_matter_what_stands_beside_it(text: str) -> None:
    assert TO_FIND.occur_in(text) == any(is_one(ord(char)) for char in text)
