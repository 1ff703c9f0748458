"""The text of a paragraph, heading or table cell, as pieces with a style.

Emphasis, code, links and formulas follow CommonMark, with three differences. Only markup is
removed: addresses, titles, HTML, formulas and link definitions are shown as written, and so are
references, because their definitions are. Emphasis may end at a bracket before a Chinese, Japanese
or Korean word. And the text may be incomplete: `pending` is the first position that more text could
turn into markup.
"""

from __future__ import annotations

import re
import sys
from html.entities import html5
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.emphasis import STYLES, Node, Run, pair, run_at
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.wrap import Piece
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class Inline(NamedTuple):
    """A parsed text."""

    pieces: Sequence[Piece]
    pending: int | None
    """The position that more text could change; None if there is none."""


def parse_inline(source: str, styles: Mapping[str, str], *, in_cell: bool = False) -> Inline:
    """Parse `source`, keeping its lines.

    `styles` maps `strong`, `code` and so on to styles. In a table cell, `<br>` is a line break.
    """
    scanner = _Scanner(source, in_cell=in_cell)
    scanner.scan()
    return Inline(list(_styled(scanner.nodes, styles)), scanner.pending)


@dataclass(slots=True)
class _Bracket:
    """A `[` or `![` that may begin a link or an image."""

    node: Node
    position: int
    """Position of its node."""
    runs: int
    """Number of runs before it."""
    active: bool = True


_SPECIAL: Final = re.compile(r"[\\`*_~\[\]!<&$]|https?://|www\.", re.IGNORECASE)
_AS_WRITTEN: Final = frozenset("\\(){}[]")
"""Characters kept after a backslash: formulas are full of them."""
_PUNCTUATION: Final = frozenset("!\"#$%&'*+,-./:;<=>?@^_`|~")
_FORMULAS: Final = {"\\(": "\\)", "\\[": "\\]"}
_IN_DOLLARS: Final = re.compile(r"\$\$.+?\$\$|\$(?=[^\s$])(?:\\.|[^$\\\n])*(?<!\s)\$(?!\d)", re.DOTALL)
_TICKS: Final = re.compile(r"`+")
_AUTOLINK: Final = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+)>")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNFINISHED: Final = re.compile(r"&#?\w{0,31}\Z|<[^\s<>]*\Z|\\\Z|!\Z|https?:?/?\Z|[*_~]+\Z")
"""The end of a text that the next character may turn into something else."""
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"`\]|]+", re.IGNORECASE)
_BEHIND_URL: Final = "?!.,:;*_~'\""
_DEFINITION: Final = re.compile(
    r"\[(?!\^)[^\[\]\n]+\]:[ \t]*(?:<[^<>\n]*>|\S+)(?:[ \t]+(?:\"[^\n]*\"|'[^\n]*'|\([^\n]*\)))?[ \t]*$", re.MULTILINE
)
_DESTINATION: Final = re.compile(
    r"\(\s*(?:<(?P<pointed>(?:\\.|[^<>\\\n])*)>|(?P<bare>(?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\]|\([^\s()]*\))*\))*))"
    r"(?:\s+(?P<title>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\)))?\s*\)"
)
_UNFINISHED_DESTINATION: Final = re.compile(r"\((?:[^()]|\([^()]*\))*\Z")
_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


