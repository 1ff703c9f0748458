"""What gives characters a meaning sees what was typed, and nothing that was pasted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.repl.draft import VEIL, Draft, Origin, Run
from fallback_chat.cli.repl.pastes import Pastes, cleaned

TEXT = st.text(st.sampled_from('ab @/"`~\\\n') | st.characters(exclude_categories=["Cs"]))
DRAFT = st.lists(st.builds(Run, TEXT, st.sampled_from(Origin)), max_size=6).map(
    lambda runs: Draft.of((run.text, run.origin) for run in runs)
)


def typed(text: str) -> Draft:
    return Draft.typed(text)


def pasted(text: str) -> Draft:
    return Draft.pasted(text)


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
def test_a_text_waits_for_the_end_of_its_block_where_it_was_typed(text: str, waits: bool) -> None:
    assert typed(text).is_open is waits
    assert not pasted(text).is_open
    assert (typed(text) + pasted("\n```\nmore")).is_open is waits or text.endswith('"""')


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ('"""\none\n  two\n"""', "one\n  two"),
        (' a """ b ', 'a """ b'),
        ('"""', '"""'),
        ("//etc is what?", "/etc is what?"),
        ("  /etc/hosts \n", "/etc/hosts"),
    ],
)
def test_what_is_asked_is_without_the_marks_that_were_typed(text: str, question: str) -> None:
    assert typed(text).question.text == question
    assert pasted(text).question.text == text


def test_blanks_around_a_paste_are_taken_off_and_those_in_it_stay() -> None:
    assert (typed(" \n") + pasted("  a:\n") + typed(" \n")).question.text == "  a:\n"
    assert (typed(" see ") + pasted(" a ") + typed(" b ")).question.text == "see  a  b"


def test_quotes_of_a_block_are_typed_at_both_ends() -> None:
    assert (typed('"""') + pasted("  x\n") + typed('"""')).question.text == "  x\n"
    assert (typed('"""a') + pasted('"""')).question.text == '"""a"""'


@given(DRAFT, st.integers(0, 60), st.integers(0, 60))
def test_a_part_of_a_draft_is_that_part_of_its_text_and_of_its_mask(draft: Draft, start: int, stop: int) -> None:
    part = draft[start:stop]
    assert (part.text, part.mask) == (draft.text[start:stop], draft.mask[start:stop])
    assert draft[:start] + draft[start:] == draft


@given(DRAFT)
def test_a_draft_comes_back_from_its_data_and_from_the_line(draft: Draft) -> None:
    assert Draft.from_json(draft.as_json()) == draft
    pastes = Pastes()
    assert pastes.decode(*pastes.encode(draft)) == draft


@given(DRAFT)
def test_nothing_pasted_is_lost_or_changed_on_its_way_to_the_question(draft: Draft) -> None:
    mask, question = draft.mask, draft.question
    assert question.mask.count(VEIL) == mask.count(VEIL)
    assert question.text in draft.text


@pytest.mark.parametrize("data", [None, 1, {"typed": "x"}, [["said", "x"]], [["typed"]], ["typed", "x"]])
def test_what_is_no_draft_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="is not a "):
        Draft.from_json(data)


def test_a_paste_has_our_line_ends_and_no_control_characters() -> None:
    assert cleaned("a\r\nb\rc") == "a\nb\nc"
    assert cleaned("a\x1b[31mb\x07\tc\n\x85") == "a[31mb\tc\n"


LONG = st.builds(lambda text: text * 1010, st.text(min_size=1, max_size=5))


@given(st.lists(LONG, min_size=1, max_size=4))
def test_a_long_paste_is_one_character_that_stands_for_it(texts: list[str]) -> None:
    pastes = Pastes()
    signs = [pastes.folded(text) for text in texts]
    assert [len(sign) for sign in signs] == [1] * len(texts)
    assert [*map(pastes.unfolded, signs)] == texts
    assert [pastes.label(sign) for sign in dict.fromkeys(signs)] == [
        f"[pasted #{number}: {(lines := text.count(chr(10)) + 1)} line{'s' * (lines > 1)}]"
        for number, text in enumerate(dict.fromkeys(texts), 1)
    ]


def test_a_short_paste_is_itself_unless_it_looks_like_a_sign() -> None:
    pastes = Pastes()
    assert pastes.folded("a\nb") == "a\nb"
    sign = pastes.folded("\U00100000")
    assert (pastes.unfolded(sign), pastes.label(sign)) == ("\U00100000", "[pasted #1: 1 line]")
    assert pastes.decode("\U00100000", [Origin.TYPED]) == Draft.typed("\U00100000")
