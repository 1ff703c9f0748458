"""Finding the blocks of a Markdown text line by line, independently of later lines.

This is CommonMark's own way: a line is compared with the open containers, then it may begin new
blocks, and the rest of it is text. Tables are GitHub's. A displayed formula is a block of its own,
because its signs are not a list, and HTML is text. So is a line that is too long to be a row of a
table: a row is laid out anew whenever it grows.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Final

from fallback_chat.cli.render.blocks import (
    BLANKS,
    LONG,
    Block,
    Container,
    Kind,
    aligns,
    ends_fence,
    expanded,
    is_surely_text,
    item,
    leaf,
    quote,
    underlined,
)

_GO_ON: Final = frozenset({Kind.PARAGRAPH, Kind.HEADING})
"""Blocks that can take a line before it has ended."""
DEEPEST: Final = 100
"""Nesting depth; deeper containers are text."""


class Structure:
    """Takes one line at a time; ended blocks are in `ended`, and `open` may continue."""

    def __init__(self) -> None:
        self.ended: list[Block] = []
        self.open: Block | None = None
        self.in_line = False
        """Whether the open block ends with an unfinished line, which `go_on` and `line` complete.
        """
        self._containers: tuple[Container, ...] = ()
        self._is_gap = False
        """Whether the last line was empty."""
        self._serial = 0
        self._codes = 0

    def ahead(self, line: str) -> Structure:
        """Return the structure as it becomes if the unfinished line ends as `line`."""
        other = copy(self)
        other.ended = []
        if self.open is not None:
            other.open = replace(self.open, lines=[*self.open.lines], held=[*self.open.held])
        if line or self.in_line:
            other.line(line)
        return other

    def begins_text(self, *, at_any_price: bool = False) -> bool:
        """Treat the last line as unfinished, if it is text.

        With `at_any_price`, also if it may turn out otherwise.
        """
        if self.open is None or self.open.kind not in _GO_ON or not (at_any_price or is_surely_text(self.open)):
            return False
        self.in_line = True
        return True

    def go_on(self, text: str) -> None:
        """Add text to the unfinished line."""
        assert self.open is not None
        self.open.text += text

    def line(self, line: str) -> None:
        """Add a line, or the end of an unfinished one."""
        if self.in_line:
            self.go_on(line)
            self.in_line = False
            return
        if self.open is not None and self.open.kind is Kind.HEADING:
            self._end_block()
        matched, rest = self._matched(self._expanded(line))
        if len(matched) < len(self._containers) or not self._takes(rest):
            self._place(matched, rest)

    def end(self) -> None:
        """End all blocks and containers."""
        self._leave(())

    def _expanded(self, line: str) -> str:
        """Return a line with its indenting tabs as blanks, except in code, which stays."""
        in_fence = self.open is not None and self.open.kind is Kind.CODE and self.open.mark
        return line if in_fence and not self._containers else expanded(line)

    def _matched(self, line: str) -> tuple[tuple[Container, ...], str]:
        """Return the containers that a line continues, and the rest of the line."""
        last = len(self._containers) - 1
        for number, container in enumerate(self._containers):
            if container.is_quote:
                inside = quote(line)
            elif line.startswith(" " * container.indent):
                inside = line[container.indent :]
            else:
                has_begun = container.is_shown or number < last
                inside = "" if has_begun and not line.strip(BLANKS) else None
            if inside is None:
                return self._containers[:number], line
            line = inside
        return self._containers, line

    def _takes(self, line: str) -> bool:
        """Add a line to the open block if that takes any; return whether it did."""
        block = self.open
        if block is None:
            return False
        if block.kind is Kind.CODE:
            return self._takes_fenced(block, line) if block.mark else _takes_indented(block, line)
        if block.kind is not Kind.FORMULA or not (text := line.strip(BLANKS)):
            return False
        block.text += f"\n{text}"
        if block.mark in text:
            self._end_block()
        return True

    def _takes_fenced(self, block: Block, line: str) -> bool:
        if ends_fence(block, line):
            self._end_block()
        else:
            indent = len(line) - len(line.lstrip(" "))
            block.lines.append(line[min(indent, block.indent) :])
        return True

    def _place(self, containers: tuple[Container, ...], line: str) -> None:
        """Begin the blocks that a line begins in these containers; the rest of it is text."""
        is_inside = len(containers) == len(self._containers)
        is_empty = not line.strip(BLANKS)
        paragraph = self.open if self.open is not None and self.open.kind is Kind.PARAGRAPH else None
        while True:
            if line.startswith("    "):
                if paragraph is None and line.strip(BLANKS):
                    self._add(Block(Kind.CODE, lines=[line[4:]]), containers)
                    return
                break
            above = paragraph if is_inside else None
            if self._begins(containers, line, above):
                return
            inner = self._inner(line, interrupts=above is not None) if len(containers) < DEEPEST else None
            if inner is None:
                break
            self._leave(containers)
            container, line = inner
            self._containers = containers = (*self._containers, container)
            paragraph = None
        self._text(containers, line.lstrip(BLANKS), paragraph, is_inside=is_inside)
        self._is_gap = self._is_gap or is_empty

    def _begins(self, containers: tuple[Container, ...], line: str, above: Block | None) -> bool:
        """Begin a block if the line begins one, rather than continue the paragraph `above`."""
        if above is not None and (columns := aligns(line, above.text.rpartition("\n")[2])):
            self._begin_table(above, columns)
        elif above is not None and (level := underlined(line)):
            above.kind, above.level = Kind.HEADING, level
            self._end_block()
        elif (block := leaf(line)) is not None:
            self._add(block, containers)
            if block.kind is Kind.RULE:
                self._end_block()
        else:
            return False
        return True

    def _begin_table(self, paragraph: Block, columns: tuple[str, ...]) -> None:
        """Turn the last line of a paragraph into the head of a table."""
        before, _, head = paragraph.text.rpartition("\n")
        if before:
            paragraph.text = before
            self._add(Block(Kind.TABLE, lines=[head], aligns=columns), self._containers)
        else:
            paragraph.kind, paragraph.text, paragraph.lines, paragraph.aligns = Kind.TABLE, "", [head], columns

    def _inner(self, line: str, *, interrupts: bool) -> tuple[Container, str] | None:
        """Return the container that a line begins, and the rest of the line."""
        self._serial += 1
        if (inside := quote(line)) is not None:
            return Container(self._serial, ">"), inside
        return item(line, self._serial, interrupts=interrupts)

    def _text(self, containers: tuple[Container, ...], text: str, paragraph: Block | None, *, is_inside: bool) -> None:
        """Add a line that begins nothing: to a paragraph or table, or as a new paragraph."""
        if paragraph is not None and text:  # even if a container is missing: CommonMark's lazy lines
            paragraph.text += f"\n{text}"
        elif text and is_inside and self.open is not None and self.open.kind is Kind.TABLE and len(text) <= LONG:
            self.open.lines.append(text)
        elif text:
            self._add(Block(Kind.PARAGRAPH, text=text), containers)
        else:
            self._leave(containers)

    def _leave(self, containers: tuple[Container, ...]) -> None:
        """End the open block and all other containers; an empty item still shows its mark."""
        self._end_block()
        gone = self._containers[len(containers) :]
        if any(not each.is_shown and not each.is_quote for each in gone):
            self._begin_block(Block(Kind.PARAGRAPH))
            self._end_block()
        self._containers = self._containers[: len(containers)]

    def _add(self, block: Block, containers: tuple[Container, ...]) -> None:
        self._leave(containers)
        self._begin_block(block)

    def _begin_block(self, block: Block) -> None:
        block.containers, block.follows_gap = self._containers, self._is_gap
        if block.kind is Kind.CODE:
            self._codes += 1
            block.number = self._codes
        self._containers = tuple(replace(each, is_shown=True) for each in self._containers)
        self.open = block
        self._is_gap = False

    def _end_block(self) -> None:
        if self.open is not None:
            self.ended.append(self.open)
            self.open = None


def _takes_indented(block: Block, line: str) -> bool:
    if line.strip(BLANKS) == "":
        block.held.append(line[4:])
    elif line.startswith("    "):
        block.lines += [*block.held, line[4:]]
        block.held.clear()
    else:
        return False
    return True
