"""The text of a paragraph: what is styled, what is taken away, and what waits for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fallback_chat.cli.render.cells import is_wide
from fallback_chat.cli.render.inline import parse_inline
from tests.cli.render.support import EXAMPLES, calls_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

    from tests.sampling import Sample

STYLES: Final = {name: name for name in ("strong", "emphasis", "struck", "code", "link", "address")} | {"plain": ""}


def read(source: str) -> list[tuple[str, str]]:
    """The texts and their styles, neighbours of one style in one piece."""
    found: list[tuple[str, str]] = []
    for piece in parse_inline(source, STYLES).pieces:
        if found and found[-1][1] == piece.style:
            found[-1] = (found[-1][0] + piece.text, piece.style)
        else:
            found.append((piece.text, piece.style))
    return found


def shown(source: str) -> str:
    return "".join(piece.text for piece in parse_inline(source, STYLES).pieces)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a **b *c* d** e", [("a ", ""), ("b ", "strong"), ("c", "strong emphasis"), (" d", "strong"), (" e", "")]),
        ("***a* b**", [("a", "strong emphasis"), (" b", "strong")]),
        ("~~a~~ ~b~", [("a", "struck"), (" ~b~", "")]),
        ("`` a ` b ``", [("a ` b", "code")]),
        ("`a\nb`", [("a b", "code")]),
        ("`unclosed", [("`unclosed", "")]),
        ("snake_case_name 2*3*4", [("snake_case_name 2", ""), ("3", "emphasis"), ("4", "")]),
        ("[a *b*](https://x_y_z 'T')", [("a ", "link"), ("b", "link emphasis"), (" (https://x_y_z 'T')", "address")]),
        ("[](/a)", [("(/a)", "address")]),
        ("![cat](c.png)", [("cat", "link"), (" (image: c.png)", "address")]),
        ("[![b](s.svg)](u)", [("b", "link link"), (" (image: s.svg)", "link address"), (" (u)", "address")]),
        ("*[a*](b)", [("*", ""), ("a*", "link"), (" (b)", "address")]),
        ("**「注意」**先读", [("「注意」", "strong"), ("先读", "")]),
        ("他说**“你好”**了", [("他说", ""), ("“你好”", "strong"), ("了", "")]),
        ("**강조(note)**는 *「本」*の", [("강조(note)", "strong"), ("는 ", ""), ("「本」", "emphasis"), ("の", "")]),
        ("~~価格、~~無料", [("価格、", "struck"), ("無料", "")]),
        ("a**(b)**c __「d」__e", [("a**(b)**c __「d」__e", "")]),
    ],
)
def test_markup_becomes_style(source: str, expected: list[tuple[str, str]]) -> None:
    assert read(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        *("\\(a_1 * b*\\)", "\\[a_i *b*\\]", "$x_1 *y*$", "$$a_1\n*b*$$", "\\{a\\}", "a \\\\ b", "\\frac{a}{b}"),
        *("it costs $5 and $6", "[1]: https://x/*a*_b_ 'Title'", "see [one][two] and [three]", "[x] done", "[^1]"),
        *(
            "https://a.example/_b_/*c*",
            "www.example.com/a_b_",
            "<div class='*a*'>",
            "Vec<String> <think>",
            "a & b &nosuch;",
        ),
        *("a < b > c", "5 * 3 * 2", "a ** b", "`", "[", "![", "]", "\\"),
    ],
)
def test_what_is_no_markup_stays_as_it_was_written(source: str) -> None:
    assert read(source) == [(source, "")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("\\*a\\* \\# \\_ \\$5 \\|", "*a* # _ $5 |"),
        ("a\\\nb  \nc", "a\nb  \nc"),
        ("&amp; &lt; &copy; &#35; &#x1F600;", "& < © # 😀"),
        ("&#27;[31m &#x9b;2J &#x202e;a", "␛[31m ␛[2J \ufffda"),
        ("<https://a.b/c> <me@x.y>", "https://a.b/c me@x.y"),
        ("[https://a](https://a) [me@x.y](mailto:me@x.y)", "https://a me@x.y"),
        ("[a](<b c> 'd') [e](/f%20\\)g)", "a (b c 'd') e (/f%20)g)"),
        ("[a](/b?c&copy=d&amp;e)", "a (/b?c&copy=d&e)"),
        ("**https://x.y/z** (https://x.y/a_(b)).", "https://x.y/z (https://x.y/a_(b))."),
    ],
)
def test_nothing_but_markup_is_taken_away(source: str, expected: str) -> None:
    assert shown(source) == expected


@pytest.mark.parametrize(
    ("source", "pending"),
    [
        *(
            ("a **b", 2),
            ("a **b** c", None),
            ("a `b", 2),
            ("a `b` c", None),
            ("a [b", 2),
            ("a [b]", 2),
            ("a [b] c", None),
        ),
        *(("a [b](c", 2), ("a [b](c) d", None), ("a ![b](", 2), ("a \\(b", 2), ("a \\(b\\) c", None), ("a $b", 2)),
        *(("a $5\nb", None), ("a $$b\nc", 2), ("a &am", 2), ("a &amp; c", None), ("a <htt", 2), ("a \\", 2), ("a*", 1)),
        *(("a _b_ 2*3 [c] ~~d~~", 7), ("plain text", None), ("*a [b* c](d) e", 0)),
    ],
)
def test_what_more_text_could_change_is_pending_from_its_first_mark_on(source: str, pending: int | None) -> None:
    assert parse_inline(source, STYLES).pending == pending


def theirs(source: str) -> str:
    """The text that markdown-it leaves, without addresses and titles."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")

    def texts(tokens: list[Token]) -> Iterator[str]:
        for token in tokens:
            if token.type in ("softbreak", "hardbreak"):
                yield "\n"
            elif token.type != "image":
                yield token.content if not token.children else ""
            yield from texts(token.children or [])

    return "".join("".join(texts(parser.parseInline(source))).split())


