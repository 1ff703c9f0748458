"""A message as it was written: runs of typed and of pasted text.

Pasted text is data. Every rule that gives characters a meaning (commands, `@` for files, `//`,
fences, quotes, blanks at the ends) looks at a draft's `mask`, in which pasted text cannot be
recognised, and cuts its matches out of the draft by position.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

QUOTES: Final = '"""'
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
VEIL: Final = "\ufffc"
"""Replaces each pasted character in a mask; not a blank, a letter or a sign of any rule."""


class Origin(StrEnum):
    """How text got into the line."""

    TYPED = "typed"
    """By keys, or completed at the user's request."""
    PASTED = "pasted"


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one origin."""

    text: str
    origin: Origin = Origin.TYPED


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before its signs are interpreted."""

    runs: tuple[Run, ...] = ()

    @classmethod
    def typed(cls, text: str) -> Draft:
        """Return a draft of typed text."""
        return cls((Run(text),) if text else ())

    @classmethod
    def pasted(cls, text: str) -> Draft:
        """Return a draft of data."""
        return cls((Run(text, Origin.PASTED),) if text else ())

    @classmethod
    def of(cls, characters: Iterable[tuple[str, Origin]]) -> Draft:
        """Return a draft of texts with their origins, merging equal neighbours."""
        groups = groupby((one for one in characters if one[0]), lambda one: one[1])
        return cls(tuple(Run("".join(text for text, _ in group), origin) for origin, group in groups))

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(run.text for run in self.runs)

    @property
    def mask(self) -> str:
        """The text with every pasted character veiled; positions are the same."""
        return "".join(run.text if run.origin is Origin.TYPED else VEIL * len(run.text) for run in self.runs)

    def __len__(self) -> int:
        return sum(len(run.text) for run in self.runs)

    def __getitem__(self, part: slice) -> Draft:
        start, stop, _ = part.indices(len(self))
        kept, at = [], 0
        for run in self.runs:
            kept.append((run.text[max(0, start - at) : max(0, stop - at)], run.origin))
            at += len(run.text)
        return Draft.of(kept)

    def __add__(self, other: Draft) -> Draft:
        return Draft.of((run.text, run.origin) for run in (*self.runs, *other.runs))

    def strip(self, blanks: str | None = None) -> Draft:
        """Remove typed blanks from both ends."""
        mask = self.mask
        start = len(mask) - len(mask.lstrip(blanks))
        return self[start : max(start, len(mask.rstrip(blanks)))]

    def map(self, change: Callable[[str], str]) -> Draft:
        """Return the draft with the text of each run changed."""
        return Draft.of((change(run.text), run.origin) for run in self.runs)

    @property
    def is_open(self) -> bool:
        """Whether the draft is unfinished: a typed block of quotes or a code fence is open."""
        mask = self.mask.strip()
        if mask.startswith(QUOTES):
            return not (len(mask) >= 2 * len(QUOTES) and mask.endswith(QUOTES))
        return len(_FENCE.findall(self.mask)) % 2 == 1

    @property
    def question(self) -> Draft:
        """The question: without typed blanks at its ends, block quotes, or a first slash of two."""
        draft = self.strip()
        mask = draft.mask
        if len(mask) >= 2 * len(QUOTES) and mask.startswith(QUOTES) and mask.endswith(QUOTES):
            return draft[len(QUOTES) : -len(QUOTES)].strip("\n")
        return draft[1:] if mask.startswith("//") else draft

    def as_json(self) -> Any:
        """Return plain data: the text if typed on one line, else pairs with origins."""
        if len(self.runs) <= 1 and "\n" not in self.text and self == Draft.typed(self.text):
            return self.text
        return [[run.origin.value, run.text] for run in self.runs]

    @classmethod
    def from_json(cls, data: Any) -> Draft:
        """Read the result of `as_json`, or an entry from before drafts had origins.

        In such an entry, several lines count as pasted. Raises `ValueError` for anything else.
        """
        match data:
            case str():
                return cls.pasted(data) if "\n" in data else cls.typed(data)
            case list() if all(isinstance(one, list) and [*map(type, one)] == [str, str] for one in data):
                return cls.of((text, Origin(origin)) for origin, text in data)
        raise ValueError("this is not a draft")
