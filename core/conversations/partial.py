"""Saving an answer while it arrives, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.redaction import RedactingStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.redaction import Redactor

SAVE_INTERVAL: Final = 1.0
"""Seconds of text that killing the program may lose."""
MOST_UNSAVED: Final = 1 << 19
"""Characters that are saved sooner: no signal and no key is heard during a save."""


class PartialSaver:
    """Collects the pieces of an answer, without secrets, and saves them once a second.

    `save` stores a text that follows the first so many characters, and returns whether that worked;
    if not, it is tried again a second later. `monotonic` returns seconds.
    """

    def __init__(self, save: Callable[[str, int], bool], monotonic: Callable[[], float], redactor: Redactor) -> None:
        self._save = save
        self._monotonic = monotonic
        self._redacting = RedactingStream(redactor)
        self._saved: list[str] = []
        self._new: list[str] = []
        self._unsaved = 0
        """Characters."""
        self._most = MOST_UNSAVED
        self._dirty = False
        self._next_at = monotonic() + SAVE_INTERVAL

    def add(self, text: str) -> None:
        """Add the next piece, and save if it is time to."""
        if shown := self._redacting.feed(text):
            self._new.append(shown)
            self._unsaved += len(shown)
            self._dirty = True
        self.tick()

    def clear(self) -> None:
        """Forget the pieces: the answer starts over."""
        self._redacting.begin_anew()
        self._dirty = bool(self._saved)
        self._saved.clear()
        self._new.clear()
        self._unsaved = 0
        self.tick()

    @property
    def due(self) -> float | None:
        """Seconds until what has not been saved is to be saved; None when everything is."""
        if not self._dirty:
            return None
        return 0.0 if self._unsaved >= self._most else max(0.0, self._next_at - self._monotonic())

    def tick(self) -> None:
        """Save unsaved pieces if it is time to; called while nothing arrives."""
        if self.due != 0:
            return
        text = "".join(self._new)
        if self._save(text, sum(map(len, self._saved))):
            self._saved.append(text)
            self._new.clear()
            self._unsaved = 0
            self._dirty = False
        self._most = self._unsaved + MOST_UNSAVED
        self._next_at = self._monotonic() + SAVE_INTERVAL

    def saved_of(self, text: str) -> int:
        """Return how many characters of a text are saved: everything that is, or none of it."""
        place = 0
        for piece in self._saved:
            if not text.startswith(piece, place):
                return 0
            place += len(piece)
        return place
