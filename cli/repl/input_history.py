"""The questions typed so far: one private file shared by several processes."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from prompt_toolkit.history import History

from fallback_chat.cli.repl.draft import Draft, Origin
from fallback_chat.core.storage.files import change_own, make_private_dir
from fallback_chat.core.storage.locks import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from fallback_chat.cli.repl.pastes import Pastes

MAX_ENTRIES: Final = 5000
MAX_BYTES: Final = 64 << 20
PATIENCE: Final = 1.0
"""Seconds to wait for another process, which holds the lock for milliseconds."""


class InputHistory(History):
    """Keeps each draft as one line of JSON, oldest first, in `path` (0600).

    The line receives it as `pastes` folds it. A draft that begins with a typed blank is not kept on
    disk, and none is while `private` is set. `prepare` turns the written text into the one that is
    kept. A file that cannot be written is reported once, through `warn`.
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], object],
        pastes: Pastes,
        prepare: Callable[[str], str] = lambda text: text,
        *,
        private: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._path = path
        self._warn = warn
        self._pastes = pastes
        self._prepare = prepare
        self._private = private
        self._works = True
        self._origins: dict[str, tuple[Origin, ...]] = {}
        self._with_pastes: set[str] = set()

    def add(self, draft: Draft) -> None:
        """Add a sent message."""
        self.keep(draft)
        if not (draft.mask.startswith(" ") or self._private()):
            self._store(draft.map(self._prepare))

    def keep(self, draft: Draft) -> None:
        """Let Up find a draft in this run, without writing it to disk."""
        text = self._offered(draft.map(self._prepare))
        if not self._loaded_strings or self._loaded_strings[0] != text:
            self._loaded_strings.insert(0, text)

    def origins(self, text: str) -> tuple[Origin, ...]:
        """Return the origins of an entry's characters."""
        return self._origins.get(text, (Origin.TYPED,) * len(text))

    def typed(self) -> Iterator[str]:
        """Yield the entries without pasted text, newest first."""
        return (text for text in self._loaded_strings if text not in self._with_pastes)

    def newest_first(self) -> list[str]:
        """Return the entries; the first call reads them from the file."""
        if not self._loaded:
            self._loaded_strings = list(self.load_history_strings())
            self._loaded = True
        return self._loaded_strings

    def load_history_strings(self) -> Iterable[str]:
        """Return the entries, newest first, each once."""
        entries: dict[Draft, None] = {}
        if self._private() and not self._path.exists():
            return []
        with self._locked() as file:
            if file is not None:
                entries = dict.fromkeys(reversed(_entries(file)))
        return [self._offered(draft) for draft in list(entries)[:MAX_ENTRIES]]

    def store_string(self, string: str) -> None:
        """Do nothing: drafts are stored instead."""

    def _offered(self, draft: Draft) -> str:
        text, origins = self._pastes.encode(draft)
        self._origins[text] = origins
        if Origin.PASTED in origins:
            self._with_pastes.add(text)
        else:
            self._with_pastes.discard(text)
        return text

    def _store(self, draft: Draft) -> None:
        """Add one entry to the file; at twice its limit the file is shortened."""
        with self._locked() as file:
            if file is None:
                return
            entries = _entries(file)
            if entries and entries[-1] == draft:
                return
            entries.append(draft)
            if len(entries) > 2 * MAX_ENTRIES:
                kept = list(dict.fromkeys(reversed(entries)))[:MAX_ENTRIES]
                # In this order a crash duplicates entries, or leaves one cut off that is skipped,
                # and loses none.
                file.seek(0)
                file.write(b"".join(_line(entry) for entry in reversed(kept)))
                file.truncate()
            else:
                file.seek(0, os.SEEK_END)
                file.write(_line(draft))

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO | None]:
        """Open the file for this process alone; None if it cannot be opened."""
        with ExitStack() as stack:
            file = self._open(stack) if self._works else None
            try:
                yield file
                stack.close()
            except OSError as error:
                self._give_up(error)

    def _open(self, stack: ExitStack) -> BinaryIO | None:
        try:
            make_private_dir(self._path.parent)
            file = stack.enter_context(change_own(self._path, MAX_BYTES))
            lock(file.fileno(), patience=PATIENCE)
        except OSError as error:
            self._give_up(error)
            return None
        return file

    def _give_up(self, error: OSError) -> None:
        self._works = False
        self._warn(f"what you type is not remembered: {self._path}: {error.strerror or error}")


def _line(entry: Draft) -> bytes:
    return json.dumps(entry.as_json()).encode() + b"\n"


def _entries(file: BinaryIO) -> list[Draft]:
    """Read the entries; an invalid line (cut by a full disk, or of another program) is skipped."""
    file.seek(0)
    found = []
    for line in file:
        try:
            found.append(Draft.from_json(json.loads(line)))
        except ValueError:
            continue
    return found
