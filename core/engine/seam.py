"""Proof that a text continues another one: it repeats the other's end before it goes on.

The next provider is asked to begin with an *anchor*, the last words of the partial answer. Its text
is held back until the matter is decided. The seam is proven if the text begins with the anchor or
with a longer end of the partial answer, up to all of it; the repetition is trimmed. One line of
preface ("Sure, continuing:") may precede it, and an opening fence if the partial answer ends inside
one. Anything else is unproven, and none of it may be shown.

Runs of blanks count as one blank, except inside a fence, where blanks matter.
"""

from __future__ import annotations

import re
from typing import Final

from fallback_chat.core.blanks import squeezed

LONGEST_PARTIAL: Final = 1 << 19
"""Characters; no model writes more in one answer, and to search more would take noticeable time."""
LEAST_ANCHOR: Final = 30
GOOD_ANCHOR: Final = 80
LONGEST_ANCHOR: Final = 240
HELD_AT_MOST: Final = 240
"""Characters; a text that has repeated nothing by then never will."""
LONGEST_PREFACE: Final = 120
_ENDS_OF_A_PREFACE: Final = (":", ".", "!", "…", ",", "-", "\uff1a", "。", "\uff01", "\uff0c")
"""Including the full-width forms of Chinese and Japanese."""
_STARTS: Final = re.compile("[\n:]|\uff1a")
_FENCE: Final = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})", re.MULTILINE)
_OPENED_FENCE: Final = re.compile(r"[ \t]{0,3}(?:`{3,}|~{3,})[^\n`]*\n\Z")
_MOST_STARTS: Final = 16


class SeamUnprovenError(Exception):
    """The text does not repeat the end of the partial answer: a new answer, or one with a gap."""


def anchor_of(partial: str) -> str | None:
    """Return the end of `partial` that identifies it, or None if there is none.

    It has 30 to 80 characters and begins with a line or a word; it is lengthened, up to 240, until
    it occurs in `partial` only once.
    """
    if len(partial) > LONGEST_PARTIAL:
        return None
    text = partial.rstrip()
    exact = ends_inside_a_fence(partial)
    whole = text if exact else squeezed(text)
    for length in range(LEAST_ANCHOR, LONGEST_ANCHOR + 1):
        start = len(text) - length
        if start < 0:
            break
        begins = start == 0 or text[start - 1].isspace() or length >= GOOD_ANCHOR
        if not begins or text[start].isspace():
            continue
        anchor = text[start:]
        sought = anchor if exact else squeezed(anchor)
        if whole.find(sought) == whole.rfind(sought):
            return anchor
    return None


def ends_inside_a_fence(text: str) -> bool:
    """Whether the last fence in `text` is open."""
    opened: str | None = None
    for match in _FENCE.finditer(text):
        fence = match[1]
        if opened is None:
            opened = fence
        elif fence[0] == opened[0] and len(fence) >= len(opened):
            opened = None
    return opened is not None


class Walker:
    """Matches a text, piece by piece, against `target` from one position to its end."""

    def __init__(self, target: str, start: int, *, exact: bool) -> None:
        self._target = target
        self._at = self._start = start
        self._exact = exact
        self._blank = False
        self.lost = False
        """Whether the text has departed from the target."""

    def walk(self, text: str) -> int | None:
        """Match one more piece.

        Return the index behind the end of the target, or None if it is not reached.
        """
        for index, letter in enumerate(text):
            if not self._exact and letter.isspace():
                self._blank = True
                continue
            if not self._step(letter):
                self.lost = True
                return None
            if self._at == len(self._target):
                return index + 1
        return None

    def _step(self, letter: str) -> bool:
        target = self._target
        if not self._exact:
            between = target[self._at] == " "
            if self._at != self._start and between != self._blank:
                return False
            self._at += between
            self._blank = False
        if target[self._at] != letter:
            return False
        self._at += 1
        return True


