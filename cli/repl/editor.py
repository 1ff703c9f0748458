"""Writing a message in the user's editor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fallback_chat.cli.editor import run_editor
from fallback_chat.cli.input import MAX_BYTES
from fallback_chat.core.config.keys import key_variables
from fallback_chat.core.storage.files import read_regular

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import Settings


def edit_text(text: str, settings: Settings) -> str:
    """Give what the editor made of `text`; the file (0600) is deleted afterwards. Raises `InputError` when there is no editor."""
    descriptor, name = tempfile.mkstemp(prefix="message-", suffix=".md")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        run_editor(path, os.environ, key_variables(settings))
        return read_regular(path, MAX_BYTES).decode("utf-8", "replace").rstrip("\n")
    finally:
        path.unlink(missing_ok=True)
