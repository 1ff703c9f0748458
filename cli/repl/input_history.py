"""The questions typed so far: one private file that several processes share."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from prompt_toolkit.history import History

from fallback_chat.core.storage.files import change_own, make_private_dir

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_ENTRIES: Final = 5000
MAX_BYTES: Final = 64 << 20


class InputHistory(History):
    """Keeps each entry as one line of JSON, oldest first, in `path` (0600).

    An entry that begins with a blank is not kept on disk, and none while `private` says so. `prepare` makes the text that is kept
    out of the one that was typed. A file that cannot be written is told once, through `warn`.
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], object],
        prepare: Callable[[str], str] = lambda text: text,
        *,
        private: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._path = path
        self._warn = warn
        self._prepare = prepare
        self._private = private
        self._works = True

    def append_string(self, string: str) -> None:
        """Take in what was sent."""
        self.keep(string)
        if not (string.startswith(" ") or self._private()):
            self.store_string(self._prepare(string))

    def keep(self, string: str) -> None:
        """Have Up find a text in this run, without writing it to disk."""
        text = self._prepare(string)
        if not self._loaded_strings or self._loaded_strings[0] != text:
            self._loaded_strings.insert(0, text)

    def load_history_strings(self) -> Iterable[str]:
        """Give the entries, newest first, each once."""
        entries: dict[str, None] = {}
        if self._private() and not self._path.exists():
            return []
        with self._locked() as file:
            if file is not None:
                entries = dict.fromkeys(reversed(_entries(file)))
        return list(entries)[:MAX_ENTRIES]

    def store_string(self, string: str) -> None:
        """Add one entry to the file; a file that has grown to twice its bound is shortened."""
        with self._locked() as file:
            if file is None:
                return
            entries = _entries(file)
            if entries and entries[-1] == string:
                return
            entries.append(string)
            if len(entries) > 2 * MAX_ENTRIES:
                kept = list(dict.fromkeys(reversed(entries)))[:MAX_ENTRIES]
                # In this order a crash leaves entries twice, or one that is cut and passed over, and loses none.
                file.seek(0)
                file.write(b"".join(_line(entry) for entry in reversed(kept)))
                file.truncate()
            else:
                file.seek(0, os.SEEK_END)
                file.write(_line(string))

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO | None]:
        """Open the file for this process alone; None when there is none to be had."""
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
            if sys.platform != "win32":  # there an append of one line is as good as it gets
                fcntl.flock(file, fcntl.LOCK_EX)  # closing the file lets it go
        except OSError as error:
            self._give_up(error)
            return None
        return file

    def _give_up(self, error: OSError) -> None:
        self._works = False
        self._warn(f"what you type is not remembered: {self._path}: {error.strerror or error}")


def _line(entry: str) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _entries(file: BinaryIO) -> list[str]:
    """Read the entries; a line that is none (cut by a full disk, or of another program) is passed over."""
    file.seek(0)
    found = []
    for line in file:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, str):
            found.append(entry)
    return found
