"""How the input line is laid out: its text, the menu of completions, the search, and the status row below them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from prompt_toolkit.filters import Condition, has_focus, is_done
from prompt_toolkit.layout import BufferControl, ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import (
    AppendAutoSuggestion,
    ConditionalProcessor,
    HighlightIncrementalSearchProcessor,
    HighlightSelectionProcessor,
    Processor,
    Transformation,
)
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.widgets import SearchToolbar

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.layout.processors import TransformationInput

    from fallback_chat.cli.repl.line import Line

PROMPT: Final = "> "
MENU_ROWS: Final = 8


class Visible(Processor):
    """Shows what cannot be seen: long pastes as their signs, characters without a look by their code points."""

    def __init__(self, label: Callable[[str], str | None]) -> None:
        self._label = label

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Replace characters in a line, and keep account of where the others went."""
        shown: StyleAndTextTuples = []
        places, width = [], 0
        for style, character, *_ in explode_text_fragments(transformation_input.fragments):
            text = self._label(character) or look(character)
            shown.append((style, text))
            places.append(width)
            width += len(text)
        places.append(width)
        sources = {place: source for source, place in enumerate(places)}

        def to_display(source: int) -> int:
            return places[source] if source < len(places) else width + source - len(places) + 1

        def to_source(display: int) -> int:
            return next(sources[place] for place in range(min(display, width), -1, -1) if place in sources)

        return Transformation(shown, to_display, to_source)


def visible(text: str, label: Callable[[str], str | None]) -> str:
    """Return a text as it is shown."""
    return "".join(label(character) or look(character) for character in text)


def look(character: str) -> str:
    """Return how a character is shown: itself where it has a look of its own."""
    if character == "\t":
        return "    "
    return f"<{ord(character):04x}>" if unicodedata.category(character) in _UNSEEN else character


_UNSEEN: Final = frozenset({"Cf", "Zl", "Zp", "Co", "Cn"})
"""Bidi marks, zero-width characters and separators, and what no font has."""


def lay_out(line: Line, label: Callable[[str], str | None], status: Callable[[], StyleAndTextTuples]) -> Layout:
    """Lay out the input line; `label` gives the signs of long pastes, `status` the row below (empty for none)."""
    search = SearchToolbar(ignore_case=True)
    control = BufferControl(
        line,
        input_processors=[
            HighlightIncrementalSearchProcessor(),
            HighlightSelectionProcessor(),
            ConditionalProcessor(AppendAutoSuggestion(), has_focus(line) & ~is_done),
            Visible(label),
        ],
        include_default_input_processors=False,
        search_buffer_control=search.control,
        preview_search=True,
    )
    window = Window(control, dont_extend_height=True, wrap_lines=True, get_line_prefix=_prefix)
    row = Window(FormattedTextControl(status), height=1, dont_extend_height=True, wrap_lines=False)
    menu = CompletionsMenu(max_height=MENU_ROWS, scroll_offset=1, extra_filter=has_focus(line))
    return Layout(
        HSplit(
            [
                window,
                menu,
                ConditionalContainer(search, ~is_done),
                ConditionalContainer(row, ~is_done & Condition(lambda: bool(status()))),
            ]
        ),
        window,
    )


def _prefix(number: int, wrapped: int) -> StyleAndTextTuples:
    return [("", PROMPT if not (number or wrapped) else "  ")]
