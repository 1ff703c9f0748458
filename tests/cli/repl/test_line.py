"""The input line knows what was typed and what was pasted, whatever is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.document import Document

from fallback_chat.cli.repl.draft import Draft, Origin, Run
from fallback_chat.cli.repl.input_history import InputHistory
from fallback_chat.cli.repl.line import Line, changed
from fallback_chat.cli.repl.pastes import Pastes

if TYPE_CHECKING:
    from pathlib import Path


def a_line(tmp_path: Path) -> Line:
    pastes = Pastes()
    return Line(pastes, InputHistory(tmp_path / "history", print, pastes))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return a_line(tmp_path)


def parts(line: Line) -> list[tuple[str, str]]:
    return [(run.origin.value, run.text) for run in line.draft.runs]


@given(st.text("ab", max_size=6), st.text("ab", max_size=4), st.data())
def test_what_was_inserted_is_found_by_the_cursor(text: str, inserted: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    new = text[:at] + inserted + text[at:]
    assert changed(text, new, at + len(inserted)) == (at, at + len(inserted))
    assert changed(new, text, at) == (at, at)


@given(st.text("ab"), st.text("ab"), st.integers(0, 10))
def test_a_change_is_found_wherever_the_cursor_is(old: str, new: str, cursor: int) -> None:
    start, end = changed(old, new, min(cursor, len(new)))
    behind = len(old) - (len(new) - end)
    assert 0 <= start <= end <= len(new)
    assert start <= behind <= len(old)
    assert old[:start] + new[start:end] + old[behind:] == new


def test_keys_type_and_pastes_are_pasted(line: Line) -> None:
    line.insert_text("see ")
    line.paste("@x\r\n")
    line.insert_text(" ok")
    assert parts(line) == [("typed", "see "), ("pasted", "@x\n"), ("typed", " ok")]


def test_a_typed_character_between_equal_pasted_ones_is_the_one_that_was_typed(line: Line) -> None:
    line.paste("@@")
    line.cursor_position = 1
    line.insert_text("@")
    assert parts(line) == [("pasted", "@"), ("typed", "@"), ("pasted", "@")]
    line.delete_before_cursor()
    assert parts(line) == [("pasted", "@@")]


def test_undo_and_redo_bring_back_what_it_was(line: Line) -> None:
    line.insert_text("a")
    line.save_to_undo_stack()
    line.paste("/quit")
    line.save_to_undo_stack()
    line.delete_before_cursor(3)
    line.undo()
    assert parts(line) == [("typed", "a"), ("pasted", "/quit")]
    line.undo()
    assert parts(line) == [("typed", "a")]
    line.redo()
    assert parts(line) == [("typed", "a"), ("pasted", "/quit")]


def test_what_was_cut_comes_back_as_it_was_also_into_another_message(line: Line) -> None:
    line.insert_text("see ")
    line.paste("@~/secret")
    cut = line.delete_before_cursor(6)
    line.reset()
    line.insert_text("so ")
    line.document = Document("so " + cut, 3 + len(cut))
    assert parts(line) == [("typed", "so "), ("pasted", "secret")]


def test_what_was_typed_and_cut_comes_back_typed(line: Line) -> None:
    line.insert_text("/help")
    cut = line.delete_before_cursor(5)
    line.document = Document(cut, len(cut))
    assert parts(line) == [("typed", "/help")]


def test_a_change_of_case_makes_nothing_typed_out_of_a_paste(line: Line) -> None:
    line.paste("@abc")
    line.transform_region(0, 4, str.upper)
    assert parts(line) == [("pasted", "@ABC")]


def test_what_is_chosen_from_the_menu_is_typed(line: Line) -> None:
    line.paste("/quit")
    line.reset()
    line.insert_text("/q")
    line.put("quit", replacing=1)
    assert parts(line) == [("typed", "/quit")]


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1eb\U0001f1f7"


@pytest.mark.parametrize("unit", [FAMILY, FLAG, "e\u0301", "\u270c\U0001f3fd", "1\ufe0f\u20e3", "\u0645\u200c"])
def test_the_cursor_takes_a_cluster_for_one_character(line: Line, unit: str) -> None:
    line.insert_text(f"a{unit}b")
    places = [line.cursor_position]
    while line.cursor_position:
        line.cursor_left()
        places.append(line.cursor_position)
    assert places == [len(unit) + 2, len(unit) + 1, 1, 0]
    line.cursor_position = 1
    line.cursor_right()
    assert line.cursor_position == len(unit) + 1
    line.delete_before_cursor()
    assert line.text == "ab"
    line.insert_text(unit)
    line.cursor_position = 1
    line.delete()
    assert line.text == "ab"


def test_a_long_paste_is_one_character_and_can_be_unfolded(line: Line) -> None:
    text = "\n".join(map(str, range(20)))
    line.insert_text("why? ")
    line.paste(text)
    assert (len(line.text), line.draft) == (6, Draft((Run("why? "), Run(text, Origin.PASTED))))
    assert line.unfold()
    assert (line.text, parts(line)) == (f"why? {text}", [("typed", "why? "), ("pasted", text)])
    assert not line.unfold()
    line.undo()
    assert parts(line) == [("typed", "why? "), ("pasted", text)]


def test_a_draft_is_loaded_as_it_was(line: Line) -> None:
    draft = Draft((Run("a "), Run("/b", Origin.PASTED), Run(" c")))
    line.load(draft)
    assert (line.draft, line.cursor_position) == (draft, 6)
    line.cursor_position = 3
    line.insert_text("x")
    assert parts(line) == [("typed", "a "), ("pasted", "/"), ("typed", "x"), ("pasted", "b"), ("typed", " c")]


def test_earlier_questions_come_in_behind_a_text_whose_cursor_stays(line: Line) -> None:
    line.history.newest_first = lambda: ["two", "one"]  # type: ignore[attr-defined]
    line.load(Draft.typed("draft"))
    line.cursor_position = 2
    for _ in range(2):
        line.load_history_if_not_yet_loaded()
    assert (line.text, line.cursor_position) == ("draft", 2)
    line.history_search_text = ""
    line.history_backward(2)
    assert line.text == "one"
    line.history_forward(2)
    assert line.text == "draft"


def test_words_of_earlier_questions_are_data(line: Line) -> None:
    line.history.load_history_strings = lambda: ["see @x"]  # type: ignore[method-assign]
    line.history._loaded_strings = ["see @x"]
    line.yank_last_arg()
    assert parts(line) == [("pasted", "@x")]


def test_a_state_that_comes_back_in_place_of_one_as_long_keeps_its_origins(line: Line) -> None:
    line.paste("@")
    line.save_to_undo_stack()
    line.delete_before_cursor(1)
    line.insert_text("/")
    line.undo()
    assert parts(line) == [("pasted", "@")]
    line.redo()
    assert parts(line) == [("typed", "/")]
    line.undo()
    assert parts(line) == [("pasted", "@")]


STEPS = st.lists(
    st.tuples(st.just("type"), st.text("ab@", min_size=1, max_size=3))
    | st.tuples(st.just("paste"), st.text("ab@", min_size=1, max_size=3).map(str.upper))
    | st.tuples(st.sampled_from(["back", "delete", "left", "undo", "redo", "save"]), st.just(""))
)


@given(steps=STEPS)
def test_after_any_edit_each_character_has_the_origin_that_it_came_with(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    line = a_line(tmp_path_factory.getbasetemp())
    for step, text in steps:
        match step:
            case "type":
                line.insert_text(text.replace("@", "c"))
            case "paste":
                line.paste(text)
            case "back":
                line.delete_before_cursor(min(1, line.cursor_position))
            case "delete":
                line.delete()
            case "left":
                line.cursor_left()
            case "save":
                line.save_to_undo_stack()
            case _:
                getattr(line, step)()
    typed = "".join(run.text for run in line.draft.runs if run.origin is Origin.TYPED)
    pasted = "".join(run.text for run in line.draft.runs if run.origin is Origin.PASTED)
    assert (set(typed) - set("abc"), set(pasted) - set("AB@")) == (set(), set())
