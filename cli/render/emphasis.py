"""Emphasis: which runs of `*`, `_` and `~~` open and close it, and which of them belong together."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLES: Final = {"*1": "emphasis", "_1": "emphasis", "*2": "strong", "_2": "strong", "~2": "struck"}
"""By the character of a pair of runs and the size of the pair."""
_RUN: Final = re.compile(r"\*+|_+|~+")


@dataclass(slots=True)
class Node:
    """A piece of text, or the place where a style begins or ends."""

    text: str
    start: int
    """In the source."""
    style: str = ""
    exact: bool = True
    """Each character of the text is one of the source."""
    begins: str = ""
    """The marks of what begins here: a link, an image, a span of code."""
    ends: bool = False


@dataclass(slots=True)
class Run(Node):
    """A run of equal marks, each of which may open or close emphasis."""

    opens: bool = False
    closes: bool = False
    left: int = 0
    """Marks that belong to no pair."""
    opened: list[int] = field(default_factory=list)
    """Sizes of the pairs that it opens, the inner ones first."""
    closed: list[int] = field(default_factory=list)


def run_at(source: str, at: int) -> Run:
    """Return the run that begins at `at`; one that neither opens nor closes is text."""
    found = _RUN.match(source, at)
    assert found is not None
    run = found[0]
    before, after = source[at - 1 : at], source[found.end() : found.end() + 1]
    opens = not _is_blank(after) and (not _is_punctuation(after) or _is_blank(before) or _is_punctuation(before))
    closes = not _is_blank(before) and (not _is_punctuation(before) or _is_blank(after) or _is_punctuation(after))
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


def _is_punctuation(character: str) -> bool:
    return character != "" and unicodedata.category(character)[0] in "PS"


def pair(runs: list[Run]) -> None:
    """Pair runs as CommonMark's "process emphasis" has it; what is left of `runs` belongs to no pair, or not wholly."""
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
    """Find what the closer closes, at `floor` or behind it."""
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
