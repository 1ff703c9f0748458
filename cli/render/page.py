"""The page for an answer: its width, its styles, and what precedes the rows of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.rows import trimmed, width
from fallback_chat.cli.render.theme import THEMES, signs_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.cli.render.blocks import Container
    from fallback_chat.cli.render.rows import Row, Span
    from fallback_chat.cli.render.theme import Theme

NARROWEST: Final = 12
"""Columns for text below which nothing is indented further; half the page if that is less."""
LINE: Final = 60
"""Columns of a line across the page: a longer one would wrap when the window shrinks."""


class Page(NamedTuple):
    """A place for rows."""

    columns: int = 80
    theme: Theme = THEMES["dark"]
    signs: Mapping[str, str] = signs_for("utf-8")
    copies: bool = False
    """Whether there is a `/copy`, so that code shows its number."""
    rows: int = 24
    """Rows of the screen."""

    @property
    def least(self) -> int:
        """The columns for text that no indentation takes."""
        return min(NARROWEST, self.columns // 2)

    def prefixes(self, containers: Sequence[Container]) -> tuple[Row, Row]:
        """Return the prefixes of a block in these containers: for its first row and the rest."""
        first: list[Span] = []
        rest: list[Span] = []
        for container in containers:
            if container.is_quote:
                bar = (f"{self.signs['bar']} ", self.theme.styles["bar"])
                first.append(bar)
                rest.append(bar)
                continue
            mark = f"{container.mark if len(container.mark) > 1 else self.signs['bullet']} "
            blank = (" " * len(mark), "")
            first.append(blank if container.is_shown else (mark, self.theme.styles["mark"]))
            rest.append(blank)
        return self._narrowed(first), self._narrowed(rest)

    def _narrowed(self, prefix: list[Span]) -> Row:
        """Return a prefix that leaves room for text.

        Deep down, blanks and bars are dropped from the outside, but never a mark.
        """
        room = self.columns - self.least
        while width(tuple(prefix)) > room:
            dropped = next((span for span in prefix if not span[0].strip(f" {self.signs['bar']}")), None)
            if dropped is None:
                break
            prefix.remove(dropped)
        return tuple(prefix)

    def gap(self, above: Sequence[Container], below: Sequence[Container]) -> Row:
        """Return the empty row between two blocks, with the bars of their common quotes."""
        common = [one for one, other in zip(below, above, strict=False) if one.serial == other.serial]
        return trimmed(self.prefixes(common)[1])

    def line(self, columns: int) -> Span:
        """Return a line across `columns`."""
        return self.signs["line"] * columns, self.theme.styles["line"]

    def more(self, hidden: int) -> Row:
        """Return the row that counts the hidden rows above it."""
        counted = f"{self.signs['more']} {hidden}"
        told = f"{counted} {'row' if hidden == 1 else 'rows'} above"
        return ((told if len(told) <= self.columns else counted, self.theme.styles["dim"]),)
