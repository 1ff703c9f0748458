"""When a text is complete, and what stands for a large paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.repl.editing import Pastes, is_open, unquoted


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("a question", False),
        ('"""', True),
        ('"""one\ntwo', True),
        ('"""one\ntwo"""', False),
        ("look:\n```python\nx", True),
        ("look:\n```python\nx\n```", False),
        ("~~~\nx\n~~~", False),
        ("inline ``` marks", False),
    ],
)
def test_a_text_waits_for_the_end_of_its_block(text: str, waits: bool) -> None:
    assert is_open(text) is waits


def test_the_quotes_of_a_block_are_not_sent() -> None:
    assert unquoted('"""\none\n  two\n"""') == "one\n  two"
    assert unquoted(' a """ b ') == 'a """ b'
    assert unquoted('"""') == '"""'


def test_a_small_paste_is_itself_and_its_line_ends_are_ours() -> None:
    assert Pastes().sign("a\r\nb\rc") == "a\nb\nc"


VISIBLE = st.characters(exclude_categories=["Cc"]) | st.sampled_from("\n\r\t")


@given(st.lists(st.text(VISIBLE, min_size=1010), min_size=1, max_size=4))
def test_every_large_paste_comes_back_from_its_sign(texts: list[str]) -> None:
    pastes = Pastes()
    line = " and ".join(pastes.sign(text) for text in texts)
    assert len(line) < 60 * len(texts)
    assert pastes.expand(line) == " and ".join(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)


def test_a_paste_brings_no_control_characters() -> None:
    assert Pastes().sign("a\x1b[31mb\x07\tc\n") == "a[31mb\tc\n"


def test_a_sign_that_somebody_typed_stays_what_it_is() -> None:
    assert Pastes().expand("[pasted #7: 12 lines]") == "[pasted #7: 12 lines]"
