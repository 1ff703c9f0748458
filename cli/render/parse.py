"""Markdown source to markdown-it's tokens: block structure first, inline content when it is needed.

Raw HTML is off: Rich would drop the tags without a trace, so they are text.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import fence, table
from markdown_it.rules_core import StateCore, text_join
from markdown_it.rules_core import inline as parse_inline
from markdown_it.token import Token

from fallback_chat.cli.render.blocks import CONTAINERS
from fallback_chat.cli.render.sanitise import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.rules_block import StateBlock


class NestedTooDeepError(Exception):
    """The parser gave up and dropped content."""


class References(dict[str, Any]):
    """Link reference definitions by label, which also remembers the labels that were asked for in vain."""

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        super().__init__(known or {})
        self.missed: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        if label not in self:
            self.missed.add(label)
        return super().get(label, default)


def parse_blocks(source: str, references: References) -> list[Token]:
    """Parse block structure only; definitions found are added to `references`. Raises NestedTooDeepError."""
    tokens: list[Token] = []
    parser = _parser()
    parser.block.parse(source, parser, {"references": references}, tokens)
    deepest = parser.options.maxNesting - 1
    if any(token.level == deepest and token.type in CONTAINERS for token in tokens):
        raise NestedTooDeepError
    return tokens


LONG_INLINE: Final = 8_000
"""Characters. markdown-it looks for the end of each bracket and emphasis through all that follows: 240 kB of `[` take 14 s."""
LONG_BRACKETS: Final = 500
"""Brackets: 8000 characters with this many take 0.05 s, and nothing but brackets 0.4 s."""


def _is_long(token: Token) -> bool:
    return token.type == "inline" and (len(token.content) > LONG_INLINE or token.content.count("[") > LONG_BRACKETS)


def _as_it_is(text: str) -> Iterator[Token]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Token("softbreak", "br", 0)
        yield Token("text", "", 0, content=sanitise(line))


def parse_inlines(tokens: list[Token], references: References) -> None:
    """Parse the inline content of block tokens, in place; a paragraph of many pages is taken as plain text."""
    ordinary = [token for token in tokens if not _is_long(token)]
    state = StateCore("", _parser(), {"references": references}, ordinary)
    parse_inline(state)
    text_join(state)
    for token in tokens:
        if _is_long(token):
            token.children = list(_as_it_is(token.content))
    for token in ordinary:
        if token.type == "inline" and token.children:
            token.children = list(_plain_links(_plain_images(token.children)))
            if "&" in token.content:  # character references are decoded behind the filter that the source went through
                for child in token.children:
                    child.content = sanitise(child.content)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable("strikethrough")
    parser.block.ruler.at("fence", _fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    # markdown-it asks for a table first, and would turn a heading into one when the delimiter row follows. As GFM has it,
    # any other block comes first; so the line that opened a block settles what it is.
    parser.block.ruler.before("lheading", "gfm_table", table, {"alt": ["paragraph", "reference"]})
    return parser


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The parser's own rule, which also tells whether the closing line was there."""
    if not fence(state, start, end, silent):
        return False
    if not silent:
        token = state.tokens[-1]
        last = state.line - 1
        text = state.src[state.bMarks[last] + state.tShift[last] : state.eMarks[last]].rstrip(" \t")
        token.meta["closed"] = (
            last > start
            and len(text) >= len(token.markup)
            and set(text) == {token.markup[0]}
            and not state.is_code_block(last)
        )
    return True


def _plain_images(tokens: Iterable[Token]) -> Iterator[Token]:
    """Put an image's description and address into the line it stands in."""
    for token in tokens:
        if token.type != "image":
            yield token
            continue
        yield _text("🌆 ")
        yield from _plain_images(token.children or [])
        yield _text(f" ({token.attrs.get('src', '')})" if token.children else str(token.attrs.get("src", "")))


def _plain_links(tokens: Iterable[Token]) -> Iterator[Token]:
    """Unwrap links whose text is their address, which would be shown twice."""
    tokens = list(tokens)
    skip = -1
    for index, token in enumerate(tokens):
        inside = tokens[index + 1 : index + 3]
        if (
            token.type == "link_open"
            and [t.type for t in inside] == ["text", "link_close"]
            and token.attrs.get("href") in (inside[0].content, f"mailto:{inside[0].content}")
        ):
            skip = index + 2
        elif index != skip:
            yield token


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
