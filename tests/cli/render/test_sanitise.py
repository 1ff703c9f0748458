"""What could steer a terminal is made visible; what is text stays."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback_chat.cli.render.sanitise import Cleaner, neutralise, sanitise

if TYPE_CHECKING:
    from collections.abc import Callable

# Emoji, Persian and Hindi are spelt with joiners and variation selectors.
JOINED = "\U0001f469\u200d\U0001f467 \u2764\ufe0f \u0645\u06cc\u200c\u062e \u0915\u094d\u200d\u0937"


ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
INVISIBLE = "a\u00adb\u061cc\u200b\u200e\u200f\u2060\ufeff\ufff9d"


@pytest.mark.parametrize(
    ("text", "on_a_terminal", "in_a_pipe"),
    [
        ("ünïcödé, 日本語\tand\nlines\n", "ünïcödé, 日本語\tand\nlines\n", "ünïcödé, 日本語\tand\nlines\n"),
        ("\x1b[31m", "␛[31m", "␛[31m"),
        ("\x1b]0;title\x07", "␛]0;title␇", "␛]0;title␇"),
        ("\x9b2J\x9d0;a\x9c\x85", "␛[2J␛]0;a␛\\␛E", "␛[2J␛]0;a␛\\␛E"),
        ("a\r\nb\rc\r", "a\nb␍c␍", "a\r\nb␍c␍"),
        ("\x00\x08\x0b\x0c\x7f", "␀␈␋␌␡", "␀␈␋␌␡"),
        ("a\u2028b\u2029c", "a\nb\nc", "a\u2028b\u2029c"),
        ("\u202aa\u202e\u2066b\u2069", "\ufffda\ufffd\ufffdb\ufffd", "\u202aa\u202e\u2066b\u2069"),
        ("\ud800\udfff", "\ufffd\ufffd", "\ufffd\ufffd"),
        (JOINED, JOINED, JOINED),
        (ENGLAND, ENGLAND, ENGLAND),
        (INVISIBLE, INVISIBLE, INVISIBLE),
        ("[bold]x[/bold]", "[bold]x[/bold]", "[bold]x[/bold]"),
    ],
)
def test_what_could_steer_is_visible_and_the_rest_stays(text: str, on_a_terminal: str, in_a_pipe: str) -> None:
    assert (sanitise(text), neutralise(text)) == (on_a_terminal, in_a_pipe)


@pytest.mark.parametrize("clean", [sanitise, neutralise])
def test_no_control_character_is_left_of_all_of_unicode_and_nothing_vanishes(clean: Callable[[str], str]) -> None:
    every = "".join(map(chr, range(0x110000)))
    left = {char for char in clean(every) if unicodedata.category(char) in {"Cc", "Cs"}}
    assert left == {"\n", "\t"}
    assert [char for char in every if not clean(char)] == []


@pytest.mark.parametrize("clean", [sanitise, neutralise])
@given(
    parts=st.lists(st.sampled_from(["\r\n", "\r", "\n"]) | st.text(st.characters(codec=None), max_size=2), max_size=9)
)
@example(["\r\n"])
def test_it_does_not_matter_where_a_stream_is_cut(clean: Callable[[str], str], parts: list[str]) -> None:
    text = "".join(parts)
    for pieces in (list(text), *([text[:cut], text[cut:]] for cut in range(len(text)))):
        cleaner = Cleaner(clean)
        assert "".join([*map(cleaner.feed, pieces), cleaner.flush()]) == clean(text)


@pytest.mark.parametrize("clean", [sanitise, neutralise])
@given(text=st.text(st.characters(codec=None)))
def test_doing_it_twice_changes_nothing_and_the_result_can_be_encoded(clean: Callable[[str], str], text: str) -> None:
    assert clean(clean(text)) == clean(text)
    clean(text).encode()
