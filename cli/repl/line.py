"""The text of the input line, which knows of each of its characters whether it was typed or pasted.

Keys and completion insert typed text, a paste inserts data. Whatever else brings text into the line (undo, the kill ring,
registers, earlier questions) brings back what was there before, and it comes back as what it was.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document

from fallback_chat.cli.repl.draft import Draft, Origin
from fallback_chat.cli.repl.pastes import cleaned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prompt_toolkit.completion import CompleteEvent, Completion

    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.pastes import Pastes

Origins = tuple[Origin, ...]
"""One for each character."""
REMEMBERED: Final = 200
"""States of the line in which text that comes back is looked for."""


def changed(old: str, new: str, cursor: int) -> tuple[int, int]:
    """Return where the new text begins and ends in `new`.

    Where equal characters leave a choice, the cursor stands behind what was inserted, or where something was deleted.
    """
    start = max(0, cursor - max(0, len(new) - len(old)))
    if old[:start] != new[:start]:
        start = _common(old, new)
    end = max(start, start + len(new) - len(old))
    if old[len(old) - (len(new) - end) :] != new[end:]:
        end = len(new) - _common(old[start:][::-1], new[start:][::-1])
    return start, end


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


class DraftCompleter(Protocol):
    """Offers what fits at the end of a draft."""

    def complete(self, draft: Draft) -> Iterable[Completion]: ...


class _Completer(Completer):
    """Lets a completer of drafts see what is in front of the cursor of a line."""

    def __init__(self, line: Line, completer: DraftCompleter) -> None:
        self._line = line
        self._completer = completer

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        return self._completer.complete(self._line.shown[: document.cursor_position])


class Line(Buffer):
    """A buffer whose text is a draft. `options` are those of prompt-toolkit's buffer."""

    def __init__(self, pastes: Pastes, history: InputHistory, completer: DraftCompleter, **options: Any) -> None:
        self._pastes = pastes
        self._entries = history
        self._completer = completer
        self._seen = ""
        self._origins: Origins = ()
        self._past: deque[tuple[str, Origins]] = deque(maxlen=REMEMBERED)
        self._bringing: Origin | None = None
        self._switching = False
        super().__init__(
            history=history,
            completer=_Completer(self, completer),
            enable_history_search=True,
            multiline=True,
            **options,
        )
        self.on_text_changed += self._follow

    @property
    def draft(self) -> Draft:
        """What the line holds."""
        return self._pastes.decode(self._seen, self._origins)

    @property
    def shown(self) -> Draft:
        """What the line holds, long pastes as their signs."""
        return Draft.of(zip(self._seen, self._origins, strict=True))

    def load(self, draft: Draft) -> None:
        """Begin anew with a draft."""
        text, origins = self._pastes.encode(draft)
        self.reset(Document(text, len(text)))
        self._origins = origins

    def paste(self, text: str) -> None:
        """Insert pasted text."""
        with self._bring(Origin.PASTED):
            self.insert_text(self._pastes.folded(cleaned(text)))

    def complete(self) -> None:
        """Complete what is in front of the cursor; where there is a choice, open the menu, or go on in it."""
        if self.complete_state is not None:
            self.complete_next()
            return
        found = list(self._completer.complete(self.shown[: self.cursor_position]))
        if len(found) == 1:
            self.apply_completion(found[0])
        else:
            self.start_completion(insert_common_part=True)

    def unfold(self) -> bool:
        """Show the text of the long pastes instead of their signs; False when there is none."""
        draft = self.draft
        if len(draft) == len(self._seen):
            return False
        text, origins = draft.text, tuple(run.origin for run in draft.runs for _ in run.text)
        self.document = Document(text, len(text))
        self._origins = origins
        return True

    def reset(self, document: Document | None = None, append_to_history: bool = False) -> None:
        """Begin anew with a text that was typed; earlier questions are not remembered by this buffer, but by `InputHistory`."""
        self._leave()
        super().reset(document, append_to_history=append_to_history)
        self._seen = self.text
        self._origins = (Origin.TYPED,) * len(self._seen)

    def insert_text(
        self, data: str, overwrite: bool = False, move_cursor: bool = True, fire_event: bool = True
    ) -> None:
        """Insert text as keys do."""
        with self._bring(Origin.TYPED):
            super().insert_text(data, overwrite, move_cursor, fire_event)
        self.suggestion = self._suggestion()

    def go_to_completion(self, index: int | None) -> None:
        """Choose from the menu: what is completed is what the user wants to type."""
        with self._bring(Origin.TYPED):
            super().go_to_completion(index)

    def yank_nth_arg(self, n: int | None = None, _yank_last_arg: bool = False) -> None:
        """Insert a word of an earlier question, which may have been pasted."""
        with self._bring(Origin.PASTED):
            super().yank_nth_arg(n, _yank_last_arg)

    @property
    def working_index(self) -> int:
        """Which of the earlier questions is in the line."""
        return super().working_index

    @working_index.setter
    def working_index(self, value: int) -> None:
        self._switching = True
        try:
            Buffer.working_index.fset(self, value)  # type: ignore[attr-defined]
        finally:
            self._switching = False

    @contextmanager
    def _bring(self, origin: Origin) -> Iterator[None]:
        """Have text that is inserted be of an origin; the outermost of several counts."""
        before, self._bringing = self._bringing, self._bringing or origin
        try:
            yield
        finally:
            self._bringing = before

    def _follow(self, _: Buffer) -> None:
        """Keep the origins in step with the text."""
        old, new = self._seen, self.text
        if old == new:
            return
        if self._switching:
            self._leave()
            self._origins = self._earlier(new)
        elif len(old) != len(new) or self._bringing is not None:  # otherwise a change of case, or of places
            self._change(old, new)
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
        """Remember a state of which something leaves the line: it may come back."""
        self._past.append((self._seen, self._origins))

    def _suggestion(self) -> Suggestion | None:
        """Return the rest of an earlier question; of one that was typed, since what is accepted counts as typed."""
        beginning = self.document.current_line_before_cursor
        if not beginning.strip():
            return None
        lines = (line for text in self._entries.typed() for line in reversed(text.splitlines()))
        return next((Suggestion(line[len(beginning) :]) for line in lines if line.startswith(beginning)), None)

    def _returning(self, text: str) -> Origins:
        """Return the origins of text that is brought back from where it was last."""
        for state, origins in reversed(self._past):
            if text and (at := state.rfind(text)) >= 0:
                return origins[at : at + len(text)]
        return (Origin.TYPED,) * len(text)

    def _earlier(self, text: str) -> Origins:
        """Return the origins of an earlier question, or of what was made of it."""
        for state, origins in reversed(self._past):
            if state == text:
                return origins
        return self._entries.origins(text)
