from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.markdown import Markdown

from fallback_chat.cli.render import markdown as markdown_module
from fallback_chat.cli.render.blocks import CONTAINERS
from fallback_chat.cli.render.elements import TokenMarkdown, rows_of
from fallback_chat.cli.render.long import LONG_BLOCK
from fallback_chat.cli.render.markdown import MarkdownStream, one_shot
from fallback_chat.cli.render.parse import LONG_INLINE, References, parse_blocks
from tests.cli.render.documents import DOCUMENTS, PYTHON, TABLE
from tests.cli.render.support import EXAMPLES, console, pieces, plain, stream, styled
from tests.sampling import examples

if TYPE_CHECKING:
    from markdown_it.token import Token

    from tests.sampling import Sample

CUTS: Final = {40: (7,), 80: (2, 10_000), 100: (40,)}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("width", CUTS)
def test_a_streamed_document_equals_one_rendered_at_once(name: str, width: int) -> None:
    text = DOCUMENTS[name]
    screen = console(width)
    expected = styled(one_shot(screen, text))
    for size in CUTS[width]:
        rows, _ = stream(screen, pieces(text, size))
        assert styled(rows) == expected, size


@pytest.mark.parametrize("name", ["fence", "fence in item", "fence yaml", "mixed answer"])
def test_a_theme_with_a_background_streams_the_same(name: str) -> None:
    rows, _ = stream(console(), pieces(DOCUMENTS[name], 5), "monokai")
    assert styled(rows) == styled(one_shot(console(), DOCUMENTS[name], "monokai"))


def test_every_example_streams_the_same(sample: Sample) -> None:
    different = []
    for text in sample(EXAMPLES, 150):
        for size, screen in ((3, console(80)), (1000, console(40))):
            rows, markdown = stream(screen, pieces(text, size))
            if styled(rows) != styled(one_shot(screen, text)) and not markdown.late():
                different.append((size, text))
    assert different == []


def test_examples_in_quotes_and_items_stream_the_same(sample: Sample) -> None:
    screen = console(60)
    different = []
    for text in sample(EXAMPLES, 150):
        for wrapped in ("> " + text.replace("\n", "\n> "), "- x\n- " + text.replace("\n", "\n  ") + "\n- y\n"):
            rows, markdown = stream(screen, pieces(wrapped, 11))
            if styled(rows) != styled(one_shot(screen, wrapped)) and not markdown.late():
                different.append(wrapped)
    assert different == []


FRAGMENTS: Final = st.sampled_from(
    [
        *("- ", "1. ", "10. ", "+", "> ", "  ", "    ", "\t", "\n", "\n\n", "# ", "---", "===", "* * *", "\\", "  \n"),
        *("```", "```\n", "```py\n", "~~~", "| a | b |\n|---|---|\n", "| c | d |", "|"),
        *("text ", "a *b* `c` ", "**", "[x]", "<b>", "&amp;", "&#x202e;", "你好", "x = 1", "def f():\n"),
    ]
)


@st.composite
def cut_documents(draw: st.DrawFn) -> tuple[list[str], int]:
    parts = st.one_of(FRAGMENTS, st.sampled_from(EXAMPLES), st.text(max_size=5))
    text = "".join(draw(st.lists(parts, max_size=25)))
    chunks = []
    while text:
        size = draw(st.integers(1, 30))
        chunks.append(text[:size])
        text = text[size:]
    return chunks, draw(st.sampled_from([20, 40, 80]))


@examples(50, 1000)
@given(cut_documents())
def test_any_text_cut_anywhere_gives_the_same_rows(document: tuple[list[str], int]) -> None:
    chunks, width = document
    screen = console(width)
    rows, markdown = stream(screen, chunks)
    text = "".join(chunks)
    # markdown-it takes a definition back when an empty title and more text follow in the next line.
    if not markdown.late() and not any(title in text for title in ("''", '""', "()")):
        assert plain(rows) == plain(one_shot(screen, text))


