"""Files that go out with a question."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.input import read_part
from fallback_chat.cli.repl.session import Attachment

if TYPE_CHECKING:
    from collections.abc import Iterable

_MENTION: Final = re.compile(r"(?:^|\s)@(\S+)")


def attach(name: str) -> Attachment:
    """Read a file: pictures and PDF as they are, anything else as text. Raises `InputError` when it cannot be used."""
    return Attachment(name, read_part(name, pipes=False))


def mentions(question: str) -> Iterable[str]:
    """Give the files that a question names as `@path`; what is no file is just a word."""
    return [name for name in _names(question) if Path(name).expanduser().is_file()]


def missing(question: str) -> Iterable[str]:
    """Give what a question names like a file and is none: it has a folder or an ending."""
    return [name for name in _names(question) if ("/" in name or "." in name) and not Path(name).expanduser().exists()]


def _names(question: str) -> Iterable[str]:
    """Give what stands behind each `@`, without the punctuation at its end unless there is such a file."""
    found = (
        name if Path(name).expanduser().is_file() else name.rstrip(".,;:!?") for name in _MENTION.findall(question)
    )
    return dict.fromkeys(found)
