"""Files that go out with a question."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.input import MAX_BYTES, read_file
from fallback_chat.cli.repl.session import Attachment
from fallback_chat.core.chat_context import Document, Image, Text
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

IMAGES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_MENTION: Final = re.compile(r"(?:^|\s)@(\S+)")


def attach(name: str) -> Attachment:
    """Read a file: pictures and PDF as they are, anything else as text. Raises `InputError` when it cannot be used."""
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        return Attachment(name, Image(IMAGES[suffix], _bytes(path)))
    if suffix == ".pdf":
        return Attachment(name, Document("application/pdf", _bytes(path), path.name))
    return Attachment(name, Text(read_file(str(path))))


def mentions(question: str) -> Iterable[str]:
    """Give the files that a question names as `@path`; what is no file is just a word."""
    return [name for name in dict.fromkeys(_MENTION.findall(question)) if Path(name).expanduser().is_file()]


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no file {str(path)!r}", missing=True) from error
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}", missing=True) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path} has more than {MAX_BYTES // 1024 // 1024} MiB: give a smaller one")
    return data
