"""Blocks that are too long to be laid out: they are shown as the plain text of their source lines.

Rich lays a block out as a whole and markdown-it looks through the rest of it again and again, so the time that a block takes, in
which Ctrl-C has to wait, must not be for the model to choose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from markdown_it.token import Token

from fallback_chat.cli.render.blocks import children, first_line, last_line, leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_BLOCK: Final = 16_000
"""Characters. Laying out a table of this weight takes 0.1 s; one of 200 kB took 7 s."""
_LINE: Final = 24
"""Characters that a line weighs beside its own: a short row of a table takes as long as a sentence."""
_CELL: Final = 8
"""Likewise for a cell: each row has as many as the header, whatever is written in it."""

_LONG_KINDS: Final = frozenset({"paragraph_open", "heading_open", "table_open", "code_block"})
_PREFIX: Final = re.compile(r"(?:[ \t>]|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))*")
"""What containers put in front of a block: nothing that its own first line could begin with."""


def weigh(lines: Sequence[str]) -> int:
    """Give the weight of source lines, in characters."""
    return sum(map(len, lines)) + _LINE * len(lines)


def mark_long(tokens: list[Token], lines: Sequence[str], shown: dict[int, int] | None = None) -> None:
    """Hang their text on the blocks that are to be plain.

    `shown` tells of the one that is being received, by the position of its token, how many of the lines left are printed.
    """
    shown = shown or {}
    for block in children(tokens):
        for leaf in leaves(tokens, block):
            token = tokens[leaf.start]
            if token.type not in _LONG_KINDS:
                continue
            source = lines[first_line(token) : last_line(token)]
            cells = (leaf.end - leaf.start) // 3 if token.type == "table_open" else 0
            if leaf.start in shown or weigh(source) + _CELL * cells > LONG_BLOCK:
                token.meta["plain"] = _text(token, source)[shown.get(leaf.start, 0) :]


def _text(token: Token, source: Sequence[str]) -> list[str]:
    if token.type == "code_block":
        return token.content.split("\n")[: len(source)]
    first, *rest = source
    return [first[_prefix(first) :], *(line.lstrip(" \t>") for line in rest)]


def _prefix(line: str) -> int:
    found = _PREFIX.match(line)
    return found.end() if found else 0


def head(token: Token) -> int:
    """Give how many lines of a block have to stay for the next ones to be read as its own."""
    return 2 if token.type == "table_open" else 1


def make_plain(tokens: list[Token]) -> list[Token]:
    """Put one token of plain text in place of each marked block."""
    found: list[Token] = []
    start = 0
    for block in children(tokens):
        for leaf in leaves(tokens, block):
            token = tokens[leaf.start]
            if "plain" in token.meta:
                found += tokens[start : leaf.start]
                found.append(Token("plain", "", 0, content="\n".join(token.meta["plain"]), level=token.level))
                start = leaf.end
    return [*found, *tokens[start:]]
