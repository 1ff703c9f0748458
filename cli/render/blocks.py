"""Where the blocks of a token list begin and end, and what of them the lines still to come can no longer change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS: Final = frozenset({"bullet_list_open", "ordered_list_open"})
CONTAINERS: Final = frozenset({*LISTS, "blockquote_open", "list_item_open"})
_CLOSED_BY_OWN_LINE: Final = frozenset({"heading_open", "hr"})
_BLANKS: Final = " \t>"
"""What a line may hold that is blank to a block in a quote."""
_CLOSED_BY_NEXT_LINE: Final = frozenset({"paragraph_open", "table_open", "fence", "blockquote_open"})


@dataclass(frozen=True, slots=True)
class Extent:
    """A block in a token list: `tokens[start:end]`."""

    start: int
    end: int


def children(tokens: list[Token], parent: int = -1) -> list[Extent]:
    """Give the blocks directly inside the block that opens at `parent`; -1 for the top level."""
    level = tokens[parent].level + 1 if parent >= 0 else 0
    found = []
    start = parent + 1
    for index in range(parent + 1, len(tokens)):
        token = tokens[index]
        if token.level < level:
            break
        if token.level == level:
            if token.nesting >= 0:
                start = index
            if token.nesting <= 0:
                found.append(Extent(start, index + 1))
    return found


def leaves(tokens: list[Token], block: Extent) -> list[Extent]:
    """Give the blocks that hold text inside `block`, in order; `block` itself may be one."""
    found = []
    index = block.start
    while index < block.end:
        token = tokens[index]
        end = index + 1
        if token.type not in CONTAINERS and token.nesting >= 0:
            while token.nesting and not (tokens[end - 1].nesting < 0 and tokens[end - 1].level == token.level):
                end += 1
            found.append(Extent(index, end))
        index = end
    return found


def is_final(tokens: list[Token], block: Extent, lines: Sequence[str]) -> bool:
    """Say whether no line behind the source `lines` can change a block of it.

    A paragraph may become a heading with the next line, and a table or quote may grow, until another line stands behind it. A
    definition stands behind a block and gives no token.
    """
    if any(token.nesting >= 0 for token in tokens[block.end :]):
        return True
    token = tokens[block.start]
    if token.type in _CLOSED_BY_OWN_LINE or token.meta.get("closed"):
        return True
    behind = lines[last_line(token) :]
    if any(line.strip(_BLANKS) for line in behind):
        return True
    return bool(behind) and token.type in _CLOSED_BY_NEXT_LINE


def first_line(token: Token) -> int:
    """The line at which a block begins."""
    return token.map[0] if token.map else 0


def last_line(token: Token) -> int:
    """The line behind a block."""
    return token.map[1] if token.map else 0


def _ancestors(tokens: list[Token], index: int) -> list[int]:
    """Give the positions of the blocks that are open in front of `tokens[index]`, the outermost first."""
    if index == len(tokens):
        return []
    found: list[int] = []
    level = tokens[index].level + (tokens[index].nesting < 0)
    position = index
    while level:
        position -= 1
        if tokens[position].nesting > 0 and tokens[position].level < level:
            found.append(position)
            level = tokens[position].level
    return found[::-1]


def _items_before(tokens: list[Token], list_open: int, index: int) -> int:
    """Count the items of a list that begin in front of `tokens[index]`."""
    level = tokens[list_open].level + 1
    return sum(t.level == level and t.type == "list_item_open" for t in tokens[list_open + 1 : index])


def piece(tokens: list[Token], start: int, stop: int) -> list[Token]:
    """Give `tokens[start:stop]` as a document of its own: inside the blocks that are open at `start`, closed at `stop`."""
    head = []
    open_ = _ancestors(tokens, start)
    for depth, position in enumerate(open_):
        opening = tokens[position].copy(attrs=dict(tokens[position].attrs), meta=dict(tokens[position].meta))
        if opening.type == "list_item_open":
            opening.meta["continued"] = True
        elif opening.type == "ordered_list_open":
            inside_item = depth + 1 < len(open_)
            passed = _items_before(tokens, position, start) - inside_item
            opening.attrs["start"] = int(opening.attrs.get("start", 1)) + passed
        head.append(opening)
    tail = [_closing(tokens[position]) for position in reversed(_ancestors(tokens, stop))]
    return [*head, *tokens[start:stop], *tail]


def _closing(opening: Token) -> Token:
    return Token(opening.type.removesuffix("open") + "close", opening.tag, -1, level=opening.level)


def shorten_table(tokens: list[Token], table: Extent, rows: int) -> None:
    """Leave only the last rows of a table, and its header."""
    body = [index for index in range(table.start, table.end) if tokens[index].type == "tr_open"][1:]
    if len(body) > rows:
        del tokens[body[0] : body[-rows]]