def test_finished_blocks_are_given_out_before_the_end() -> None:
    markdown = MarkdownStream(console())
    assert plain(markdown.feed("first\n")) == []
    assert plain(markdown.feed("\n")) == ["first"]
    assert plain(markdown.feed("- one\n")) == []
    assert plain(markdown.feed("- two\n")) == ["", " • one"]
    assert plain(markdown.feed("\n")) == [" • two"]
    assert plain(markdown.feed("  more of two\n- three\n")) == ["   more of two"]
    assert plain(markdown.live()) == [" • three"]
    assert plain(markdown.finish()) == [" • three"]


def test_a_paragraph_waits_for_the_line_that_could_make_it_a_heading() -> None:
    markdown = MarkdownStream(console())
    assert markdown.feed("Title\n") == []
    assert plain(markdown.feed("---\n")) == ["Title"]


def test_lines_of_an_open_fence_are_given_out_but_for_the_last() -> None:
    markdown = MarkdownStream(console())
    rows = markdown.feed("```python\n" + "".join(f"x{n} = {n}\n" for n in range(20)))
    assert plain(rows) == ["", *(f" x{n} = {n}" for n in range(12))]
    assert plain(markdown.live()) == [f" x{n} = {n}" for n in range(12, 20)]
    assert plain(markdown.feed("```\n")) == [*(f" x{n} = {n}" for n in range(12, 20)), ""]


def test_a_table_waits_for_its_end_and_shows_its_last_rows_meanwhile() -> None:
    markdown = MarkdownStream(console())
    assert markdown.feed(TABLE) == []
    assert [row.split()[1] for row in plain(markdown.live(4))[:3]] == ["9", "10", "11"]
    assert plain(markdown.feed("\n")) == plain(one_shot(console(), TABLE))


def test_the_live_rows_are_what_would_be_printed_if_the_text_ended_here() -> None:
    text = DOCUMENTS["ordered with nested"]
    for end in range(len(text)):
        markdown = MarkdownStream(console())
        printed = markdown.feed(text[:end])
        live = markdown.live(100)
        assert styled([*printed, *live]) == styled(one_shot(console(), text[:end])), text[:end]


def test_a_definition_that_comes_too_late_is_told() -> None:
    _, markdown = stream(console(), pieces("See [docs][1] and [Other].\n\nMore.\n\n[1]: /one\n[Other]: /two\n", 9))
    assert markdown.late() == [("1", "/one"), ("other", "/two")]


def test_a_definition_in_time_is_not_told() -> None:
    rows, markdown = stream(console(), pieces("[1]: /one\n\nSee [docs][1].\n\n[2]: /two\n", 9))
    assert (plain(rows), markdown.late()) == (["See docs (/one)."], [])


def test_html_is_shown_as_text() -> None:
    text = "<answer>42</answer>\n\nVec<String>\n"
    assert plain(one_shot(console(), text)) == ["<answer>42</answer>", "", "Vec<String>"]


def test_links_show_where_they_lead_and_hide_nothing_in_escape_sequences() -> None:
    rows = one_shot(console(), "[bank](https://evil.example) <https://a.example/b> ![cat](c.png) ![](d.png)\n")
    assert plain(rows) == ["bank (https://evil.example) https://a.example/b 🌆 cat (c.png) 🌆 d.png"]
    assert all(segment.style is None or segment.style.link is None for row in rows for segment in row)


def test_characters_that_references_decode_to_are_sanitised() -> None:
    rows = one_shot(console(), "a&#x202e;b&#x200b;c&#xE0041;d &lt;\n")
    assert plain(rows) == ["abcd <"]


def test_rows_end_without_blanks() -> None:
    rows = one_shot(console(), DOCUMENTS["mixed answer"])
    assert [row for row in plain(rows) if row != row.rstrip()] == []


def test_a_plain_document_looks_as_stock_rich_renders_it() -> None:
    text = "# Title\n\nSome *text* and `code`.\n\n- a\n- b\n\n> quote\n\n" + TABLE + "\n" + PYTHON
    stock = rows_of(console(), Markdown(text, code_theme="ansi_dark", hyperlinks=False))
    assert styled(one_shot(console(), text)) == styled(stock)


def test_nothing_vanishes_where_nesting_leaves_no_room() -> None:
    text = "".join("  " * n + f"- item{n}\n" for n in range(30)) + "\n" + "> " * 40 + "quoted\n"
    shown = " ".join(plain(stream(console(40), pieces(text, 9))[0]))
    assert [n for n in range(30) if f"item{n}" not in shown] == []
    assert "quoted" in shown


