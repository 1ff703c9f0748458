from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.sanitise import sanitise

# Emoji, Persian and Hindi are spelt with joiners and variation selectors.
JOINED = "\U0001f469\u200d\U0001f467 \u2764\ufe0f \u0645\u06cc\u200c\u062e \u0915\u094d\u200d\u0937"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, ünïcödé, 日本語\tand\nlines\n", "plain, ünïcödé, 日本語\tand\nlines\n"),
        ("\x1b[31m", "␛[31m"),
        ("\x1b]0;title\x07", "␛]0;title"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x00\x08\x0b\x0c\x0e\x1a\x1c\x1f\x7f\x80\x85\x9b\x9f", ""),
        ("a\u2028b\u2029c", "a b c"),
        ("\u061c\u200e\u200f\u202a\u202e\u2066\u2069", ""),
        ("\u00ad\u200b\u2060\ufeff\ufff9\ufffa\ufffb\U000e0001\U000e007f", ""),
        ("\ud800\udfff", "\ufffd\ufffd"),
        (JOINED, JOINED),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_what_could_steer_or_hide_goes_and_the_rest_stays(text: str, expected: str) -> None:
    assert sanitise(text) == expected


def test_no_control_character_is_left_of_all_of_unicode() -> None:
    every = "".join(map(chr, range(0x110000)))
    left = {char for char in sanitise(every) if unicodedata.category(char) in {"Cc", "Cs"}}
    assert left == {"\n", "\t"}


@given(st.text(st.characters(codec=None)), st.integers(0, 50))
def test_it_does_not_matter_where_the_text_is_cut(text: str, at: int) -> None:
    assert sanitise(text[:at]) + sanitise(text[at:]) == sanitise(text)


@given(st.text(st.characters(codec=None)))
def test_doing_it_twice_changes_nothing_and_the_result_can_be_encoded(text: str) -> None:
    assert sanitise(sanitise(text)) == sanitise(text)
    sanitise(text).encode()