def is_comparable(source: str) -> bool:
    """Without what we show otherwise on purpose: links, formulas, addresses, escapes, tags, entities, emphasis beside Chinese."""
    marks = ("](", "]:", "$", "\\", "http", "www", "<", "&", "\x00", "~~~")
    return not any(mark in source for mark in marks) and not any(map(is_wide, source))


def test_the_text_of_every_example_is_what_markdown_it_leaves() -> None:
    different = [text for text in EXAMPLES if is_comparable(text) and "".join(shown(text).split()) != theirs(text)]
    assert different == []


@given(st.lists(st.sampled_from(["*", "**", "***", "_", "__", "`", "``", "a", "b c", " ", ".", "(", "é", "ß"])))
def test_emphasis_and_code_are_those_of_markdown_it(parts: list[str]) -> None:
    source = "".join(parts).strip()
    assert "".join(shown(source).split()) == theirs(source)


CUT: Final = [
    *(
        "*a b*",
        "**c d** ",
        "e ",
        "`f g`",
        "[h i](u)",
        "![j](v)",
        "\\(k l\\) ",
        "$m n$ ",
        "&amp; ",
        "<https://o> ",
        "\\*p ",
    ),
    *("https://q_r_s ", "\n", "\\\\ ", "~~t u~~ ", "***v** w* "),
]


@given(st.lists(st.sampled_from(CUT)), st.data())
def test_a_text_can_be_cut_where_a_piece_begins_and_goes_on_in_its_styles(
    parts: list[str], data: st.DataObject
) -> None:
    source = "".join(parts).strip()
    pieces = parse_inline(source, STYLES).pieces
    at = data.draw(st.integers(0, len(pieces)))
    if at < len(pieces) and (reopen := pieces[at].reopen) is not None:
        blanks = len(pieces[at].text) - len(pieces[at].text.lstrip()) if pieces[at].exact else 0
        rest = reopen + source[pieces[at].start + blanks :]
        whole = "".join(piece.text for piece in pieces[at:])
        assert shown(rest).lstrip() == whole.lstrip()


@pytest.mark.parametrize(
    ("source", "reopen"),
    [
        ("*a **b c** d*", ["*", None, "*"]),
        ("***a** b*", ["***", None]),
        ("*a b****v** w*", ["*", None, None, None, None]),
        ("2 * 3 *a b*", ["", "", "", "*"]),
    ],
)
def test_a_text_is_not_cut_where_its_marks_would_pair_in_another_way(source: str, reopen: list[str | None]) -> None:
    assert [piece.reopen for piece in parse_inline(source, STYLES).pieces] == reopen


UNITS: Final = (
    "[",
    "![",
    "*",
    "_",
    "`",
    "<",
    "[a](",
    "<!--",
    "$",
    "\\(",
    "&",
    "*a ",
    "**a* ",
    "a**",
    "[](",
    "https://",
    "~~a",
)


def test_what_is_looked_through_costs_no_more_than_its_length(sample: Sample) -> None:
    for unit in sample(UNITS, 6):
        short, long = (
            calls_of(lambda: parse_inline(unit * (length // len(unit)), STYLES))  # noqa: B023 - called at once
            for length in (2000, 8000)
        )
        assert long < 5 * short + 500, unit
