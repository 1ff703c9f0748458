"""Proving that a text continues another: what is accepted, what is trimmed, and what is not proven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.blanks import squeezed
from fallback_chat.core.engine.seam import (
    LEAST_ANCHOR,
    LONGEST_ANCHOR,
    LONGEST_PARTIAL,
    Seam,
    SeamUnprovenError,
    anchor_of,
    ends_inside_a_fence,
)

PROSE = (
    "A sort is stable when equal elements keep their order. That matters when records are sorted twice: first by name, "
    "then by age. People of the same age stay sorted by name.\n\nMerge sort is stable; quicksort is not, unless it is "
    "given the position of each element as a second key."
)
CODE = (
    "Here is one way:\n\n```python\ndef by_age(people):\n    return sorted(people, key=lambda person: person.age)\n\n\n"
    "def by_name(people):\n    return sorted(people, key=lambda person: person.name)\n```\n\nBoth are stable.\n"
)
LIST = "Three kinds of sorts:\n\n- **merge sort** is stable\n- **quicksort** is not stable\n- **heap sort** is not either\n"
CJK = (
    "安定なソートとは、等しい要素の順序を保つソートのことです。"
    "名前で並べ替えてから年齢で並べ替えると、同じ年齢の人は名前の順のままです。"
)
TEXTS = {"prose": PROSE, "code": CODE, "list": LIST, "cjk": CJK}


def joined(partial: str, following: str, size: int = 7) -> str | None:
    """Return the whole text, or None where the seam is not proven."""
    anchor = anchor_of(partial)
    if anchor is None:
        return None
    seam = Seam(partial, anchor)
    try:
        shown = [seam.feed(following[start : start + size]) for start in range(0, len(following), size)]
        seam.end()
    except SeamUnprovenError:
        return None
    return partial + "".join(shown)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whoever_begins_with_the_anchor_continues_wherever_the_text_was_cut(text: str) -> None:
    cuts = [cut for cut in range(len(text)) if anchor_of(text[:cut]) is not None]
    assert len(cuts) >= len(text) - 40
    for cut in cuts:
        partial = text[:cut]
        following = text[text.rindex(str(anchor_of(partial)), 0, cut) :]
        assert joined(partial, following) == text


@pytest.mark.parametrize(
    "preface", ["Sure, continuing:\n\n", "Continuing from there:\n", "Of course! ", "\u7d9a\u3051\u307e\u3059\uff1a\n"]
)
def test_a_line_of_preface_is_dropped(preface: str) -> None:
    partial, rest = PROSE[:200], PROSE[200:]
    accepted = joined(partial, preface + str(anchor_of(partial)) + rest)

    assert accepted == (None if preface == "Of course! " else PROSE)


def test_an_opened_fence_is_dropped_only_where_the_text_ends_inside_one() -> None:
    inside, outside = CODE[:100], PROSE[:200]

    assert joined(inside, "```python\n" + str(anchor_of(inside)) + CODE[100:]) == CODE
    assert joined(inside, "Here is the rest:\n```python\n" + str(anchor_of(inside)) + CODE[100:]) == CODE
    assert joined(outside, "```\n" + str(anchor_of(outside)) + PROSE[200:]) is None


@pytest.mark.parametrize("start", [0, 57, 115, 150])
def test_whoever_repeats_more_than_the_anchor_is_trimmed(start: int) -> None:
    assert joined(PROSE[:200], PROSE[start:]) == PROSE


def test_blanks_count_as_runs_outside_of_fences_and_as_they_are_inside() -> None:
    prose, code = PROSE[:200], CODE[:100]
    wrapped = str(anchor_of(prose)).replace(" ", "\n", 1)
    indented = str(anchor_of(code)).replace(" ", "  ", 1)

    assert joined(prose, wrapped + PROSE[200:]) == PROSE
    assert joined(code, indented + CODE[100:]) is None


@pytest.mark.parametrize(
    ("end", "rest", "whole"),
    [
        ("stays the same", " for ever.", "stays the same for ever."),
        ("stays the same ", " for ever.", "stays the same for ever."),
        ("stays the same ", "for ever.", "stays the same for ever."),
        ("stays the same\n\n", "\n\nAnd so on.", "stays the same\n\nAnd so on."),
        ("stays the same\n", "\n\nAnd so on.", "stays the same\n\nAnd so on."),
        ("stays the same\n\n", " And so on.", "stays the same\n\nAnd so on."),
        ("stays the sam", "e for ever.", "stays the same for ever."),
    ],
)
def test_the_blanks_at_the_seam_stand_there_once(end: str, rest: str, whole: str) -> None:
    begin = "In a stable sort the order of equal elements "

    assert joined(begin + end, (begin + end).rstrip() + rest) == begin + whole


@pytest.mark.parametrize(
    "following",
    [
        "",
        " unless it is given",
        "I am sorry, but I cannot help with that.",
        "Sorting algorithms fall into two classes. " + PROSE,
        PROSE[:150] + " and now something else entirely, at length, so that it is decided at last. " * 4,
        PROSE[170:190],
        "A sort is stable if equal elements do not change places." + PROSE[120:],
        "Sure, here is a rather long introduction that goes on for more than a line of preface could ever need: it "
        "really says nothing at all: " + PROSE[120:],
        "One line.\nAnother line:\n" + PROSE[120:],
    ],
    ids=[
        "nothing",
        "gap",
        "apology",
        "anew",
        "repeats and leaves",
        "stops in the anchor",
        "reworded",
        "long",
        "two lines",
    ],
)
def test_anything_else_is_not_proven(following: str) -> None:
    assert joined(PROSE[:200], following) is None


@pytest.mark.parametrize("text", ["", "Too short.", "-" * 500, "la " * 300])
def test_a_text_without_an_end_of_its_own_has_no_anchor(text: str) -> None:
    assert anchor_of(text) is None


@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 400))
def test_an_anchor_is_the_unique_end_of_its_text(name: str, cut: int) -> None:
    partial = TEXTS[name][:cut]
    anchor = anchor_of(partial)
    if anchor is None:
        return
    assert partial.rstrip().endswith(anchor)
    assert LEAST_ANCHOR <= len(anchor) <= LONGEST_ANCHOR
    whole, sought = (partial, anchor) if ends_inside_a_fence(partial) else (squeezed(partial), squeezed(anchor))
    assert whole.count(sought) == 1


@given(st.sampled_from(sorted(TEXTS)), st.integers(40, 250), st.text("ab \n`:", max_size=80), st.integers(1, 30))
def test_how_the_text_is_cut_into_pieces_makes_no_difference(name: str, cut: int, noise: str, size: int) -> None:
    partial = TEXTS[name][:cut]
    anchor = anchor_of(partial) or ""
    for following in (noise, anchor + noise, noise + anchor + noise, partial + noise):
        assert joined(partial, following, size) == joined(partial, following, 10_000)


@given(st.sampled_from(sorted(TEXTS)), st.integers(40, 250), st.text("ab \n`:.", max_size=300))
def test_what_is_shown_is_always_an_end_of_what_came(name: str, cut: int, following: str) -> None:
    partial = TEXTS[name][:cut]
    whole = joined(partial, (anchor_of(partial) or "") + following)

    assert whole is None or following.endswith(whole[len(partial) :].lstrip())


def test_a_long_repetition_is_not_kept() -> None:
    partial = "".join(f"Sentence number {number} of a rather long answer.\n" for number in range(5_000))
    seam = Seam(partial, str(anchor_of(partial)))

    for start in range(0, len(partial) - 100, 50):
        assert seam.feed(partial[start : start + 50]) == ""
        assert len(seam._held) <= 400


def test_an_answer_longer_than_any_model_writes_is_not_continued() -> None:
    longest = PROSE.rjust(LONGEST_PARTIAL)

    assert anchor_of(longest) is not None
    assert anchor_of(" " + longest) is None
