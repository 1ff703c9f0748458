"""A text that arrives in pieces: what is printed when, what is live, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fallback_chat.cli.render.blocks import LONG
from fallback_chat.cli.render.markdown import MarkdownStream
from fallback_chat.cli.render.page import Page
from tests.cli.render.documents import DOCUMENTS, PYTHON
from tests.cli.render.support import PAGE, calls_of, missing, pieces, plain, rendered, stream
from tests.sampling import examples

if TYPE_CHECKING:
    from tests.sampling import Sample


class Stream:
    """A stream of which each frame is looked at."""

    def __init__(self, columns: int = 80, height: int = 24) -> None:
        self._stream = MarkdownStream()
        self._page = Page(columns)
        self._height = height

    def __call__(self, text: str) -> tuple[list[str], list[str]]:
        self._stream.feed(text)
        printed, live = self._stream.take(self._page, self._height)
        return plain(printed), plain(live)

    def end(self) -> list[str]:
        return plain(self._stream.finish(self._page))


def test_blocks_are_printed_when_they_end() -> None:
    feed = Stream()
    assert feed("first\n") == ([], ["first"])
    assert feed("\n") == (["first"], [])
    assert feed("- one\n- tw") == (["", "• one"], ["• tw"])
    assert feed("o\n\n  more of two\n- three\n") == (["• two", "", "  more of two"], ["• three"])
    assert feed.end() == ["• three"]


def test_a_row_of_a_growing_paragraph_is_printed_as_soon_as_another_one_follows() -> None:
    feed = Stream(10)
    assert feed("one two ") == ([], ["one two"])
    assert feed("three") == (["one two"], ["three"])
    assert feed(" four five\nsix") == (["three four", "five"], ["six"])
    assert feed.end() == ["six"]


def test_a_row_waits_for_the_end_of_the_markup_that_begins_in_it() -> None:
    feed = Stream(12)
    assert feed("one **two three four") == ([], ["one **two", "three four"])
    assert feed(" five**") == (["one two", "three four"], ["five"])
    assert feed(" and more text") == (["five and"], ["more text"])


def test_a_paragraph_waits_for_the_line_that_could_make_it_a_heading_or_a_table() -> None:
    feed = Stream()
    assert feed("Title\n---") == ([], ["Title"])
    assert feed("\n") == (["Title"], [])
    assert feed("a | b\n--") == ([], ["", "a | b"])
    assert feed("|--\n") == ([], ["", "a  b", "─  ─"])


def test_what_the_screen_has_no_room_for_is_printed_as_it_is() -> None:
    feed = Stream(12, 3)
    assert feed("one **two three four five six") == ([], ["one **two", "three four", "five six"])
    assert feed(" seven eight nine") == (["one **two", "three four"], ["five six", "seven eight", "nine"])
    assert feed("** ten") == (["five six", "seven eight"], ["nine** ten"])


def test_lines_of_an_open_fence_are_printed_but_for_those_that_may_change_colour() -> None:
    feed = Stream()
    label = f"  python {'─' * 51}"
    lines = [f"x{n} = {n}" for n in range(20)]
    assert feed("```python\n" + "\n".join(lines) + "\n") == ([label, *lines[:12]], lines[12:])
    assert feed("```\n") == (lines[12:], [])


def test_lines_of_a_fence_that_there_is_no_room_for_are_printed_all_the_same() -> None:
    feed = Stream(20, 4)
    printed, live = feed("```python\n" + "".join(f"value{n} = 'a long line {n}'\n" for n in range(6)))
    assert printed[1:] == [f"value{n} = 'a long line {n}'" for n in range(4)]
    assert live == ["value4 = 'a long lin", "e 4'", "value5 = 'a long lin", "e 5'"]


def test_code_is_copied_as_it_was_written() -> None:
    long_line = f"curl {'x' * 200} 'END'"
    text = f"1. Run:\n\n   ```sh\n   {long_line}\n     indented\n\n   done\n   ```\n\n   then\n"
    assert rendered(text, 40) == [
        "1. Run:",
        "",
        f"   sh {'─' * 34}",
        long_line,
        "  indented",
        "",
        "done",
        "",
        "   then",
    ]


def test_the_label_of_code_names_its_language_and_its_number_where_there_is_a_way_to_copy_it() -> None:
    feed = MarkdownStream()
    feed.feed("```python title=a.py\n```\n\n    indented\n\n> ```\n> b\n> ```\n")
    assert plain(feed.finish(PAGE._replace(columns=50, copies=True))) == [
        f"  python title=a.py {'─' * 17} /copy code 1",
        "",
        f"  {'─' * 35} /copy code 2",
        "indented",
        "",
        f"▌ {'─' * 35} /copy code 3",
        "b",
    ]


def test_the_label_of_code_takes_two_rows_where_one_is_too_narrow() -> None:
    for columns, label in ((24, ["  python ── /copy code 1"]), (20, [f"  python {'─' * 11}", "  /copy code 1"])):
        feed = MarkdownStream()
        feed.feed("```python\nx = 1\n```\n")
        assert plain(feed.finish(PAGE._replace(columns=columns, copies=True))) == [*label, "x = 1"]


def test_a_single_newline_is_a_line_break() -> None:
    assert rendered("An old silent pond\nA frog jumps\n\nName: Ada\nAge: 36\n") == [
        *("An old silent pond", "A frog jumps", "", "Name: Ada", "Age: 36"),
    ]


def test_definitions_are_printed_whether_something_refers_to_them_or_not() -> None:
    text = 'See [one][1].\n\n[1]: https://a.example/one\n[2]: https://b.example/two_2_ "Two"\n'
    assert rendered(text) == ["See [one][1].", "", *text.splitlines()[2:]]


def test_an_address_that_is_broken_into_rows_is_printed_once() -> None:
    text = 'See [it](https://a.example/x "a title of many words that takes more than a row") and more.\n'
    for columns in (12, 20, 33):
        final, live = stream(text, columns=columns)
        assert " ".join(plain([*final, *live])).split() == " ".join(rendered(text, columns)).split()


def test_what_belongs_to_a_footnote_is_indented_below_it() -> None:
    text = "See[^1].\n\n[^1]: one\n    two\n\n    - three\n[^note]:\n    four\n\nafter [^1]\n[^1] is text\n"
    shown = [
        "See[^1].",
        "",
        "[^1]: one",
        "      two",
        "",
        "      • three",
        "[^note]: four",
        "",
        *text.splitlines()[-2:],
    ]
    assert rendered(text) == shown
    final, live = stream(text)
    assert plain([*final, *live]) == shown


def test_numbers_are_those_that_were_written() -> None:
    assert rendered("3. a\n5. b\n5) c\n\n1. d\n1. e\n") == ["3. a", "5. b", "5) c", "", "1. d", "1. e"]


def test_headings_rules_code_and_tables_have_room_around_them() -> None:
    text = "# One\ntext\n## Two ##\n```\ncode\n```\ntext\n***\n|a|\n|-|\n> quote\n- item\n"
    assert rendered(text, 20) == [
        *("One", "", "text", "", "Two", "", f"  {'─' * 18}", "code", "", "text", "", "─" * 20, "", "a", "─", ""),
        *("▌ quote", "• item"),
    ]


def test_nothing_vanishes_where_nesting_leaves_no_room() -> None:
    text = "".join("  " * n + f"- item{n}\n" for n in range(30)) + "\n" + "> " * 40 + "quoted\n"
    for columns in (10, 20, 40):
        assert missing(text, rendered(text, columns)) == ""
        assert max(map(len, rendered(text, columns))) <= columns


def test_html_and_rich_markup_are_text() -> None:
    text = "<answer>42</answer>\n\nVec<String> [bold]x[/bold] [/oops]\n"
    assert rendered(text) == ["<answer>42</answer>", "", "Vec<String> [bold]x[/bold] [/oops]"]


def test_rows_end_without_blanks() -> None:
    assert [row for row in rendered(DOCUMENTS["mixed answer"]) if row != row.rstrip()] == []


def test_carriage_returns_end_no_row_and_hide_nothing() -> None:
    printed, _ = stream(["one\r", "\ntwo\rthree\r\n", "\r\n"])
    assert plain(printed) == ["one", "two␍three"]


def test_on_a_screen_where_nothing_moves_whole_blocks_are_printed() -> None:
    markdown = MarkdownStream()

    def feed(text: str) -> list[str]:
        markdown.feed(text)
        return plain(markdown.blocks(Page(10)))

    assert feed("one two three four\nfive") == []
    assert feed("\n\n```\nx = 1\n") == ["one two", "three four", "five", "", f"  {'─' * 8}", "x = 1"]
    assert plain(markdown.finish(Page(10))) == []


def test_what_is_kept_does_not_grow_with_the_answer() -> None:
    markdown, kept = MarkdownStream(), []
    for text in (DOCUMENTS["mixed answer"] + "\n") * 20, "- item\n" * 300, "word " * 3000, "```\n" + "x = 1\n" * 300:
        for piece in pieces(text, 20):
            markdown.feed(piece)
            markdown.take(PAGE, 24)
            block = markdown._structure.open
            kept.append(0 if block is None else len(block.text) + sum(map(len, block.lines)))
    assert max(kept) < 1200


HOSTILE: Final = [
    *("[", "![", "*", "_", "`", "> ", "- ", "|a", "```\n", "<", "&", "1. ", "[\n", "`\n", "a  \n", "> a\n", "> [\n"),
    *("| a | b |\n", "    code\n", "  b\n", "[a]: /b\n", "a\n===\n", "- a\n\n", "text\n", "word ", "x", "$", "漢"),
]
OPENINGS: Final = [
    "",
    "| a | b |\n|---|---|\n",
    "- a\n",
    "> - b\n",
    "1. a\n\n       b\n",
    "    code\n",
    "*a*\n",
    "```py\n",
]


@settings(examples(1, 40), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.sampled_from(OPENINGS), st.sampled_from(HOSTILE), st.integers(100, 400))
def test_what_comes_late_in_an_answer_costs_what_came_early(opening: str, unit: str, size: int) -> None:
    quarter = unit * (3_000 // len(unit))
    markdown = MarkdownStream()

    def show(text: str) -> None:
        for piece in pieces(text, size):
            markdown.feed(piece)
            markdown.take(PAGE, 24)

    _, early, _, late = [calls_of(lambda text=text: show(text)) for text in (opening + quarter, *[quarter] * 3)]  # type: ignore[misc]
    assert late < 1.6 * early + 30_000


def test_a_long_text_that_comes_at_once_costs_no_more_than_its_length(sample: Sample) -> None:
    for unit in sample(HOSTILE, 8):
        text = unit * (16_000 // len(unit))
        found: list[str] = []
        assert calls_of(lambda: found.extend(rendered(text))) < 60 * len(text), unit  # noqa: B023 - called at once
        assert missing(text, found) == "", unit


def test_a_text_of_many_pages_is_printed_as_far_as_it_goes_where_nothing_moves() -> None:
    markdown = MarkdownStream()
    markdown.feed("*" + "word " * LONG)
    rows = plain(markdown.blocks(PAGE))
    assert len(rows) > 4 * LONG // 80
    assert missing("*" + "word " * LONG, [*rows, *plain(markdown.finish(PAGE))]) == ""


def test_the_rows_of_a_plain_document_are_what_they_look_like() -> None:
    text = f"# Title\n\nSome *text* and `code`.\n\n- a\n  - b\n\n> quote\n\n{PYTHON}"
    assert rendered(text, 60)[:10] == [
        *("Title", "", "Some text and code.", "", "• a", "  • b", "", "▌ quote", "", f"  python {'─' * 51}"),
    ]
