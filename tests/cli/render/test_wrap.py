"""Rows of a paragraph: where they end, and how a text goes on behind a row."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.cells import cells, clusters
from fallback_chat.cli.render.inline import parse_inline
from fallback_chat.cli.render.rows import folded, joined, painted, plain, surely_fits, trimmed
from fallback_chat.cli.render.theme import THEMES
from fallback_chat.cli.render.wrap import wrapped

FAMILY = "👨\u200d👩\u200d👧"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def wrap(text: str, columns: int, first: str = "", rest: str = "") -> list[str]:
    pieces = parse_inline(text, THEMES["dark"].styles).pieces
    return [plain(row.row) for row in wrapped(pieces, columns, ((first, ""),), ((rest, ""),))]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("one\ntwo three", 20, ["one", "two three"]),
        ("one   two \n three", 20, ["one   two", "three"]),
        ("a **bold word** b", 8, ["a bold", "word b"]),
        ("a**b**c d", 4, ["abc", "d"]),
        ("", 10, [""]),
        ("你好世界。你好", 9, ["你好世", "界。你好"]),
        ("「你好」世界", 8, ["「你好」", "世界"]),
        ("漢字word漢字", 6, ["漢字", "word漢", "字"]),
        (f"{FAMILY}{FAMILY}", 7, [FAMILY, FAMILY]),
    ],
)
def test_rows_end_between_words_and_between_ideographs(text: str, columns: int, expected: list[str]) -> None:
    assert wrap(text, columns) == expected


def test_the_first_row_has_the_mark_and_the_others_its_width() -> None:
    assert wrap("one two three", 10, "1. ", "   ") == ["1. one two", "   three"]


def test_a_word_that_is_longer_than_a_row_is_left_to_the_terminal() -> None:
    assert wrap(f"Open https://example.com/{'a' * 30}END now and then", 20) == [
        "Open",
        f"https://example.com/{'a' * 30}END now",
        "and then",
    ]


@given(st.text("ab *`[]()你。 \n", max_size=60), st.integers(4, 30))
def test_a_text_that_goes_on_behind_a_row_has_the_same_rows(text: str, columns: int) -> None:
    styles = THEMES["dark"].styles
    inline = parse_inline(text, styles)
    rows = wrapped(inline.pieces, columns)
    for at, row in enumerate(rows[1:], 1):
        if not row.reopen and plain(row.row) and (inline.pending is None or row.start <= inline.pending):
            rest = wrapped(parse_inline(text[row.start :], styles).pieces, columns)
            assert [plain(each.row) for each in rest] == [plain(each.row) for each in rows[at:]]


@given(st.text(max_size=40), st.integers(2, 12))
def test_a_folded_row_has_all_of_it_and_fits(text: str, columns: int) -> None:
    parts = folded((("x", ""), (text, "bold")), columns)
    assert "".join(map(plain, parts)) == f"x{text}"
    assert all(cells(plain(part)) <= columns or len([*clusters(plain(part))]) == 1 for part in parts)


@given(st.text("a漢é한→ ", max_size=40), st.integers(2, 12))
def test_a_text_of_wide_and_narrow_characters_is_folded_where_the_next_one_does_not_fit(
    text: str, columns: int
) -> None:
    parts = [*map(plain, folded(((text[:3], "bold"), (text[3:], "")), columns))]
    assert "".join(parts) == text
    assert all(cells(part + after[0]) > columns for part, after in pairwise(parts))


@pytest.mark.parametrize(
    ("text", "columns", "count"),
    [
        *(("abc", 3, 3), ("é", 1, 1), ("e\u0301", 1, 1), ("漢字", 4, 2), ("\u200b", 0, 1)),
        *((FAMILY, 6, 1), (ENGLAND, 2, 1), ("🇫🇷🇩🇪", 8, 2), ("❤️", 2, 1), ("👍🏽", 4, 1), ("नी", 2, 1)),
    ],
)
def test_columns_are_those_of_the_terminal_that_needs_most(text: str, columns: int, count: int) -> None:
    assert (cells(text), len([*clusters(text)])) == (columns, count)


def test_only_rows_that_every_terminal_measures_alike_surely_fit() -> None:
    assert surely_fits((("plain text, ünïcödé → 漢字 ✓", ""),), 40)
    assert not surely_fits(((f"{FAMILY} abc", ""),), 40)
    assert not surely_fits((("abc", ""),), 2)


def test_spans_of_one_style_are_one_and_blanks_at_the_end_go() -> None:
    assert joined([("a", ""), ("b", ""), ("", "bold"), ("c", "bold")]) == (("ab", ""), ("c", "bold"))
    assert trimmed([("a", ""), (" ", ""), ("  ", "bold")]) == (("a", ""),)


def test_styles_become_sequences_and_without_colours_only_attributes() -> None:
    row = (("a", "bold underline green red"), ("b", ""), ("c", "cyan"))
    assert painted(row, colors=True) == "\x1b[1;4;31ma\x1b[0mb\x1b[36mc\x1b[0m"
    assert painted(row, colors=False) == "\x1b[1;4ma\x1b[0mbc"
