"""The parts of a Markdown text: leaf blocks, their containers, and the lines that begin them."""

from __future__ import annotations

import re
import sys
from dataclasses import field
from enum import Enum, auto
from itertools import pairwise
from typing import Final

from fallback_chat.core.value import dataclass

LONG: Final = 2000
"""Characters; a longer text is printed as far as it goes, whatever its last words become."""


class Kind(Enum):
    """The content of a block."""

    PARAGRAPH = auto()
    HEADING = auto()
    FORMULA = auto()
    CODE = auto()
    TABLE = auto()
    RULE = auto()


TEXTS: Final = frozenset({Kind.PARAGRAPH, Kind.HEADING, Kind.FORMULA})
SPACED: Final = frozenset({Kind.HEADING, Kind.CODE, Kind.TABLE, Kind.RULE})
"""Blocks with an empty row above and below, whether or not the source has one."""


@dataclass(frozen=True, slots=True)
class Container:
    """An open quote, list item or footnote."""

    serial: int
    mark: str
    """`>`, or the mark of the item: `-`, `*`, `+`, `1.`, `1)` or `[^1]:` of a footnote."""
    indent: int = 0
    """Columns by which the lines of an item are indented."""
    is_shown: bool = False
    """Whether a block inside it has begun and shows the mark."""

    @property
    def is_quote(self) -> bool:
        """Whether it is a quote."""
        return self.mark == ">"


@dataclass(slots=True)
class Block:
    """A leaf block, and the part of it that is not printed yet."""

    kind: Kind
    containers: tuple[Container, ...] = ()
    """Its containers when it began, the outermost first."""
    follows_gap: bool = False
    """Whether an empty line precedes it."""
    text: str = ""
    """Of a paragraph, a heading or a formula."""
    lines: list[str] = field(default_factory=list)
    """Of code or a table."""
    held: list[str] = field(default_factory=list)
    """Empty lines of indented code, which belong to it if more code follows."""
    info: str = ""
    """The info string of a fence."""
    mark: str = ""
    """The end of a fence or formula, or the beginning of a heading; empty for indented code and for
    underlined headings."""
    indent: int = 0
    """Columns by which a fence is indented."""
    level: int = 0
    """Of a heading."""
    number: int = 0
    """Of code: the number of such blocks up to this one."""
    aligns: tuple[str, ...] = ()
    """Of the columns of a table: `left`, `center` or `right`."""

    @property
    def language(self) -> str:
        """The first word of the info string; empty without any."""
        return next(iter(self.info.split()), "")


_TABS: Final = re.compile(r"[ \t>*+\-.)\d]*\t")
_QUOTE: Final = re.compile(r" {0,3}> ?")
_ITEM: Final = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])( +(?=[^ ])| *$)")
_FOOTNOTE: Final = re.compile(r" {0,3}(\[\^[^\]\s]{1,20}\]:) *")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE: Final = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_FENCE: Final = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)")
_FORMULA: Final = re.compile(r" {0,3}(\$\$|\\\[)(.*)$")
_FORMULA_ENDS: Final = {"$$": "$$", "\\[": "\\]"}
_DELIMITERS: Final = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$")
_PIPE: Final = re.compile(r"(?<!\\)\|")
_PIPE_OR_CODE: Final = re.compile(r"(?<!\\)\||(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
_MAY_BEGIN_A_BLOCK: Final = ("```", "~~~", "$$", "\\[", "[^")
BLANKS: Final = " \t"


def expanded(line: str) -> str:
    """Return a line with the tabs of its indentation and after its marks replaced by blanks."""
    tabs = _TABS.match(line) if "\t" in line else None
    return line if tabs is None else tabs[0].expandtabs(4) + line[tabs.end() :]


def quote(line: str) -> str | None:
    """Return the text after the mark of a quote; None without one."""
    found = _QUOTE.match(line)
    return None if found is None else line[found.end() :]


def item(line: str, serial: int, *, interrupts: bool) -> tuple[Container, str] | None:
    """Return the item or footnote that a line begins, and its text.

    A number that `interrupts` a paragraph must not be part of a sentence.
    """
    if footnote := _FOOTNOTE.match(line):
        return Container(serial, footnote[1], 4), line[footnote.end() :]
    found = _ITEM.match(line)
    if found is None:
        return None
    indent, mark, blanks = found.groups()
    is_empty = found.end() == len(line)
    if interrupts and (is_empty or (len(mark) > 1 and int(mark[:-1]) != 1)):
        return None
    inside = 1 if is_empty or len(blanks) > 4 else len(blanks)
    width = len(indent) + len(mark) + inside
    return Container(serial, mark, width), line[width:]


def leaf(line: str) -> Block | None:
    """Return the block, other than a paragraph, that a line begins whatever precedes it."""
    if heading := _HEADING.match(line):
        return Block(Kind.HEADING, text=line[heading.end() :].lstrip(BLANKS), level=len(heading[1]), mark="#")
    if fence := _FENCE.match(line):
        indent, mark, info = fence.groups()
        return Block(Kind.CODE, info=info.strip(), mark=mark, indent=len(indent))
    if (formula := _FORMULA.match(line)) and (end := _FORMULA_ENDS[formula[1]]) not in formula[2]:
        return Block(Kind.FORMULA, text=line.strip(BLANKS), mark=end)
    return Block(Kind.RULE) if _RULE.match(line) else None


def underlined(line: str) -> int:
    """Return the level of the heading that a line makes of the paragraph above; 0 for none."""
    found = _UNDERLINE.match(line)
    return 0 if found is None else 1 if found[1][0] == "=" else 2


def aligns(line: str, head: str) -> tuple[str, ...]:
    """Return the alignments in a line below the table head `head`; empty if it begins no table."""
    line = line.strip(BLANKS)
    if "|" not in head or not _DELIMITERS.match(line) or _ITEM.match(line):
        return ()
    columns = cells_of(line)
    return tuple(map(_align, columns)) if len(columns) == len(cells_of(head)) else ()


def _align(delimiter: str) -> str:
    if delimiter.endswith(":"):
        return "center" if delimiter.startswith(":") else "right"
    return "left"


def cells_of(row: str, most: int = sys.maxsize) -> list[str]:
    """Return the cells of a table row; a pipe after a backslash is text.

    If they are more than `most`, pipes in code are text, too, and so are those of the last cell.
    """
    row = row.strip(BLANKS).removeprefix("|")
    pipes = [pipe.start() for pipe in _PIPE.finditer(row)]
    if pipes and pipes[-1] == len(row) - 1:
        row = row[: pipes.pop()]
    if len(pipes) >= most:
        pipes = [found.start() for found in _PIPE_OR_CODE.finditer(row) if found[0] == "|"][: most - 1]
    bounds = pairwise([-1, *pipes, len(row)])
    return [row[before + 1 : after].strip(BLANKS).replace("\\|", "|") for before, after in bounds]


def ends_fence(block: Block, line: str) -> bool:
    """Whether a line closes a fence."""
    text = line.rstrip(BLANKS)
    marks = text.lstrip(" ")
    return len(text) - len(marks) < 4 and len(marks) >= len(block.mark) and set(marks) == {block.mark[0]}


def is_surely_text(block: Block) -> bool:
    """Whether the last line of a block is text, whatever follows on that line."""
    line = block.text.rpartition("\n")[2]
    return "|" not in line and not line.startswith(_MAY_BEGIN_A_BLOCK) and any(map(str.isalpha, line))
