"""Which lines of an open block can be dropped once what is closed inside it is printed.

The block that is still open is the last one of the last one, and so on inwards; what stands in front of each of them is closed.
So it can go, if what is left reads the same. Two things have to stay: the first block of a list item, because the mark of the
item stands on its first line, and a blank line between two paragraphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fallback_chat.cli.render.blocks import CONTAINERS, children, first_line, last_line
from fallback_chat.cli.render.parse import References, parse_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cut:
    """What to drop; ranges in rising order."""

    lines: tuple[range, ...]
    tokens: tuple[range, ...]
    """The tokens of these lines: what the parser will no longer see."""
    numbers: dict[int, int]
    """The number of the first item that is left of an ordered list, by the list's position in the tokens that are left."""

    def token_left(self, token: int) -> int:
        """Give the position among the tokens that are left of a position behind all that is dropped."""
        return token - sum(len(dropped) for dropped in self.tokens)


def cut(tokens: list[Token], lines: Sequence[str], top: int) -> Cut:
    """Find what can be dropped of the source while the block at `top` is open and all that is closed is printed."""
    for depth in (_ALL, _TO_FIRST_ITEM):
        wanted = _cut(tokens, lines, top, depth)
        if len(wanted.tokens) <= 1 or _reads_the_same(tokens, lines, wanted):
            return wanted
    return _cut(tokens, lines, top, frozenset())


_ALL = CONTAINERS
_TO_FIRST_ITEM = CONTAINERS - {"list_item_open"}


def _cut(tokens: list[Token], lines: Sequence[str], top: int, entered: frozenset[str]) -> Cut:
    dropped_lines = [range(first_line(tokens[top]))]
    dropped = [range(top)]
    numbers = {}
    at = top
    while tokens[at].type in entered and (inside := children(tokens, at)):
        last = inside[-1].start
        start, line, stop = at + 1, first_line(tokens[at]), first_line(tokens[last])
        if tokens[at].type == "list_item_open" and len(inside) > 1:
            start, line = inside[0].end, last_line(tokens[inside[0].start])
            stop -= not lines[stop - 1].strip()
        if tokens[at].type == "ordered_list_open":
            position = at - sum(map(len, dropped))
            numbers[position] = int(tokens[at].attrs.get("start", 1)) + len(inside) - 1
        if start < last and line < stop:
            dropped.append(range(start, last))
            dropped_lines.append(range(line, stop))
        at = last
    return Cut(tuple(dropped_lines), tuple(dropped), numbers)


def _reads_the_same(tokens: list[Token], lines: Sequence[str], wanted: Cut) -> bool:
    kept = without(tokens, wanted.tokens)
    again = parse_blocks("\n".join([*without(lines, wanted.lines), ""]), References())
    return [(token.type, token.content) for token in kept] == [(token.type, token.content) for token in again]


def without(items: Sequence[T], ranges: Sequence[range]) -> list[T]:
    """Give `items` without those at the positions in `ranges`."""
    kept: list[T] = []
    start = 0
    for dropped in ranges:
        kept += items[start : dropped.start]
        start = max(start, dropped.stop)
    return [*kept, *items[start:]]
