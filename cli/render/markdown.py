"""Markdown that arrives in pieces: rows are handed out once, when nothing that follows can change them.

The source that is not final yet is kept short, so that a token costs the same at the end of a long answer as at its start:

R1  top-level blocks in front of the last one are final: rendered once by Rich, their source dropped;
R2  so are the items of a list in front of its last one, the blocks of a quote, and every closed block inside an open item;
R3  so are the lines of an open fence but the last few;
R4  a table is printed when it ends, because its last row may widen its first column;
R5  a block that is too long is printed as it was written, but for its last line, and its source dropped (`long.py`).

Boundaries are looked for in complete lines only. The live view draws what is left, the partial last line included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markdown_it.token import Token
from rich.text import Text

from fallback_chat.cli.render.blocks import (
    CONTAINERS,
    Extent,
    children,
    first_line,
    is_final,
    last_line,
    leaves,
    piece,
    shorten_table,
)
from fallback_chat.cli.render.droppable import cut, without
from fallback_chat.cli.render.elements import CODE_THEME, FencePiece, Row, TokenMarkdown, language, rows_of
from fallback_chat.cli.render.highlight import Highlighter
from fallback_chat.cli.render.long import LONG_BLOCK, head, make_plain, mark_long, weigh
from fallback_chat.cli.render.parse import References, parse_blocks, parse_inlines
from fallback_chat.cli.render.sanitise import sanitise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

LIVE_ROWS: Final = 8
_GROWTH: Final = 16
"""An open block is parsed again when it has grown by a 16th: a constant cost per line, however long it gets."""

_MANY_LINES: Final = 64
"""Lines of an open block, of which the live rows show no more than half, and which is parsed again when it has grown by half."""
_SLICE: Final = 4096
"""Characters that are taken at a time: what is open must be found too long before all that follows was read as part of it."""
_LONG_LINE: Final = 8192
"""Likewise for the characters of an open line."""


def one_shot(console: Console, text: str, code_theme: str = CODE_THEME) -> list[Row]:
    """Render a whole text at once: what a stream of it adds up to."""
    references = References()
    source = sanitise(text)
    tokens = parse_blocks(source, references)
    mark_long(tokens, source.split("\n"))
    tokens = make_plain(tokens)
    parse_inlines(tokens, references)
    return rows_of(console, TokenMarkdown(tokens, code_theme))


def _parse(lines: Sequence[str], references: References, numbers: dict[int, int]) -> list[Token]:
    tokens = parse_blocks("\n".join([*lines, ""]), references)
    for position, number in numbers.items():
        tokens[position].attrs["start"] = number
    return tokens


@dataclass(slots=True)
class _OpenCode:
    """The fence that is being received."""

    highlighter: Highlighter
    begun: bool = False
    """Rows of it are printed."""

    def piece(self, token: Token, *, last: bool) -> FencePiece:
        """Give all of the fence that is not printed yet."""
        return FencePiece(self.highlighter.lex(token.content.rstrip().split("\n")), not self.begun, last)


class MarkdownStream:
    """Turns text into rows: final ones by `feed` and `finish`, provisional ones by `live`."""

    def __init__(self, console: Console, code_theme: str = CODE_THEME) -> None:
        self._console = console
        self._code_theme = code_theme
        self._references = References()
        self._above = False
        """A block was printed: the next one begins with a blank row."""
        self._partial: list[str] = []
        self._start_over()

    def _start_over(self) -> None:
        self._lines: list[str] = []
        """Complete lines whose blocks are not final."""
        self._seen = 0
        """How many of `_lines` were there when they were last parsed."""
        self._blank_ends_it = True
        """The open block is one that a blank line ends."""
        self._begun = False
        """Rows of the block that `_lines` begin with are printed."""
        self._done = 0
        """How many tokens of `_lines` need no more printing."""
        self._numbers: dict[int, int] = {}
        """The numbers at which ordered lists go on, by token, whose first items were dropped from the source."""
        self._code: _OpenCode | None = None
        self._leaf: int | None = None
        """The first line of an open paragraph, table or indented block."""
        self._shown: dict[int, int] = {}
        """How many of the lines left of an open block that is too long are printed, by its token."""

    def feed(self, text: str) -> list[Row]:
        """Take the next piece of the text; give the rows that have become final."""
        rows: list[Row] = []
        for start in range(0, len(text), _SLICE):
            rows += self._feed(text[start : start + _SLICE])
        return rows

    def _feed(self, text: str) -> list[Row]:
        *complete, rest = sanitise(text).split("\n")
        if complete:
            complete[0] = "".join([*self._partial, complete[0]])
            self._partial.clear()
            self._lines += complete
        if rest:
            self._partial.append(rest)
        return self._settle() if complete and self._is_due(complete) else []

    def finish(self) -> list[Row]:
        """End the text; give the rows that are still missing."""
        if self._partial:
            self._lines.append("".join(self._partial))
            self._partial.clear()
        return self._settle(at_end=True)

    def live(self, height: int = LIVE_ROWS) -> list[Row]:
        """Give the last `height` rows, at most, of what is not final, as it would look if the text ended here."""
        lines = self._end_of_lines()
        references = References(self._references)
        try:
            tokens = _parse(lines, references, self._numbers)
        except Exception:  # noqa: BLE001 - see _give_up
            return self._raw(lines)[-height:]
        blocks = children(tokens)
        if not blocks:
            return []
        leaf = leaves(tokens, blocks[-1])[-1:]
        if leaf and tokens[leaf[0].start].type == "table_open":
            shorten_table(tokens, leaf[0], height)
        self._hang_code_on(tokens, len(tokens), finished=False)
        rows: list[Row] = []
        for block in children(tokens):
            rows += self._render(tokens, block, references, lines, begun=self._begun and block.start == 0)
        return rows[-height:]

    def _end_of_lines(self) -> list[str]:
        """Give the lines for the live rows. Of a very long block, which is not printed before it ends, the middle is left out.

        The cut moves in steps, so that the words of the rows that are shown do not flow with every token.
        """
        partial = "".join(self._partial)
        if len(partial) > _LONG_LINE:
            partial = partial[:80] + partial[-_LONG_LINE // 2 - len(partial) % (_LONG_LINE // 4) :]
        if self._leaf is None or self._seen - self._leaf <= _MANY_LINES:
            return [*self._lines, partial]
        stop = self._seen - _MANY_LINES // 2 - self._seen % (_MANY_LINES // 4)
        return [*self._lines[: self._leaf + 2], *self._lines[stop:], partial]

    def late(self) -> list[tuple[str, str]]:
        """Give label and address of the definitions that came when the text that refers to them was already printed."""
        return [
            (label.lower(), str(self._references[label]["href"]))
            for label in self._references
            if label in self._references.missed
        ]

    def _is_due(self, new_lines: list[str]) -> bool:
        if self._blank_ends_it and any(not line.strip() for line in new_lines):
            return True
        growth = _GROWTH if self._seen <= _MANY_LINES else 2
        return (len(self._lines) - self._seen) * growth >= self._seen

    def _settle(self, *, at_end: bool = False) -> list[Row]:
        try:
            tokens = _parse(self._lines, self._references, self._numbers)
        except Exception:  # noqa: BLE001 - see _give_up
            return self._give_up()
        mark_long(tokens, self._lines, self._shown)
        blocks = children(tokens)
        if blocks:
            rows = self._print(tokens, blocks, whole=at_end or is_final(tokens, blocks[-1], self._lines))
        else:
            rows = []
            # Behind a blank line a definition is complete; and nobody writes so many that it must be kept for its title.
            if at_end or not self._lines[-1].strip() or weigh(self._lines) > LONG_BLOCK:
                self._lines.clear()
        self._seen = len(self._lines)
        return rows

    def _print(self, tokens: list[Token], blocks: list[Extent], *, whole: bool) -> list[Row]:
        """Render what is final of `blocks`, the last one `whole`, and drop its source."""
        last = blocks[-1]
        open_leaf = None
        end = last.end
        if not whole:
            final = leaves(tokens, last)
            if final and not is_final(tokens, final[-1], self._lines):
                open_leaf = final.pop()
            end = final[-1].end if final else last.start
        self._hang_code_on(tokens, end, finished=True)
        rows: list[Row] = []
        for block in blocks:
            shown = Extent(block.start, min(block.end, end))
            begun = self._begun and block.start == 0
            rows += self._render(tokens, shown, self._references, self._lines, begun=begun)
        self._begun = end > last.start or (self._begun and last.start == 0)
        self._done = max(self._done, end)
        if open_leaf and tokens[open_leaf.start].type == "fence":
            rows += self._print_code(tokens, last, open_leaf)
        elif open_leaf and "plain" in tokens[open_leaf.start].meta:
            rows += self._print_plain(tokens, last, open_leaf)
            # What is left of the block reads otherwise, and what stands in front of it reads the same.
            tokens = _parse(self._lines, References(), self._numbers)
        self._drop(tokens, last, None if open_leaf is None else tokens[open_leaf.start], whole=whole)
        return rows

    def _drop(self, tokens: list[Token], last: Extent, leaf: Token | None, *, whole: bool) -> None:
        """Drop the source of what is printed; `leaf` is the block that is open inside the last one."""
        self._above = self._above or whole or last.start > 0
        self._blank_ends_it = whole or tokens[last.start].type not in CONTAINERS
        if whole:
            del self._lines[: last_line(tokens[last.start])]
            self._begun, self._done, self._numbers, self._leaf, self._shown = False, 0, {}, None, {}
            return
        dropped = cut(tokens, self._lines, last.start, self._done)
        self._lines = without(self._lines, dropped.lines)
        self._leaf = None
        if leaf is not None and leaf.type != "fence":
            self._leaf = first_line(leaf) - sum(map(len, dropped.lines))
        self._done = dropped.token_left(max(self._done, dropped.tokens[-1].stop))
        self._numbers = dropped.numbers
        self._shown = {dropped.token_left(position): count for position, count in self._shown.items()}

    def _print_plain(self, tokens: list[Token], block: Extent, leaf: Extent) -> list[Row]:
        """Print the lines of an open block that is too long, but for the last, which may yet be the header of a table."""
        token = tokens[leaf.start]
        if last_line(token) - first_line(token) <= head(token) or len(token.meta["plain"]) <= 1:
            return []
        token.meta["plain"].pop()
        shown = Extent(block.start, leaf.end)
        rows = self._render(tokens, shown, self._references, self._lines, begun=self._begun)
        del self._lines[first_line(token) + head(token) : last_line(token) - 1]
        self._begun = True
        self._done = leaf.start
        self._shown = {leaf.start: head(token)}
        return rows

    def _print_code(self, tokens: list[Token], block: Extent, leaf: Extent) -> list[Row]:
        """Print the lines of an open fence that are final, and drop them: what is inside it does not depend on them."""
        token = tokens[leaf.start]
        if self._code is None:
            self._code = _OpenCode(Highlighter(language(token)))
        code = token.content.split("\n")[:-1]
        # Blank lines stay until one with text follows, because Rich cuts them off the end of a block.
        text = max((index for index, line in enumerate(code) if line.strip()), default=0)
        settled = min(text, len(code) - self._code.highlighter.look_ahead)
        if settled <= 0:
            return []
        lines = self._code.highlighter.lex(code, settled)[:settled]
        token.meta["piece"] = FencePiece(lines, first=not self._code.begun, last=False)
        shown = Extent(block.start, leaf.end)
        rows = self._render(tokens, shown, self._references, self._lines, begun=self._begun)
        self._code.begun = self._begun = True
        self._done = leaf.start
        start = first_line(token) + 1
        del self._lines[start : start + settled]
        token.content = "".join(f"{line}\n" for line in code[settled:])
        return rows

    def _hang_code_on(self, tokens: list[Token], end: int, *, finished: bool) -> None:
        """Give the open fence its lexed lines, if it stands in front of `tokens[end]`."""
        if self._code is None:
            return
        index = next(i for i in range(self._done, len(tokens)) if tokens[i].type == "fence")
        if index >= end:
            return
        if self._code.begun or not finished:
            tokens[index].meta["piece"] = self._code.piece(tokens[index], last=finished)
        if finished:
            self._code = None

    def _render(
        self, tokens: list[Token], block: Extent, references: References, lines: Sequence[str], *, begun: bool
    ) -> list[Row]:
        """Render what is not printed yet of a block that ends where showing must end; `begun` when rows of it are printed."""
        start = max(block.start, self._done)
        inside = leaves(tokens, Extent(start, block.end))
        if start >= block.end or (begun and not inside):
            return []
        above = [Token("above", "", 0)] if self._above or begun or block.start else []
        try:
            shown = make_plain(piece(tokens, start, block.end))
            parse_inlines(shown, references)
            rows = rows_of(self._console, TokenMarkdown([*above, *shown], self._code_theme))
        except Exception:  # noqa: BLE001 - see _give_up
            source = lines[first_line(tokens[inside[0].start]) : last_line(tokens[inside[-1].start])] if inside else []
            rows = [*([[]] if above else []), *self._raw(source)]
        return rows[1:] if begun else rows

    def _give_up(self) -> list[Row]:
        """Show source as it is, because a library raised on it: an answer is worth more than its looks."""
        above: list[Row] = [[]] if self._above and not self._begun else []
        rows = [*above, *self._raw("\n".join(self._lines).strip("\n").split("\n"))]
        self._start_over()
        self._above = True
        return rows

    def _raw(self, lines: Sequence[str]) -> list[Row]:
        return rows_of(self._console, Text("\n".join(lines)))
