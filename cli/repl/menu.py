"""The menu below the input line: possible continuations, with a note on each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.cli.render.rows import Row

MARGIN: Final = "  "


class Choice(NamedTuple):
    """A possible continuation."""

    text: str
    """The text for the line."""
    note: str = ""
    """One line about it."""
    label: str = ""
    """The text shown, if different."""
    replaces: int = 0
    """Number of characters before the cursor that it replaces."""
    is_command: bool = False
    is_final: bool = False
    """Whether nothing has to follow, so that choosing it sends the line."""


class Menu:
    """The choices, and the selected one."""

    def __init__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the menu."""
        self.choices: tuple[Choice, ...] = ()
        self._index: int | None = None

    def open(self, choices: Iterable[Choice], *, first: bool = False) -> None:
        """Show choices; with `first`, the first one is selected."""
        self.choices = tuple(choices)
        self._index = 0 if first and self.choices else None

    def __bool__(self) -> bool:
        return bool(self.choices)

    @property
    def chosen(self) -> Choice | None:
        """The selected choice."""
        return None if self._index is None else self.choices[self._index]

    def move(self, step: int) -> None:
        """Select the next or previous choice, from the last on to the first."""
        if self._index is None:
            self._index = 0 if step > 0 else len(self.choices) - 1
        else:
            self._index = (self._index + step) % len(self.choices)

    def rows(self, columns: int, most: int) -> list[Row]:
        """Return the rows around the selected choice, and how many there are besides."""
        if not self.choices or most < 1:
            return []
        shown = most if len(self.choices) <= most else max(1, most - 1)
        first = max(0, min((self._index or 0) - shown // 2, len(self.choices) - shown))
        labels = [choice.label or choice.text for choice in self.choices[first : first + shown]]
        width = min(max(map(cells, labels)), max(8, columns // 2))
        rows = [self._row(index, label, width, columns) for index, label in enumerate(labels, first)]
        if shown < len(self.choices) and most > 1:
            rows.append(((f"{MARGIN}{first + 1}-{first + shown} of {len(self.choices)}", "dim"),))
        return rows

    def _row(self, index: int, label: str, width: int, columns: int) -> Row:
        style = "reverse" if index == self._index else ""
        label = shortened(label, width)
        head = f"{MARGIN}{label}{' ' * (width - cells(label))}"
        note = shortened(self.choices[index].note, columns - cells(head) - len(MARGIN))
        return ((head, style), (f"{MARGIN}{note}", style or "dim")) if note else ((head, style),)


def common_beginning(texts: Sequence[str]) -> str:
    """Return the common beginning of all texts."""
    shortest = min(texts, key=len, default="")
    for index, character in enumerate(shortest):
        if any(text[index] != character for text in texts):
            return shortest[:index]
    return shortest
