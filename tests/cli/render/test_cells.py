"""Texts measured and cut by the columns that they take at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.cells import cells, clusters, ending, fitting, shortened

TEXTS = st.text(st.sampled_from("ab日本\u0301\u200d\ufe0f❤👍🏽🇩🇪कि"))


def test_a_text_that_is_too_wide_ends_in_an_ellipsis() -> None:
    assert (shortened("abc", 3), shortened("abcd", 3), shortened("abc", 0)) == ("abc", "ab…", "")


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert (shortened("日本語", 6), shortened("日本語", 5), shortened("日本語", 4)) == ("日本語", "日本…", "日…")


def test_what_is_one_character_to_a_reader_is_not_cut() -> None:
    assert [shortened(text, 5) for text in ("🇩🇪🇫🇷", "👍🏽👍🏽", "ककिकककक")] == ["🇩🇪…", "👍🏽…", "ककिक…"]


def test_of_a_text_that_is_too_wide_its_end_can_be_kept() -> None:
    assert (ending("abc", 3), ending("abcd", 3), ending("日本語", 5)) == ("abc", "…cd", "…本語")
    assert [ending("🇩🇪🇫🇷", columns) for columns in (5, 4)] == ["…🇫🇷", "…"]


@given(TEXTS, st.integers(1, 20))
def test_the_end_that_is_kept_fits(text: str, columns: int) -> None:
    kept = ending(text, columns)
    assert text.endswith(kept.removeprefix("…"))
    assert cells(kept) <= columns


@given(TEXTS, st.integers(-2, 20))
def test_what_is_cut_fits_and_nothing_more_would(text: str, columns: int) -> None:
    kept = fitting(text, columns)
    assert text.startswith(kept)
    assert cells(kept) <= max(0, columns)
    following = next(clusters(text[len(kept) :]), "")
    assert not following or cells(kept + following) > columns
    assert cells(shortened(text, columns)) <= max(0, columns)