class _Scanner:
    """Splits a text into nodes."""

    def __init__(self, source: str, *, in_cell: bool) -> None:
        self.nodes: list[Node] = []
        self.pending: int | None = None
        self._source = source
        self._in_cell = in_cell
        self._runs: list[Run] = []
        self._brackets: list[_Bracket] = []
        self._no_ticks: set[int] = set()
        """Lengths of runs of backticks without a closing run."""

    def scan(self) -> None:
        source, position = self._source, 0
        while found := _SPECIAL.search(source, position):
            self._text(position, found.start())
            position = _HANDLERS[found[0][0].lower()](self, found.start())
        self._text(position, len(source))
        self._pair(0)
        if self._brackets:
            self._wait(self._brackets[0].node.start)
        if unfinished := _UNFINISHED.search(source):
            self._wait(unfinished.start())

    def _wait(self, position: int) -> None:
        """Note that later text decides about `position`."""
        self.pending = position if self.pending is None else min(self.pending, position)

    def _text(self, start: int, end: int) -> int:
        if start < end:
            self.nodes.append(Node(self._source[start:end], start))
        return end

    def backslash(self, at: int) -> int:
        mark = self._source[at : at + 2]
        if end := _FORMULAS.get(mark):
            close = self._source.find(end, at + 2)
            if close < 0:
                self._wait(at)
            return self._text(at, at + 2 if close < 0 else close + 2)
        if len(mark) == 2 and (mark[1] in _PUNCTUATION or mark[1] == "\n"):
            self.nodes.append(Node(mark[1], at, exact=False))
            return at + 2
        return self._text(at, at + (2 if mark[1:] in _AS_WRITTEN and len(mark) == 2 else 1))

    def dollar(self, at: int) -> int:
        if formula := _IN_DOLLARS.match(self._source, at):
            return self._text(at, formula.end())
        double = self._source.startswith("$$", at)
        if double or self._source.find("\n", at) < 0:
            self._wait(at)
        return self._text(at, at + 1 + double)

    def ticks(self, at: int) -> int:
        opening = _TICKS.match(self._source, at)
        assert opening is not None
        size = len(opening[0])
        if size not in self._no_ticks:
            for closing in _TICKS.finditer(self._source, opening.end()):
                if len(closing[0]) == size:
                    return self._code(opening.end(), closing.start(), opening[0])
            self._no_ticks.add(size)
        self._wait(at)
        return self._text(at, opening.end())

    def _code(self, start: int, end: int, ticks: str) -> int:
        content = self._source[start:end].replace("\n", " ")
        padded = content.startswith(" ") and content.endswith(" ") and content.strip(" ") != ""
        self.nodes.append(Node("", start, "code", begins=ticks))
        self.nodes.append(Node(content[1:-1] if padded else content, start + padded))
        self.nodes.append(Node("", end, ends=True))
        return end + len(ticks)

    def emphasis(self, at: int) -> int:
        run = run_at(self._source, at)
        self.nodes.append(run)
        if run.opens or run.closes:
            self._runs.append(run)
        return at + len(run.text)

    def exclamation(self, at: int) -> int:
        if not self._source.startswith("![", at):
            return self._text(at, at + 1)
        return self._begin(at, at + 2)

    def opening(self, at: int) -> int:
        at_line_start = not self._source[self._source.rfind("\n", 0, at) + 1 : at].strip()
        if at_line_start and (definition := _DEFINITION.match(self._source, at)):
            return self._text(at, definition.end())
        return self._begin(at, at + 1)

    def _begin(self, at: int, end: int) -> int:
        node = Node(self._source[at:end], at)
        self._brackets.append(_Bracket(node, len(self.nodes), len(self._runs)))
        self.nodes.append(node)
        return end

    def closing(self, at: int) -> int:
        bracket = self._brackets.pop() if self._brackets else None
        destination = _DESTINATION.match(self._source, at + 1) if bracket is not None and bracket.active else None
        if bracket is None or destination is None:
            may_follow = at + 1 == len(self._source) or _UNFINISHED_DESTINATION.match(self._source, at + 1)
            if bracket is not None and bracket.active and may_follow:
                self._wait(bracket.node.start)
            return self._text(at, at + 1)
        self._link(bracket, at, destination)
        return destination.end()

    def _link(self, bracket: _Bracket, at: int, found: re.Match[str]) -> None:
        """Turn the text between the brackets into that of a link, and show its address."""
        self._pair(bracket.runs, waits=False)
        text = "".join(node.text for node in self.nodes[bracket.position + 1 :])
        marks = bracket.node.text
        bracket.node.begins, bracket.node.style, bracket.node.text = marks, "link", ""
        self.nodes.append(Node("", at, ends=True))
        address = _decoded(_ESCAPE.sub(r"\1", found["bare"] if found["pointed"] is None else found["pointed"]))
        told = " ".join(part for part in (sanitise(address), found["title"] or "") if part)
        told = f"image: {told}" if marks == "![" else told
        if told and told not in (text, f"mailto:{text}"):
            self.nodes.append(Node(f" ({told})" if text else f"({told})", at, "address", exact=False, begins=marks))
            self.nodes.append(Node("", at, ends=True))
        if marks == "[":
            for outer in self._brackets:
                outer.active = outer.active and outer.node.text == "!["

    def pointed(self, at: int) -> int:
        if link := _AUTOLINK.match(self._source, at):
            self.nodes.append(Node("", at, "plain", begins="<"))
            self._text(at + 1, link.end() - 1)
            self.nodes.append(Node("", link.end() - 1, ends=True))
            return link.end()
        if self._in_cell and (line_end := _BREAK.match(self._source, at)):
            self.nodes.append(Node("\n", at, exact=False))
            return line_end.end()
        tag = _TAG.match(self._source, at)
        return self._text(at, tag.end() if tag else at + 1)

    def entity(self, at: int) -> int:
        entity = _ENTITY.match(self._source, at)
        character = _character(entity[1]) if entity else ""
        if entity is None or not character:
            return self._text(at, at + 1)
        self.nodes.append(Node(sanitise(character).replace("\n", " "), at, exact=False))
        return entity.end()

    def url(self, at: int) -> int:
        """Take an address literally: its underscores are not emphasis."""
        found = _URL.match(self._source, at)
        if found is None or self._source[max(0, at - 1) : at].isalnum():
            return self._text(at, at + 1)
        url = found[0]
        while url[-1] in _BEHIND_URL or (url[-1] == ")" and url.count(")") > url.count("(")):
            url = url[:-1]
        return self._text(at, at + max(1, len(url)))

    def _pair(self, bottom: int, *, waits: bool = True) -> None:
        """Pair the runs from the one at `bottom` on."""
        runs = self._runs[bottom:]
        del self._runs[bottom:]
        pair(runs)
        for run in runs:
            if waits and run.opens:
                self._wait(run.start)