def test_text_that_the_parser_gives_up_on_is_shown_as_it_is() -> None:
    text = "before\n\n" + "> " * 200 + "deep\n\nafter\n"
    rows = plain(stream(console(500), pieces(text, 50))[0])
    assert rows == ["before", "", ("> " * 200 + "deep"), "", "after"]


def test_a_block_that_rich_cannot_render_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(TokenMarkdown):
        def __init__(self, tokens: list[Token], code_theme: str) -> None:
            if any(token.type == "table_open" for token in tokens):
                raise RuntimeError("a bug in Rich")
            super().__init__(tokens, code_theme)

    monkeypatch.setattr(markdown_module, "TokenMarkdown", Failing)
    rows, _ = stream(console(), pieces("*a*\n\n| [b] | c |\n|---|---|\n| d | e |\n\n- f\n", 6))
    assert plain(rows) == ["a", "", "| [b] | c |", "|---|---|", "| d | e |", "", " • f"]


def test_the_source_that_is_kept_does_not_grow_with_the_answer() -> None:
    markdown = MarkdownStream(console())
    kept = []
    for text in (DOCUMENTS["mixed answer"] + "\n") * 20, "- item\n" * 300, "```python\n" + "x = 1\n" * 300 + "```\n\n":
        for piece in pieces(text, 20):
            markdown.feed(piece)
            kept.append(len(markdown._lines))
    assert max(kept) <= 20


LONG: Final = {
    "list in an item": "- top\n" + "".join(f"  - nested item {n}\n" for n in range(300)),
    "numbers in an item": "1. top\n\n" + "".join(f"   {n}. nested item\n" for n in range(1, 300)),
    "paragraphs in an item": "- top\n\n" + "".join(f"  paragraph {n}\n\n" for n in range(300)),
    "quote": "".join(f"> paragraph {n}\n>\n" for n in range(300)),
    "list in a quote": "".join(f"> {n}. item\n" for n in range(1, 300)),
    "code in an item": "- top\n  ```python\n" + "  x = 1\n" * 300,
}


@pytest.mark.parametrize("name", LONG)
def test_what_is_closed_inside_an_open_block_is_printed_and_dropped(name: str) -> None:
    markdown, screen = MarkdownStream(console()), console()
    rows, kept = [], []
    for piece in pieces(LONG[name], 11):
        rows += markdown.feed(piece)
        kept.append(len(markdown._lines))
    assert max(kept) <= 16
    assert styled([*rows, *markdown.finish()]) == styled(one_shot(screen, LONG[name]))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("".join(f"line {n} of one paragraph\n" for n in range(300)), "299 of one paragraph"),
        ("word " * 3_000 + "end", "end"),
        (TABLE + "| row 12 | 1 | |\n" * 120, ""),
        ("".join(f"    code {n}\n" for n in range(400)), "code 399"),
    ],
)
def test_the_live_rows_of_a_very_long_block_show_its_end(text: str, end: str) -> None:
    markdown = MarkdownStream(console())
    assert markdown.feed(text) == []
    assert len("\n".join(markdown._end_of_lines())) < 10_000
    assert end in "\n".join(plain(markdown.live()))
    assert styled(markdown.finish()) == styled(one_shot(console(), text))


def test_an_open_paragraph_is_not_parsed_again_for_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = 0

    def counting(source: str, references: References) -> list[Token]:
        nonlocal parsed
        parsed += source.count("\n")
        return parse_blocks(source, references)

    monkeypatch.setattr(markdown_module, "parse_blocks", counting)
    markdown = MarkdownStream(console())
    for _ in range(2000):
        markdown.feed("some words in a line\n")
    assert parsed < 2000 * 20


HOSTILE: Final = [
    *("[", "![", "*", "_", "`", "> ", "- ", "|a", "```\n", "<", "&", "1. ", "[\n", "`\n", "a  \n", "> a\n", "> [\n"),
    *("| a | b |\n", "    code\n", "  b\n", "[a]: /b\n", "a\n===\n", "- a\n\n", "text\n"),
]
OPENINGS: Final = ["", "| a | b |\n|---|---|\n", "- a\n", "> - b\n", "1. a\n\n       b\n", "    code\n", "*a*\n"]


