"""Runs the user's editor on a file."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from fallback_chat.core.config.keys import without_keys
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EDITORS: Final = ("nano", "vi", "notepad")


def run_editor(path: Path, env: Mapping[str, str], keys: Iterable[str]) -> None:
    """Run `$VISUAL` or `$EDITOR` on `path` and wait for it, without the variables in `keys`.

    Raises `InputError` if there is no editor, or if it fails.
    """
    chosen = env.get("VISUAL") or env.get("EDITOR") or next(filter(shutil.which, EDITORS), "")
    try:
        command = shlex.split(chosen)
        if not command:
            raise InputError("no editor is known: set EDITOR")
        # The program is the user's own choice, without a shell in between.
        status = subprocess.run([*command, str(path)], env=without_keys(env, keys), check=False).returncode  # noqa: S603
    except (OSError, ValueError) as error:
        raise InputError(f"the editor {chosen!r} cannot be started: {error}") from error
    if status:
        raise InputError(f"the editor ended with status {status}; nothing was changed")