class Seam:
    """Takes text that should continue `partial`, and returns what really follows it.

    `feed()` and `end()` raise `SeamUnprovenError` as soon as the seam cannot be proven any more.
    """

    def __init__(self, partial: str, anchor: str) -> None:
        self._exact = ends_inside_a_fence(partial)
        text = partial.rstrip()
        self._blanks: str | None = partial[len(text) :] or None
        """The blanks at the end of the partial answer, until it is known whether the rest repeats
        them."""
        self._target = text if self._exact else squeezed(text)
        self._least = len(anchor if self._exact else squeezed(anchor))
        self._probe = min(self._least, 24)
        """Number of characters that locate the beginning of a text in the target."""
        self._held = ""
        self._tried: set[int] = set()
        self._walkers: list[Walker] = []
        self.proven = False

    @property
    def passes(self) -> bool:
        """Whether everything that follows is shown as it arrives."""
        return self.proven and self._blanks is None

    def feed(self, text: str) -> str:
        """Add the next piece; return the part that can be shown."""
        if self.passes:
            return text
        if self.proven:
            return self._joined(text)
        for walker in self._walkers:
            if (index := walker.walk(text)) is not None:
                return self._prove(text[index:])
        self._walkers = [walker for walker in self._walkers if not walker.lost]
        if len(self._held) <= HELD_AT_MOST:
            self._held += text
            for start in self._starts():
                if (rest := self._begin(start)) is not None:
                    return rest
        if not self._walkers and len(self._held) > HELD_AT_MOST:
            raise SeamUnprovenError
        return ""

    def end(self) -> None:
        """Note that the text is complete."""
        if not self.proven:
            raise SeamUnprovenError

    def _starts(self) -> list[int]:
        """Return the untried positions in the held text at which the repetition may begin."""
        held = self._held
        starts = [0, *(match.end() for match in _STARTS.finditer(held[: 2 * LONGEST_PREFACE]))]
        enough = [start for start in starts if len(self._letters(held[start:])) >= self._probe]
        return [start for start in enough if start not in self._tried and self._may_precede(held[:start])]

    def _may_precede(self, preface: str) -> bool:
        """Whether `preface` is insignificant: at most one line, and an opening of an open fence."""
        opening = _OPENED_FENCE.search(preface) if self._exact else None
        line = (preface[: opening.start()] if opening else preface).strip()
        if not line:
            return True
        return len(line) <= LONGEST_PREFACE and "\n" not in line and line.endswith(_ENDS_OF_A_PREFACE)

    def _begin(self, start: int) -> str | None:
        """Start walkers at `start` and let them catch up."""
        self._tried.add(start)
        text = self._held[start:]
        probe = self._letters(text)[: self._probe]
        last = len(self._target) - self._least
        at = self._target.find(probe)
        found: list[int] = []
        while at != -1 and at <= last and len(found) < _MOST_STARTS:
            found.append(at)
            at = self._target.find(probe, at + 1)
        for position in found:
            walker = Walker(self._target, position, exact=self._exact)
            if (index := walker.walk(text)) is not None:
                return self._prove(text[index:])
            if not walker.lost:
                self._walkers.append(walker)
        return None

    def _letters(self, text: str) -> str:
        return text if self._exact else squeezed(text)

    def _prove(self, rest: str) -> str:
        self.proven = True
        self._held, self._walkers = "", []
        return rest if self._blanks is None else self._joined(rest)

    def _joined(self, rest: str) -> str:
        """Return `rest` without the blanks that the partial answer already ends with."""
        self._held += rest
        text = self._held.lstrip()
        if not text or self._blanks is None:
            return ""
        ended_in, self._blanks = self._blanks, None
        blanks, self._held = self._held[: len(self._held) - len(text)], ""
        if blanks.startswith(ended_in):
            return blanks[len(ended_in) :] + text
        return text if "\n" in ended_in or "\n" not in blanks else blanks.lstrip(" \t") + text