def calls_of_early_and_late(quarters: list[str], size: int) -> list[int]:
    """Count the function calls that showing the second and the last quarter of a text takes.

    Unlike time, they are the same on a busy machine.
    """
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    found = []
    markdown = MarkdownStream(console())
    for half in (quarters[:2], quarters[2:]):
        for profile, quarter in zip((None, count), half, strict=True):
            calls = 0
            sys.setprofile(profile)
            try:
                for number, piece in enumerate(pieces(quarter, size)):
                    markdown.feed(piece)
                    if number % 2 == 0:
                        markdown.live()
            finally:
                sys.setprofile(None)
        found.append(calls)
    return found


EVEN: Final = [unit for unit in HOSTILE if unit != "1. "]
"""A frame of the other one costs nothing or a second of profiling, depending on where its line is cut."""


@settings(examples(2, 60), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.sampled_from(OPENINGS), st.sampled_from(EVEN), st.integers(200, 800))
def test_what_comes_late_in_an_answer_costs_what_came_early(opening: str, unit: str, size: int) -> None:
    quarter = unit * (12_000 // len(unit))
    early, late = calls_of_early_and_late([opening + quarter, quarter, quarter, quarter], size)
    assert late < 1.6 * early + 50_000


FLAT: Final = [unit for unit in HOSTILE if unit not in ("> ", "- ", "1. ")]
"""Of the others the parser gives up on a line, and there is nothing to render at once."""
ENDINGS: Final = ["", "\n\n*b*\n", "# c"]


@examples(4, 60)
@given(st.sampled_from(OPENINGS), st.sampled_from(FLAT), st.integers(200, 5000), st.sampled_from(ENDINGS))
def test_a_block_that_is_too_long_streams_the_same(opening: str, unit: str, size: int, end: str) -> None:
    text = opening + unit * (18_000 // len(unit)) + end
    rows, markdown = stream(console(), pieces(text, size))
    assert markdown.late() or plain(rows) == plain(one_shot(console(), text))


@pytest.mark.parametrize(
    ("before", "line", "after", "shown"),
    [
        ("| a | b |\n|---|---|\n", "| c | d |\n", "\n*e*\n", ["| a | b |", "|---|---|", "| c | d |"]),
        ("", "*a* b\n", "\n*e*\n", ["*a* b"]),
        ("", "    x = *a*\n", "*e*\n", ["x = *a*"]),
    ],
)
def test_a_block_that_is_too_long_is_plain_and_given_out_while_it_comes(
    before: str, line: str, after: str, shown: list[str]
) -> None:
    markdown = MarkdownStream(console())
    count = LONG_BLOCK // 20
    rows = plain(markdown.feed(before + line * count))
    assert rows[: len(shown)] == shown
    assert len(rows) > count - 4 * 64
    assert len(markdown._lines) < 1000
    rows += plain(markdown.feed(after) + markdown.finish())
    assert rows == [*shown, *[shown[-1]] * (count - 1), "", "e"]


def test_definitions_behind_a_block_that_might_go_on_close_it() -> None:
    markdown = MarkdownStream(console())
    rows = plain(markdown.feed("    code\n" + "[a]: /b\n" * 10))
    assert [row.strip() for row in rows] == ["", "code", ""]
    assert len(markdown._lines) <= 10


def test_containers_are_what_the_parser_calls_them() -> None:
    tokens = parse_blocks("> 1. a\n> - b\n", References())
    assert {token.type for token in tokens if token.type in CONTAINERS} == CONTAINERS


@pytest.mark.parametrize("unit", ["[", "![", "*", "_", "`", "<", "[a]("])
def test_a_paragraph_of_many_pages_is_plain_text_and_does_not_hold_the_program_up(unit: str) -> None:
    text = "a" + unit * (LONG_INLINE // len(unit) + 1)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        rows = one_shot(console(80), text)
    finally:
        sys.setprofile(None)

    assert "".join(plain(rows)).replace("\n", "") == text
    assert calls < 40 * len(text)
