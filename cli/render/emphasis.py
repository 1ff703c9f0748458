"""Emphasis: which runs of `*`, `_` and `~~` open and close it, and which are pairs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import field
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.cells import is_wide
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLES: Final = {"*1": "emphasis", "_1": "emphasis", "*2": "strong", "_2": "strong", "~2": "struck"}
"""By the character of a pair of runs and its size."""
_RUN: Final = re.compile(r"\*+|_+|~+")


@dataclass(slots=True)
class Node:
    """A piece of text, or the beginning or end of a style."""

    text: str
    start: int
    """Position in the source."""
    style: str = ""
    exact: bool = True
    """Whether each character of the text is one of the source."""
    begins: str = ""
    """The marks that begin here: of a link, an image, or a code span."""
    ends: bool = False


@dataclass(slots=True)
class Run(Node):
    """A run of equal marks, each of which may open or close emphasis."""

    opens: bool = False
    closes: bool = False
    left: int = 0
    """Marks without a partner."""
    opened: list[int] = field(default_factory=list)
    """Sizes of the pairs that it opens, the inner ones first."""
    closed: list[int] = field(default_factory=list)


def run_at(source: str, at: int) -> Run:
    """Return the run at `at`; one that neither opens nor closes is text.

    A word may end at a bracket inside of the marks: in scripts without blanks, such as Chinese,
    another one follows outside at once.
    """
    found = _RUN.match(source, at)
    assert found is not None
    run = found[0]
    before, after = source[at - 1 : at], source[found.end() : found.end() + 1]
    opens = not _is_blank(after) and (not _is_punctuation(after) or _is_border(before))
    closes = not _is_blank(before) and (not _is_punctuation(before) or _is_border(after))
    if run[0] == "_":  # not inside a word
        opens, closes = (
            opens and (not closes or _is_punctuation(before)),
            closes and (not opens or _is_punctuation(after)),
        )
    if run[0] == "~" and len(run) != 2:
        opens = closes = False
    return Run(run, at, opens=opens, closes=closes, left=len(run))


def _is_blank(character: str) -> bool:
    return not character or character.isspace()


def _is_border(character: str) -> bool:
    """Whether a word may begin or end beside this character."""
    return _is_blank(character) or _is_punctuation(character) or is_wide(character)


def _is_punctuation(character: str) -> bool:
    return character != "" and unicodedata.category(character)[0] in "PS"


def pair(runs: list[Run]) -> None:
    """Pair runs by CommonMark's "process emphasis"; `runs` keeps those not wholly paired."""
    floors: dict[tuple[str, bool, int], int] = {}
    at = 0
    while at < len(runs):
        closer = runs[at]
        if not closer.closes:
            at += 1
            continue
        key = closer.text[0], closer.opens, len(closer.text) % 3
        opener = _opener(runs, at, floors.get(key, 0))
        if opener is None:
            floors[key] = at
            at += 1
            continue
        _join(runs[opener], closer)
        kept = opener + bool(runs[opener].left)
        del runs[kept:at]
        at = kept
        if not closer.left:
            del runs[at]
        floors = {name: min(floor, kept) for name, floor in floors.items()}


def _opener(runs: Sequence[Run], closer_at: int, floor: int) -> int | None:
    """Return the position of the closer's partner, from `floor` on."""
    closer = runs[closer_at]
    for at in range(closer_at - 1, floor - 1, -1):
        run = runs[at]
        if run.text[0] != closer.text[0] or not run.opens:
            continue
        sizes = len(run.text), len(closer.text)
        if (closer.opens or run.closes) and sum(sizes) % 3 == 0 and any(size % 3 for size in sizes):
            continue
        return at
    return None


def _join(opener: Run, closer: Run) -> None:
    size = min(2, opener.left, closer.left)
    opener.opened.append(size)
    closer.closed.append(size)
    opener.left -= size
    closer.left -= size
