"""The text of the input line, which knows for each character whether it was typed or pasted.

Keys and completion insert typed text, a paste inserts data. Everything else that brings text into
the line (undo, the kill ring, registers, earlier questions) brings back earlier text, which keeps
its origin.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from fallback_chat.cli.repl.area import stop
from fallback_chat.cli.repl.draft import Draft, Origin
from fallback_chat.cli.repl.pastes import cleaned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.pastes import Pastes

Origins = tuple[Origin, ...]
"""One for each character."""
REMEMBERED: Final = 200
"""States of the line in which returning text is looked up."""


def changed(old: str, new: str, cursor: int) -> tuple[int, int]:
    """Return where the new text begins and ends in `new`.

    If equal characters leave a choice, the cursor is behind an insertion, or at a deletion.
    """
    start = max(0, cursor - max(0, len(new) - len(old)))
    if old[:start] != new[:start]:
        start = _common(old, new)
    end = max(start, start + len(new) - len(old))
    if old[len(old) - (len(new) - end) :] != new[end:]:
        end = len(new) - _common(old[start:][::-1], new[start:][::-1])
    return start, end


def _common(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


class Line(Buffer):
    """A prompt-toolkit buffer whose text is a draft."""

    def __init__(self, pastes: Pastes, history: InputHistory) -> None:
        self._pastes = pastes
        self._entries = history
        self._seen = ""
        self._origins: Origins = ()
        self._past: deque[tuple[str, Origins]] = deque(maxlen=REMEMBERED)
        self._bringing: Origin | None = None
        self.is_switching = False
        """Whether an earlier question is being brought into the line."""
        self._place = 0
        self._knows_earlier = False
        super().__init__(history=history, enable_history_search=True, multiline=True)
        self.on_text_changed += self._follow
        self.on_cursor_position_changed += self._keep_out_of_units

    @property
    def draft(self) -> Draft:
        """The content of the line."""
        return self._pastes.decode(self._seen, self._origins)

    @property
    def shown(self) -> Draft:
        """The content of the line, with long pastes as signs."""
        return Draft.of(zip(self._seen, self._origins, strict=True))

    def load(self, draft: Draft) -> None:
        """Start over with a draft."""
        text, origins = self._pastes.encode(draft)
        self.reset(Document(text, len(text)))
        self._origins = origins

    def paste(self, text: str) -> None:
        """Insert pasted text."""
        with self._bring(Origin.PASTED):
            self.insert_text(self._pastes.folded(cleaned(text)))

    def put(self, text: str, *, replacing: int) -> None:
        """Write a choice, replacing as many characters before the cursor."""
        super().delete_before_cursor(replacing)
        self.insert_text(text)

    def unfold(self) -> bool:
        """Show the text of long pastes instead of their signs; return False if there are none."""
        draft = self.draft
        if len(draft) == len(self._seen):
            return False
        text, origins = draft.text, tuple(run.origin for run in draft.runs for _ in run.text)
        self.document = Document(text, len(text))
        self._origins = origins
        return True

    def reset(self, document: Document | None = None, append_to_history: bool = False) -> None:
        """Start over with typed text.

        Earlier questions are kept by `InputHistory`, not by this buffer.
        """
        self._leave()
        super().reset(document, append_to_history=append_to_history)
        self._knows_earlier = False
        self._seen = self.text
        self._origins = (Origin.TYPED,) * len(self._seen)

    def load_history_if_not_yet_loaded(self) -> None:
        """Make the earlier questions reachable.

        At once, unlike prompt-toolkit's own task: the next key may be the Up that wants them.
        """
        if self._knows_earlier:
            return
        self._knows_earlier = True
        earlier = self._entries.newest_first()
        self._working_lines.extendleft(earlier)
        self._Buffer__working_index += len(earlier)  # type: ignore[attr-defined] # no change of the text: no events

    def insert_text(
        self, data: str, overwrite: bool = False, move_cursor: bool = True, fire_event: bool = True
    ) -> None:
        """Insert text like keys do."""
        with self._bring(Origin.TYPED):
            super().insert_text(data, overwrite, move_cursor, fire_event)
        self.suggestion = self._suggestion()

    def delete_before_cursor(self, count: int = 1) -> str:
        """Delete text before the cursor, in whole units."""
        return super().delete_before_cursor(self.cursor_position - self._stop(self.cursor_position - count))

    def delete(self, count: int = 1) -> str:
        """Delete text after the cursor, in whole units."""
        return super().delete(self._stop(self.cursor_position + count, forward=True) - self.cursor_position)

    def yank_nth_arg(self, n: int | None = None, _yank_last_arg: bool = False) -> None:
        """Insert a word of an earlier question, which may have been pasted."""
        with self._bring(Origin.PASTED):
            super().yank_nth_arg(n, _yank_last_arg)

    @property
    def working_index(self) -> int:
        """The earlier question in the line."""
        return super().working_index

    @working_index.setter
    def working_index(self, value: int) -> None:
        self.is_switching = True
        try:
            Buffer.working_index.fset(self, value)  # type: ignore[attr-defined]
        finally:
            self.is_switching = False

    @contextmanager
    def _bring(self, origin: Origin) -> Iterator[None]:
        """Mark inserted text with an origin; the outermost of several counts."""
        before, self._bringing = self._bringing, self._bringing or origin
        try:
            yield
        finally:
            self._bringing = before

    def _stop(self, position: int, *, forward: bool = False) -> int:
        return stop(self.text, min(max(0, position), len(self.text)), forward=forward)

    def _keep_out_of_units(self, _: Buffer) -> None:
        """Move the cursor to the end of a unit, such as an emoji, if it is inside one."""
        place, self._place = self._place, self.cursor_position
        self._place = self._stop(self.cursor_position, forward=self.cursor_position > place)
        if self._place != self.cursor_position:
            self.cursor_position = self._place

    def _follow(self, _: Buffer) -> None:
        """Keep the origins in step with the text."""
        old, new = self._seen, self.text
        if old == new:
            return
        if self.is_switching:
            self._leave()
            self._origins = self._earlier(new)
        elif len(old) != len(new) or self._bringing is not None:
            self._change(old, new)
        else:
            self._leave()
            self._origins = self._known(new) or self._origins  # undo or redo, or else a change of case, or a swap
        self._seen = new

    def _change(self, old: str, new: str) -> None:
        start, end = changed(old, new, self.cursor_position)
        behind = len(old) - (len(new) - end)
        if self._bringing is not None:
            inserted: Origins = (self._bringing,) * (end - start)
        else:
            inserted = self._returning(new[start:end])
        if start < behind:
            self._leave()
        self._origins = (*self._origins[:start], *inserted, *self._origins[behind:])

    def _leave(self) -> None:
        """Remember a state before text leaves the line: it may come back."""
        self._past.append((self._seen, self._origins))

    def _suggestion(self) -> Suggestion | None:
        """Return the rest of an earlier, typed question: accepted text counts as typed."""
        beginning = self.document.current_line_before_cursor
        if not beginning.strip():
            return None
        lines = (line for text in self._entries.typed() for line in reversed(text.splitlines()))
        return next((Suggestion(line[len(beginning) :]) for line in lines if line.startswith(beginning)), None)

    def _returning(self, text: str) -> Origins:
        """Return the origins of text that comes from nowhere else: unknown text counts as typed."""
        return self._known(text) or (Origin.TYPED,) * len(text)

    def _known(self, text: str) -> Origins | None:
        """Return the origins of text in the last state that had it; None if none did."""
        for state, origins in reversed(self._past):
            if text and (at := state.rfind(text)) >= 0:
                return origins[at : at + len(text)]
        return None

    def _earlier(self, text: str) -> Origins:
        """Return the origins of an earlier question, or of an edited one."""
        for state, origins in reversed(self._past):
            if state == text:
                return origins
        return self._entries.origins(text)
