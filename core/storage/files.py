"""Writing files so that nobody else can read them and no crash leaves half of one behind."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def make_private_dir(path: Path) -> None:
    """Make `path` and its missing parents, each readable by the user alone (0700). Raises OSError."""
    if path.is_dir():
        return
    if path.parent != path:
        make_private_dir(path.parent)
    # Another process may make it between the look and this call.
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


def write_private(path: Path, data: bytes, *, overwrite: bool = True, mode: int = 0o600) -> None:
    """Put `data` into `path` as a whole or not at all, with `mode` (the user alone may read it) from the first byte.

    A symbolic link stays one: its target is replaced. Raises OSError with the name `path`: FileNotFoundError when its directory
    does not exist, FileExistsError when `overwrite` is off and something is there already.
    """
    with naming(path):
        _write(path.resolve(), data, overwrite=overwrite, mode=mode)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what fails name the file that the user knows: a full disk names none, and a draft's name tells nothing."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(target: Path, data: bytes, *, overwrite: bool, mode: int) -> None:
    draft = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - pathlib opens no descriptors
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            draft.replace(target)
        else:
            # Unlike rename, link fails when the name is taken, so two writers cannot overwrite each other.
            target.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
    _sync_dir(target.parent)


def _sync_dir(directory: Path) -> None:
    """Make the new name survive a power cut, where the system can sync a directory."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
