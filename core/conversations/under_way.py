"""The turns that any process is answering at this moment.

A turn without an end may still be awaited, or its program may have been killed; a clock cannot tell
the two apart. So a process locks one byte of a file for each turn that it begins, at the offset of
the turn's number, and the system releases the lock when the process is gone, however it ended. On a
system without such locks, no turn counts as under way.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from fallback_chat.core.storage.files import change_own

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from fallback_chat.core.conversations.records import TurnId

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LARGEST: Final = 1 << 20
"""Bytes; nothing is ever written into the file."""


class UnderWay:
    """The turns that this process has begun, and a check for those of others.

    The file is opened on first use.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._closing = ExitStack()
        self._own: set[TurnId] = set()

    def begin(self, turn: TurnId) -> None:
        """Mark a turn as under way until it ends or this process does."""
        self._own.add(turn)
        self._lock(turn, exclusive=True)

    def end(self, turn: TurnId) -> None:
        """Clear the mark."""
        self._own.discard(turn)
        self._unlock(turn)

    def elsewhere(self, turn: TurnId) -> bool:
        """Whether another process is answering the turn."""
        # A process never conflicts with its own locks, and closing the file here would drop them.
        if turn in self._own or self._path is None or not self._path.exists():
            return False
        free = self._lock(turn, exclusive=False)
        if free:
            self._unlock(turn)
        return not free

    def close(self) -> None:
        """Release all locks."""
        self._own.clear()
        self._closing.close()
        self._file = None

    def _lock(self, turn: TurnId, *, exclusive: bool) -> bool:
        """Lock the byte of a turn without waiting; return False if another process holds it."""
        if (file := self._opened()) is not None:
            try:
                fcntl.lockf(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB, 1, turn)
            except (BlockingIOError, PermissionError):  # the system decides which of the two
                return False
            except (OSError, OverflowError):
                return True
        return True

    def _unlock(self, turn: TurnId) -> None:
        if self._file is not None:
            with suppress(OSError, OverflowError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, turn)

    def _opened(self) -> BinaryIO | None:
        if self._file is None and self._path is not None and fcntl is not None:
            with suppress(OSError):
                self._file = self._closing.enter_context(change_own(self._path, _LARGEST))
        return self._file
