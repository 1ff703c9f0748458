"""The program's own files: opened only if they are what they should be, written all or nothing.

They are private from the first byte. Anybody may have put something else in the place of such a
file, on purpose or not: opening a pipe without a writer blocks, a device never ends, and a file of
another user is not to be believed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

Identity = tuple[int, int] | None
_OTHERS: Final = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)
_FLAGS: Final = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


def exists(path: Path) -> bool:
    """Whether there is something at `path`, as far as this user may know."""
    try:
        return path.exists()
    except OSError:
        return False


def identity_of(path: Path) -> Identity:
    """Return what distinguishes a file from another of the same name; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a regular file, up to `most` bytes.

    Raises OSError, naming what it is.
    """
    with naming(path):
        check_regular(path)
        with _opened(path, os.O_RDONLY) as file:
            return file.read(most)


def read_own(path: Path, most: int) -> bytes:
    """Return the content of a file that this program wrote, up to `most` bytes.

    Raises OSError for anything else: a link, not a regular file, or another user's.
    """
    with naming(path):
        check_own(path)
        with _opened(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)) as file:
            return file.read(most)


@contextmanager
def change_own(path: Path, most: int) -> Iterator[BinaryIO]:
    """Open a file that this program wrote for reading and writing; create it with mode 0600.

    Raises OSError for anything else, and for more than `most` bytes.
    """
    with naming(path):
        with suppress(FileNotFoundError):
            check_own(path)
        with _opened(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)) as file:
            if os.fstat(file.fileno()).st_size > most:
                raise OSError(errno.EFBIG, f"it has more than {most >> 20} MB")
            yield file


def check_regular(path: Path) -> None:
    """Raise OSError unless `path` is a regular file or a link to one.

    It is not opened, which alone has an effect on some things.
    """
    _check(path.stat().st_mode)


def check_own(path: Path, *, follow: bool = False) -> None:
    """Raise OSError unless `path` is a regular file of the user, root or its folder's owner.

    A link is only accepted with `follow`.
    """
    found = path.stat() if follow else path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a link")
    _check(found.st_mode)
    if is_a_strangers(path, found):
        raise PermissionError(errno.EPERM, "it belongs to another user")


def is_a_strangers(path: Path, found: os.stat_result) -> bool:
    """Whether `path`, with the status `found`, belongs to neither the user nor root.

    The owner of the folder can put any file there, so the owner of a mounted home is no stranger.
    """
    return hasattr(os, "geteuid") and found.st_uid not in {os.geteuid(), 0, path.parent.stat().st_uid}


def _check(mode: int) -> None:
    for is_such, words in _OTHERS:
        if is_such(mode):
            raise OSError(errno.EINVAL, words)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[BinaryIO]:
    """Open a file just checked, without blocking; it may have been replaced meanwhile."""
    with os.fdopen(
        os.open(path, flags | _FLAGS, 0o600), "rb" if flags & (os.O_WRONLY | os.O_RDWR) == os.O_RDONLY else "r+b"
    ) as file:
        _check(os.fstat(file.fileno()).st_mode)
        yield file


def make_private_dir(path: Path) -> None:
    """Create `path` and its missing parents, each with mode 0700. Raises OSError."""
    if path.is_dir():
        return
    if path.parent != path:
        make_private_dir(path.parent)
    # Another process may create it between the check and this call.
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


def write_private(path: Path, data: bytes, *, overwrite: bool = True, mode: int = 0o600) -> None:
    """Write `data` to `path` entirely or not at all, with `mode` from the first byte.

    A symbolic link stays one: its target is replaced. Raises OSError naming `path`:
    FileNotFoundError if its directory does not exist, FileExistsError if `overwrite` is off and the
    name is taken, and others if it is not a file.
    """
    with naming(path):
        target = path.resolve()
        with suppress(FileNotFoundError):
            check_regular(target)
        _write(target, data, overwrite=overwrite, mode=mode)


def write_own(path: Path, data: bytes) -> None:
    """Write one of the program's own files like `write_private`, but replace a link.

    Raises OSError.
    """
    with naming(path):
        with suppress(FileNotFoundError):
            _check(path.lstat().st_mode)
        _write(path, data, overwrite=True, mode=0o600)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make errors name `path`: a full disk names no file, and a draft's name says nothing."""
    try:
        yield
    except RuntimeError as error:  # raised by pathlib for links that lead in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    except ValueError as error:  # it holds a NUL, or what the file system's encoding cannot say
        raise OSError(errno.EINVAL, "no file can have such a name", str(path)) from error
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
            _give_free_name(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    _sync_dir(target.parent)


def _give_free_name(draft: Path, target: Path) -> None:
    """Rename a draft. Raises FileExistsError if the name is taken.

    Unlike rename, link fails then, so two writers cannot overwrite each other. A file system
    without hard links, whatever its error says, gets an empty file first: creating it fails
    likewise, and for any other reason for which the link failed.
    """
    try:
        target.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(draft.stat().st_mode)))
        try:
            draft.replace(target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


def _sync_dir(directory: Path) -> None:
    """Make the new name survive a power cut, if the system can sync a directory."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
