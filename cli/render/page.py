"""What an answer is printed on: how wide it is, how things look there, and what stands in front of a block."""

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
"""Columns for text, below which nothing is indented any further; half of the page where that is less."""
LINE: Final = 60
"""Columns of a line across the page: a longer one would wrap where the window is made smaller."""


class Page(NamedTuple):
    """A place for rows."""

    columns: int = 80
    theme: Theme = THEMES["dark"]
    signs: Mapping[str, str] = signs_for("utf-8")
    copies: bool = False
    """There is a `/copy`, so code says its number."""

    def prefixes(self, containers: Sequence[Container]) -> tuple[Row, Row]:
        """Return what the first row of a block in these containers begins with, and what the others do."""
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
        """Leave room for text: deep down, blanks and bars go, from the outside, but never a mark."""
        room = self.columns - min(NARROWEST, self.columns // 2)
        while width(tuple(prefix)) > room:
            dropped = next((span for span in prefix if not span[0].strip(f" {self.signs['bar']}")), None)
            if dropped is None:
                break
            prefix.remove(dropped)
        return tuple(prefix)

    def gap(self, above: Sequence[Container], below: Sequence[Container]) -> Row:
        """Return the empty row between two blocks, with the bars of the quotes that they both stand in."""
        common = [one for one, other in zip(below, above, strict=False) if one.serial == other.serial]
        return trimmed(self.prefixes(common)[1])

    def line(self, columns: int) -> Span:
        """Return a line across `columns`."""
        return self.signs["line"] * columns, self.theme.styles["line"]

    def more(self, hidden: int) -> Row:
        """Return the row that counts those above it that there is no room for."""
        counted = f"{self.signs['more']} {hidden}"
        told = f"{counted} {'row' if hidden == 1 else 'rows'} above"
        return ((told if len(told) <= self.columns else counted, self.theme.styles["dim"]),)
