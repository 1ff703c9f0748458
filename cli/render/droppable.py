"""Which lines of an open block can be dropped once what is closed inside it is printed.

The block that is still open is the last one of the last one, and so on inwards; what stands in front of each of them is closed.
So it can go, if what is left reads the same. Three things have to stay: the first block of a list item, because the mark of the
item stands on its first line, a blank line between two paragraphs, and a definition right above an open paragraph, which may yet
turn out to be its title.
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


def cut(tokens: list[Token], lines: Sequence[str], top: int, done: int) -> Cut:
    """Find what can be dropped of the source while the block at `top` is open and all in front of `tokens[done]` is printed."""
    for depth in (_ALL, _TO_FIRST_ITEM):
        wanted = _cut(tokens, lines, top, done, depth)
        if len(wanted.tokens) <= 1 or _reads_the_same(tokens, lines, wanted):
            return wanted
    return _cut(tokens, lines, top, done, frozenset())


_ALL = CONTAINERS
_TO_FIRST_ITEM = CONTAINERS - {"list_item_open"}


def _cut(tokens: list[Token], lines: Sequence[str], top: int, done: int, entered: frozenset[str]) -> Cut:
    dropped_lines = [range(_below(tokens, lines, range(top)))]
    dropped = [range(top)]
    numbers = {}
    at = top
    dropping = True
    while tokens[at].type in CONTAINERS and (inside := children(tokens, at)):
        is_item = tokens[at].type == "list_item_open"
        # While the mark of an item is not printed, what is closed inside it is empty, and `done` has to stay in front of it.
        dropping = dropping and tokens[at].type in entered and not (is_item and at >= done)
        last = inside[-1].start
        start, line, stop = at + 1, first_line(tokens[at]), _below(tokens, lines, range(at + 1, last))
        if is_item and len(inside) > 1:
            start, line = inside[0].end, last_line(tokens[inside[0].start])
            stop -= not lines[stop - 1].strip()
        drops = dropping and start < last and line < stop
        if tokens[at].type == "ordered_list_open":
            position = at - sum(map(len, dropped))
            numbers[position] = int(tokens[at].attrs.get("start", 1)) + (len(inside) - 1 if drops else 0)
        if drops:
            dropped.append(range(start, last))
            dropped_lines.append(range(line, stop))
        at = last
    return Cut(tuple(dropped_lines), tuple(dropped), numbers)


def _below(tokens: list[Token], lines: Sequence[str], closed: range) -> int:
    """Give the first line of the block behind the `closed` tokens, or of the definitions that it may continue."""
    line = first_line(tokens[closed.stop])
    end = max((last_line(tokens[index]) for index in closed), default=0)
    while line > end and tokens[closed.stop].type == "paragraph_open" and lines[line - 1].strip(" \t>"):
        line -= 1
    return line


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
