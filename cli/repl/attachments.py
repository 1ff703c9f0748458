r"""Files sent with a question, named as people write them.

Examples are `@a.txt`, `@my\ notes.txt`, `@"my notes.txt"` and `@file:///…`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fallback_chat.cli.input import read_part
from fallback_chat.cli.repl.session import Attachment
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.cli.repl.draft import Draft

_MENTION: Final = re.compile(
    r"""
    (?: ^ | [\s(\[{<"'] ) @
    (
        " (?: \\. | [^"\\] )+ " | ' [^']+ '
      | (?: \\. | [^\s"'\\] ) (?: \\. | [^\s\\] )*
    )
    """,
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_CLOSING: Final = ".,;:!?)]}>\"'"
"""Characters that may follow a name without being part of it."""
_NEEDS_QUOTES: Final = re.compile(r"""[\s"'\\]""")
_LIKE_A_FILE: Final = re.compile(r"[./\\\"']")
"""A folder, an ending, or quotes; without any of them a word after `@` is just a name."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name after a typed `@`."""

    written: str
    path: str | None
    """The file it means; None if there is none."""

    @property
    def complaint(self) -> str | None:
        """Why nothing is attached, if a file seems to be meant."""
        if self.path is not None or not _LIKE_A_FILE.search(self.written):
            return None
        folder = any(_is(name, Path.is_dir) for name in readings(self.written))
        why = f"{self.written} is a folder" if folder else f"there is no file {self.written}"
        return f"{why}: @{self.written} is sent as a word"


def mentions(draft: Draft) -> list[Mention]:
    """Return the names that a question mentions, each once."""
    text = draft.text
    found = (text[match.start(1) : match.end(1)] for match in _MENTION.finditer(draft.mask))
    return list(dict.fromkeys(map(_mention, found)))


def _mention(written: str) -> Mention:
    """Return the longest reading that is a file.

    A paste that follows, and punctuation at the end, may not belong to it.
    """
    word = written if written[0] in "\"'" else written.split(maxsplit=1)[0]
    shorter = word.rstrip(_CLOSING) if written[0] not in "\"'" else word
    for name in (written, word, shorter):
        if (path := find(name)) is not None:
            return Mention(name, path)
    return Mention(shorter, None)


def attach(written: str) -> list[Attachment]:
    """Read the files named by the argument of a command: one, or several in shell syntax.

    Pictures and PDFs stay as they are, anything else is text. Raises `InputError` for an unusable
    file.
    """
    path = find(written)
    if path is not None:
        return [_read(path)]
    paths = [find(part) or part for part in _split(written)]
    if len(paths) < 2 or not any(map(find, paths)):
        paths = [written]
    return [*map(_read, paths)]


def _read(path: str) -> Attachment:
    return Attachment(path, read_part(path, pipes=False))


def find(written: str) -> str | None:
    """Return the file that a written name means, or None."""
    return next((name for name in readings(written) if _is(name, Path.is_file)), None)


def readings(written: str) -> Iterator[str]:
    """Yield the readings of a written name: itself, as a shell reads it, as a `file:` URL."""
    yield written
    bare = written[1:-1] if written[:1] in ('"', "'") and written[-1:] == written[:1] else written
    if bare != written or "\\" in written:
        yield bare if written[0] == "'" else _ESCAPED.sub(r"\1", bare)
    if bare.lower().startswith("file:"):
        yield unquote(urlsplit(bare).path)


def as_written(name: str, *, quoted: bool = False) -> str:
    """Return a file name as a mention has to write it; the quotes of a folder stay open."""
    if not quoted and not _NEEDS_QUOTES.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}' if name.endswith("/") else f'"{escaped}"'


def _is(name: str, kind: Callable[[Path], bool]) -> bool:
    try:
        return bool(name) and kind(Path(name).expanduser())
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL, or of an unknown user
        return False


def _split(written: str) -> list[str]:
    try:
        return shlex.split(written)
    except ValueError:
        return []
