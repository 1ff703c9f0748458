"""The input line: where its rows end, and where the cursor is among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.cells import cells
from fallback_chat.cli.render.rows import plain
from fallback_chat.cli.repl.area import INDENT, Text, lay_out


def laid_out(text: str, columns: int, cursor: int | None = None) -> tuple[list[str], tuple[int, int]]:
    at = len(text) if cursor is None else cursor
    area = lay_out(Text(text, at), columns, 1000, lambda unit: "[pasted 9 lines]" if unit == "\ue000" else None)
    return [plain(row) for row in area.rows], (area.cursor.row, area.cursor.column)


@pytest.mark.parametrize(
    ("text", "columns", "rows", "cursor"),
    [
        ("one two three", 12, ["> one two ", "  three"], (1, 7)),
        ("one  two three", 8, ["> one  ", "  two ", "  three"], (2, 7)),
        ("12345678", 10, ["> 12345678", "  "], (1, 2)),
        ("12345678 ", 10, ["> 12345678", "  "], (1, 2)),
        ("12345678 x", 10, ["> 12345678", "  x"], (1, 3)),
        ("1234567  x", 10, ["> 1234567 ", "  x"], (1, 3)),
        ("12345678\nab", 10, ["> 12345678", "  ab"], (1, 4)),
        ("one\n\ntwo", 10, ["> one", "  ", "  two"], (2, 5)),
        ("aaaaaaaaaaaa bb", 10, ["> aaaaaaaa", "  aaaa bb"], (1, 9)),
        ("a bbbbbbbbbbbb", 10, ["> a bbbbbb", "  bbbbbb"], (1, 8)),
        ("ab 你好世界", 10, ["> ab 你好", "  世界"], (1, 6)),
        ("a\tb\tccc", 10, ["> a    b", "  ccc"], (1, 5)),
        ("see \ue000 now", 20, ["> see ", "  [pasted 9 lines] ", "  now"], (2, 5)),
    ],
)
def test_a_row_ends_between_words(text: str, columns: int, rows: list[str], cursor: tuple[int, int]) -> None:
    assert laid_out(text, columns) == (rows, cursor)


def test_at_the_blank_that_ends_a_row_the_cursor_is_where_the_next_word_begins() -> None:
    assert [laid_out("12345678 x", 10, at)[1] for at in (7, 8, 9, 10)] == [(0, 9), (1, 2), (1, 2), (1, 3)]


@given(st.text(alphabet="ab\n", max_size=40), st.integers(1, 6), st.data())
def test_of_more_rows_than_there_is_room_for_those_around_the_cursor_are_shown(
    text: str, most: int, data: st.DataObject
) -> None:
    chosen = Text(text, data.draw(st.integers(0, len(text))), range(2, 5))
    whole, part = (lay_out(chosen, 8, limit, str) for limit in (1000, most))
    first = max(0, min(whole.cursor.row - most // 2, len(whole.rows) - most))
    assert part == (whole.rows[first : first + most], whole.cursor.below(-first))


@given(st.text(alphabet="ab \n\t你é👩", max_size=40), st.integers(5, 24), st.data())
def test_at_any_width_nothing_but_blanks_is_missing_and_the_cursor_is_on_the_screen(
    text: str, columns: int, data: st.DataObject
) -> None:
    rows, cursor = laid_out(text, columns, data.draw(st.integers(0, len(text))))
    assert "".join("".join(row[len(INDENT) :].split()) for row in rows) == "".join(text.split())
    assert all(cells(row) <= columns for row in rows)
    assert cursor[0] < len(rows)
    assert len(INDENT) <= cursor[1] <= columns
