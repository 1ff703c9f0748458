"""Tables: columns, folded cells, records, and tables that grow."""

from __future__ import annotations

import random

import pytest

from fallback_chat.cli.render.blocks import LONG
from fallback_chat.cli.render.cells import cells
from fallback_chat.cli.render.table import MANY, NARROWEST, fitted
from tests.cli.render.generated import table
from tests.cli.render.support import missing, pieces, plain, rendered, stream
from tests.cli.render.support import words_of as letters


def test_columns_are_as_wide_as_their_widest_cell_and_aligned() -> None:
    text = "| Name | Value | Note |\n|:---|---:|:-:|\n| a | 1 | *x* |\n| long name | 1000 | middle |\n"
    assert rendered(text) == [
        "Name       Value   Note",
        "─────────  ─────  ──────",
        "a              1    x",
        "long name   1000  middle",
    ]


def test_a_cell_that_does_not_fit_is_folded_in_its_column() -> None:
    word = "https://example.com/docs/reference"
    text = f"| URL | note |\n|---|---|\n| {word} | some words that are long |\n| b | c |\n"
    assert rendered(text, 30) == [
        "URL             note",
        "──────────────  ──────────────",
        "https://exampl  some words",
        "e.com/docs/ref  that are long",
        "erence",
        "",
        "b               c",
    ]


def test_a_cell_has_the_lines_that_it_was_given() -> None:
    text = "|what|how|\n|-|-|\n|one<br>and *two<BR />three*|`<br>`|\n|a\tb|c|\n"
    assert rendered(text) == ["what     how", "───────  ────", "one      <br>", "and two", "three", "", "a b      c"]
    assert rendered(text, 10) == ["what: one", "  and two", "  three", "how: <br>", "", "what: a b", "how: c"]
    assert rendered("a<br>b\n") == ["a<br>b"]


def test_columns_that_would_be_too_narrow_become_records() -> None:
    names = [f"c{n}" for n in range(12)]
    text = f"|{'|'.join(names)}|\n{'|---' * 12}|\n" + "".join(
        f"|{'|'.join(f'w{row}x{n}' for n in range(12))}|\n" for row in range(2)
    )
    first, second = ([f"c{n}: w{row}x{n}" for n in range(12)] for row in range(2))
    assert rendered(text, 30) == [*first, "", *second]


def test_a_record_keeps_long_words_whole_for_the_terminal_to_wrap() -> None:
    url = f"https://example.com/{'a' * 40}"
    text = "|Model|Where|Price|\n|-|-|-|\n" + f"|large model|{url}|$3|\n"
    assert rendered(text, 24) == ["Model: large model", "Where:", f"  {url}", "Price: $3"]


def test_a_head_without_rows_is_shown_in_both_forms() -> None:
    assert rendered("|a|b|\n|-|-|\n") == ["a  b", "─  ─"]
    assert rendered("|first|second|third|\n|-|-|-|\n", 10) == ["first", "second", "third"]


def test_cells_that_are_too_many_stay_in_the_last_one_and_missing_ones_are_empty() -> None:
    assert rendered("|a|b|\n|-|-|\n|1|\n|1|2|3|4|\n|x\\|y|z|\n") == [
        "a    b",
        "───  ─────",
        "1",
        "1    2|3|4",
        "x|y  z",
    ]


def test_pipes_in_code_and_in_addresses_are_text_where_a_row_has_too_many() -> None:
    rows = ["|`a || b`|either|", "|x | `` ls | wc `` | https://a.example/b|c |", "|`a|b|", "|a `|` b|`c\\|d`|"]
    assert rendered("\n".join(["|expression|meaning|", "|-|-|", *rows])) == [
        "expression  meaning",
        "──────────  ───────────────────────────────",
        "a || b      either",
        "x           ls | wc | https://a.example/b|c",
        "`a          b",
        "a | b       c|d",
    ]


def test_a_table_stands_in_its_item_and_its_quote() -> None:
    assert rendered("- a\n\n  |b|\n  |-|\n  |c|\n\n> |d|\n> |-|\n") == [
        "• a",
        "",
        "  b",
        "  ─",
        "  c",
        "",
        "▌ d",
        "▌ ─",
    ]


@pytest.mark.parametrize(
    ("wanted", "room", "widths"),
    [
        ([3, 4], 20, [3, 4]),
        ([3, 40, 50], 44, [3, 18, 19]),
        ([40, 40], 18, [8, 8]),
        ([40, 40], 17, None),
        ([2, 40], 12, [2, 8]),
    ],
)
def test_the_widest_columns_are_narrowed_down_to_the_narrowest(
    wanted: list[int], room: int, widths: list[int] | None
) -> None:
    assert NARROWEST == 8
    assert fitted(wanted, room) == widths


def test_the_text_of_each_column_is_in_its_column() -> None:
    chance = random.Random(3)
    for _ in range(30):
        rows = [[f"{chance.choice('abcdefgh') * chance.randint(1, 30)}{n}" for n in range(3)] for _ in range(4)]
        text = "\n".join(["|x|y|z|", "|-|-|-|", *("|" + "|".join(row) + "|" for row in rows), ""])
        shown = rendered(text, 40)
        line = shown[1]
        starts = [at for at in range(len(line)) if line[at] == "─" and (at == 0 or line[at - 1] == " ")]
        for column, (start, end) in enumerate(zip(starts, [*starts[1:], 99], strict=True)):
            there = "".join(row[start:end].strip() for row in shown[2:])
            assert there == "".join(row[column] for row in rows)


def test_a_table_waits_for_its_end_and_shows_its_head_and_its_last_rows_meanwhile() -> None:
    text = "| n | square |\n|--|--|\n" + "".join(f"| {n} | {n * n} |\n" for n in range(12))
    final, live = stream([text], height=6)
    assert (plain(final), plain(live)) == (
        [],
        ["n   square", "──  ──────", "⋮ 9 rows above", "9   81", "10  100", "11  121"],
    )


def test_records_do_not_wait() -> None:
    text = "|a|b|c|d|\n|-|-|-|-|\n|one one|two two|three three|four four|\n"
    final, _ = stream([text], columns=20)
    assert plain(final) == ["a: one one", "b: two two", "c: three three", "d: four four"]


def test_a_very_long_table_keeps_the_columns_that_it_has_and_goes_on() -> None:
    text = table(random.Random(5), rows=MANY + 50)
    lines = [f"{line}\n" for line in text.splitlines()]
    final, live = stream(lines, columns=100)
    assert len(final) > MANY
    assert len(live) < 10
    assert letters("".join(plain([*final, *live]))) != ""
    assert max(map(cells, plain(final))) <= 100


def test_a_line_of_many_pages_below_a_table_is_text_with_nothing_missing_in_it() -> None:
    long = "| " + "word " * (LONG // 2) + "|"
    text = f"| a | b |\n|---|---|\n| 1 | 2 |\n{long}\n"
    rows = rendered(text)
    assert rows[:3] == ["a  b", "─  ─", "1  2"]
    assert missing(text, rows) == ""
    for size in (17, 400, LONG):
        final, live = stream(pieces(text, size))
        assert missing(text, plain([*final, *live])) == "", size


def test_a_line_as_long_as_a_row_may_be_is_one() -> None:
    text = f"| a | b |\n|---|---|\n| {'w' * (LONG - 8)} | 2 |\n| 3 | 4 |\n"
    assert rendered(text)[-1].split() == ["3", "4"]
