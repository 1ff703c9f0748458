"""Runs the user's editor on a draft, of which nothing is left behind, however the programs end."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.core.config.keys import without_keys
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EDITORS: Final = ("nano", "vi", "notepad")
_JANITOR: Final = ("/bin/sh", "-c", 'cat > /dev/null; rm -rf -- "$1"', "sh")
"""Removes a folder once nobody holds the other end of its standard input any more."""


@contextmanager
def edited(
    name: str, content: bytes, env: Mapping[str, str], keys: Iterable[str], *, beside: Path | None = None
) -> Iterator[Path]:
    """Run `$VISUAL` or `$EDITOR` on `content`, under this name, and yield the path of the result.

    The draft lies in a private folder of its own, in `beside` or where temporary files are, so the
    copies that the editor makes are private, too. It is gone when the block ends, and when this
    program is killed, as soon as the editor has ended as well. The variables in `keys` are kept
    from the editor. Raises `InputError` if there is no editor, or if it fails.
    """
    with _passing_folder(beside) as (folder, alive):
        write_private(folder / name, content)
        _run_editor(folder / name, env, keys, alive)
        yield folder / name


@contextmanager
def _passing_folder(beside: Path | None) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """Create a folder for the block.

    It outlives this program only while another one holds the descriptors yielded with it.
    """
    folder = Path(tempfile.mkdtemp(prefix=".draft-", dir=beside))
    janitor = _janitor(folder)
    try:
        yield folder, () if janitor is None or janitor.stdin is None else (janitor.stdin.fileno(),)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if janitor is not None:
            janitor.kill()  # an editor may leave a server behind that holds the descriptor for days
            janitor.communicate()


def _janitor(folder: Path) -> subprocess.Popen[bytes] | None:
    """Start the program that removes `folder` after us; None without a shell."""
    nothing = subprocess.DEVNULL
    try:
        # A session of its own: what ends the programs of this terminal must not end this one.
        return subprocess.Popen(  # noqa: S603 - a fixed command
            [*_JANITOR, str(folder)], stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except OSError:
        return None


def _run_editor(path: Path, env: Mapping[str, str], keys: Iterable[str], alive: tuple[int, ...]) -> None:
    chosen = env.get("VISUAL") or env.get("EDITOR") or next(filter(shutil.which, EDITORS), "")
    try:
        command = shlex.split(chosen)
        if not command:
            raise InputError("no editor is known: set VISUAL or EDITOR")
        # The program is the user's own choice, without a shell in between.
        status = subprocess.run(  # noqa: S603
            [*command, str(path)], env=without_keys(env, keys), check=False, pass_fds=alive
        ).returncode
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"the editor {chosen!r} cannot be started: {why}; set VISUAL or EDITOR") from error
    if status:
        raise InputError(f"the editor ended with status {status}; nothing was changed")
