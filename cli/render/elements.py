"""The elements of `rich.markdown`, changed where a stream could not foresee what they need.

Rich makes the number column of a list as wide as the list's *last* number, lets a rule swallow the blank line behind it, and
sets images in front of the block they stand in. None of that can be printed before the end is known; here each row depends
only on what is above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.markdown import BlockQuote, CodeBlock, HorizontalRule, ListItem, Markdown, MarkdownElement
from rich.rule import Rule
from rich.segment import Segment
from rich.syntax import Syntax
from rich.text import Text

from fallback_chat.cli.render.highlight import Prelexed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from fallback_chat.cli.render.highlight import Line

Row = list[Segment]

CODE_THEME: Final = "ansi_dark"
"""Colours of the terminal's own palette: no background to copy along, and a third of the bytes of a true-colour theme."""

MIN_WIDTH: Final = 12
"""Columns for text, below which nothing is indented any further."""


@dataclass(frozen=True, slots=True)
class FencePiece:
    """Some lines of a fenced block, already lexed; hung on the token under the name `piece`."""

    lines: Sequence[Line]
    first: bool
    """The block begins here: pad above."""
    last: bool
    """The block ends here: pad below."""


class Code(CodeBlock):
    """A code block, or a piece of one."""

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> Code:
        code = cls(language(token), markdown.code_theme)
        code.piece = token.meta.get("piece")
        return code

    piece: FencePiece | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.piece is None:
            yield from super().__rich_console__(console, options)
            return
        padding = (int(self.piece.first), 1, int(self.piece.last), 1)
        yield Syntax(
            "",  # it would only be lexed, and the tokens are there already
            Prelexed(self.piece.lines),
            theme=self.theme,
            word_wrap=True,
            padding=padding,
        )


def language(token: Token) -> str:
    """The language that a code block names; Rich takes all up to the first blank."""
    return token.info.partition(" ")[0] or "text"


class Item(ListItem):
    """A list item whose number column is as wide as its own number, and which may have begun in an earlier piece."""

    continued = False

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> MarkdownElement:  # noqa: ARG003
        item = cls()
        item.continued = token.meta.get("continued", False)
        return item

    def render_bullet(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._render(console, options, " • ", "markdown.item.bullet")

    def render_number(
        self,
        console: Console,
        options: ConsoleOptions,
        number: int,
        last_number: int,  # noqa: ARG002
    ) -> RenderResult:
        return self._render(console, options, f" {number} ", "markdown.item.number")

    def _render(self, console: Console, options: ConsoleOptions, mark: str, style_name: str) -> RenderResult:
        style = console.get_style(style_name, default="none")
        for index, (padding, line) in enumerate(_indented(self, console, options, len(mark))):
            yield Segment(padding if index or self.continued else mark[: len(padding)], style)
            yield from line
            yield Segment.line()


class Quote(BlockQuote):
    """A block quote."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for padding, line in _indented(self, console, options, 4):
            yield Segment("▌ "[: len(padding)], self.style)
            yield from line
            yield Segment.line()


def _indented(
    block: ListItem | BlockQuote, console: Console, options: ConsoleOptions, indent: int
) -> Iterator[tuple[str, list[Segment]]]:
    """Render what is in a block, as blanks to stand in front and the row.

    Deep down there are no blanks: Rich goes on to a width of 0, where the text vanishes.
    """
    if options.max_width - indent < MIN_WIDTH:
        indent = 0
    for line in console.render_lines(
        block.elements, options.update(width=options.max_width - indent), style=block.style
    ):
        yield " " * indent, line


class Break(HorizontalRule):
    """A rule with the same blank line behind it as any other block."""

    new_line = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Rule(style=console.get_style("markdown.hr", default="none"), characters="-")


class Plain(MarkdownElement):
    """A block that is shown as it was written, or a piece of one."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def create(cls, markdown: Markdown, token: Token) -> Plain:  # noqa: ARG003
        return cls(token.content)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self._text)


class Above(MarkdownElement):
    """Stands for the blocks that were printed before: all that the next block needs of them is its blank line."""


class TokenMarkdown(Markdown):
    """`rich.markdown.Markdown` over tokens that are already parsed; links are text, never escape sequences."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": Code,
        "code_block": Code,
        "list_item_open": Item,
        "blockquote_open": Quote,
        "hr": Break,
        "plain": Plain,
        "above": Above,
    }

    def __init__(self, tokens: list[Token], code_theme: str) -> None:  # Rich's own would build a parser for each block
        self.markup = ""
        self.parsed = tokens
        self.code_theme = code_theme
        self.justify = None
        self.style = "none"
        self.hyperlinks = False
        self.inline_code_lexer = None
        self.inline_code_theme = code_theme


def rows_of(console: Console, renderable: RenderableType) -> list[Row]:
    """Render to rows as wide as the console, without the blanks that Rich pads them with."""
    keep_background = console.color_system is not None and not console.no_color
    rows = console.render_lines(renderable, console.options.update(height=None), pad=False)
    return [_trim(list(Segment.simplify(row)), keep_background=keep_background) for row in rows]


def _trim(row: Row, *, keep_background: bool) -> Row:
    while row:
        text, style, _ = row[-1]
        if style is not None and (
            style.underline or style.reverse or style.strike or (keep_background and style.bgcolor is not None)
        ):
            break
        row.pop()
        if text := text.rstrip(" "):
            row.append(Segment(text, style))
            break
    return row
