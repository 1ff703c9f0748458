"""The blocks of a text, compared with those that markdown-it finds, which has all lines before it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.rules_block import table

from fallback_chat.cli.render.blocks import Kind, cells_of
from fallback_chat.cli.render.structure import DEEPEST, Structure
from tests.cli.render.documents import DOCUMENTS
from tests.cli.render.support import EXAMPLES
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

    from fallback_chat.cli.render.blocks import Block

Found = tuple[str, tuple[str, ...], object]
"""Kind, marks of the containers, text."""

_OPENINGS: Final = {
    "paragraph_open": "PARAGRAPH",
    "heading_open": "HEADING",
    "fence": "CODE",
    "code_block": "CODE",
    "hr": "RULE",
    "table_open": "TABLE",
}


def theirs(source: str) -> list[Found]:
    """What markdown-it finds, with tables as GitHub has them and definitions left in the text."""
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).disable("reference")
    parser.block.ruler.before("lheading", "gfm_table", table, {"alt": ["paragraph", "reference"]})
    tokens: list[Token] = []
    parser.block.parse(source, parser, {}, tokens)
    return list(_found(tokens))


def _found(tokens: list[Token]) -> Iterator[Found]:  # noqa: C901 - a branch for each kind of token
    marks: list[str] = []
    is_empty: list[bool] = []
    cells: list[list[str]] = []
    kind = ""
    for token in tokens:
        if token.type in ("blockquote_open", "list_item_open"):
            marks.append(token.info + token.markup)
            is_empty.append(True)
        elif token.type in ("blockquote_close", "list_item_close"):
            was_empty = is_empty.pop()
            if token.type == "list_item_close" and was_empty:
                yield "PARAGRAPH", tuple(marks), ""
            marks.pop()
            if is_empty and not (was_empty and token.type == "blockquote_close"):
                is_empty[-1] = False
        elif token.type in _OPENINGS:
            kind, cells = _OPENINGS[token.type], []
            is_empty = [False] * len(is_empty)
            if kind in ("CODE", "RULE"):
                yield kind, tuple(marks), _code(token.content.split("\n"))
        elif token.type == "tr_open":
            cells.append([])
        elif token.type == "table_close":
            yield "TABLE", tuple(marks), cells
        elif token.type == "inline" and kind == "TABLE":
            cells[-1].append(token.content)
        elif token.type == "inline":
            yield kind, tuple(marks), _text(token.content)


def ours(source: str) -> list[Found]:
    structure = Structure()
    for line in source.split("\n"):
        structure.line(line)
    structure.end()
    return [_as_found(block) for block in structure.ended]


def _as_found(block: Block) -> Found:
    marks = tuple(container.mark for container in block.containers)
    if block.kind is Kind.CODE:
        return "CODE", marks, _code(block.lines)
    if block.kind is Kind.TABLE:
        columns = len(block.aligns)
        return "TABLE", marks, [(cells_of(line) + [""] * columns)[:columns] for line in block.lines]
    if block.kind is Kind.HEADING:
        return "HEADING", marks, re.sub(r"(?:^|[ \t]+)#+[ \t]*$", "", _text(block.text))
    return ("RULE" if block.kind is Kind.RULE else "PARAGRAPH"), marks, _text(block.text)


def _text(text: str) -> str:
    return "\n".join(line.strip() for line in text.split("\n"))


def _code(lines: list[str]) -> str:
    return "\n".join(line.expandtabs(4) for line in lines).rstrip("\n ")


def is_comparable(source: str) -> bool:
    """Whether the two agree about what it may hold: formulas and footnotes are ours; markdown-it is wrong about the rest.

    It takes a mark of a quote that is four columns in for one, as if a line of text could not go on there.
    """
    return not re.search(r"\$\$|\\\[|\[\^|\r|\t|^[ >]{4,}>|^[ >]*[-+*\d.) ]*>[ >]*$", source, re.MULTILINE)


def test_the_blocks_of_every_example_are_those_that_markdown_it_finds() -> None:
    different = [
        text for text in (*EXAMPLES, *DOCUMENTS.values()) if is_comparable(text) and ours(text) != theirs(text)
    ]
    assert different == []


FRAGMENTS: Final = st.sampled_from(
    [
        *("- ", "1. ", "10) ", "2. ", "+", "> ", "  ", "    ", "\n", "\n\n", "# ", "---", "===", "* * *", "\\", "  \n"),
        *("```", "```\n", "```py\n", "~~~", "| a | b |\n|---|---|\n", "| c | d |", "|", "-\n"),
        *("text ", "a *b* `c` ", "[x]", "<b>", "你好", "x = 1\n"),
    ]
)


@examples(100, 1000)
@given(st.lists(st.one_of(FRAGMENTS, st.sampled_from([*EXAMPLES, *DOCUMENTS.values()])), max_size=14).map("".join))
def test_the_blocks_of_any_text_are_those_that_markdown_it_finds(source: str) -> None:
    # Of a text that begins with a line of other blanks than spaces, markdown-it drops that line.
    if is_comparable(source) and not re.search(r"^ {4,}[-|:]|^\s*[^\S \n]\s*$", source, re.MULTILINE):
        assert ours(source) == theirs(source)


def test_looking_ahead_changes_nothing() -> None:
    for text in DOCUMENTS.values():
        one, other = Structure(), Structure()
        for line in text.split("\n"):
            for end in range(0, len(line), 7):
                one.ahead(line[:end]).end()
            one.line(line)
            other.line(line)
            assert (one.ended, one.open) == (other.ended, other.open)


def blocks(source: str) -> list[tuple[Kind, str]]:
    structure = Structure()
    for line in source.split("\n"):
        structure.line(line)
    structure.end()
    return [(block.kind, block.text or "\n".join(block.lines)) for block in structure.ended]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$$\na\n+ b\n---\n$$\nc", [(Kind.FORMULA, "$$\na\n+ b\n---\n$$"), (Kind.PARAGRAPH, "c")]),
        ("So\n\\[\n- x\n\\]", [(Kind.PARAGRAPH, "So"), (Kind.FORMULA, "\\[\n- x\n\\]")]),
        ("$$ x $$", [(Kind.PARAGRAPH, "$$ x $$")]),
        ("$$\nnever ended\n\n- a", [(Kind.FORMULA, "$$\nnever ended"), (Kind.PARAGRAPH, "a")]),
    ],
)
def test_a_formula_is_a_block_in_which_nothing_else_begins(source: str, expected: list[tuple[Kind, str]]) -> None:
    assert blocks(source) == expected


def test_code_keeps_its_tabs() -> None:
    assert blocks("```make\nall:\n\tcc\n```") == [(Kind.CODE, "all:\n\tcc")]


def test_there_is_a_deepest_container_and_what_is_deeper_is_text() -> None:
    structure = Structure()
    structure.line("> " * (DEEPEST + 20) + "deep")
    structure.end()
    assert len(structure.ended[0].containers) == DEEPEST
    assert structure.ended[0].text == "> " * 20 + "deep"


def test_code_is_numbered_as_it_comes() -> None:
    structure = Structure()
    for line in ["```a", "```", "", "    b", "", "- ```c", "  ```"]:
        structure.line(line)
    structure.end()
    assert [block.number for block in structure.ended] == [1, 2, 3]