_HANDLERS: Final[Mapping[str, Callable[[_Scanner, int], int]]] = {
    "\\": _Scanner.backslash,
    "`": _Scanner.ticks,
    **dict.fromkeys("*_~", _Scanner.emphasis),
    "!": _Scanner.exclamation,
    "[": _Scanner.opening,
    "]": _Scanner.closing,
    "<": _Scanner.pointed,
    "&": _Scanner.entity,
    "$": _Scanner.dollar,
    **dict.fromkeys("hw", _Scanner.url),
}


def _character(name: str) -> str:
    """Return the character of a reference, given without `&` and `;`; empty if unknown."""
    if not name.startswith("#"):
        return html5.get(f"{name};", "")
    code = int(f"0{name[1:]}", 16 if name[1] in "xX" else 10)
    return chr(code) if 0 < code < sys.maxunicode + 1 else "\ufffd"


def _decoded(text: str) -> str:
    return _ENTITY.sub(lambda found: _character(found[1]) or found[0], text)


def _styled(nodes: Sequence[Node], styles: Mapping[str, str]) -> Iterator[Piece]:
    """Yield the texts of the nodes, each with all active styles."""
    on: list[tuple[str, str, Node]] = []
    """Styles, the marks that turn them on, and where those stand."""

    def piece(text: str, node: Node, start: int) -> Piece:
        words = " ".join(style for style, _, _ in on if style)
        return Piece(text, words, start, _reopened([(marks, at) for _, marks, at in on], text), node.exact)

    for node in nodes:
        if isinstance(node, Run):
            start = node.start + sum(node.closed)
            del on[len(on) - len(node.closed) :]
            if node.left:
                rest = piece(node.text[: node.left], node, start)
                yield rest._replace(reopen=None) if node.opens or node.closes else rest
            mark = node.text[0]
            on += [(styles[STYLES[f"{mark}{size}"]], mark * size, node) for size in reversed(node.opened)]
            continue
        if node.ends:
            on.pop()
        if node.begins:
            on.append((styles[node.style], node.begins, node))
        if node.text:
            yield piece(node.text, node, node.start)


def _reopened(on: Sequence[tuple[str, Node]], text: str) -> str | None:
    """Return the marks that are on, if they pair before `text` as they do where they stand."""
    runs = []
    for node, marks in groupby(on, key=itemgetter(1)):
        run = "".join(mark for mark, _ in marks)
        if isinstance(node, Run) and run != node.text:
            return None
        runs.append(run)
    fuse = any(one[-1] == other[0] for one, other in pairwise([*runs, text[:1] or " "]))
    return None if fuse else "".join(runs)
