r"""Files that go out with a question, named as people write them: `@a.txt`, `@my\ notes.txt`, `@"my notes.txt"`, `@file:///…`."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from fallback_chat.cli.input import read_part
from fallback_chat.cli.repl.session import Attachment

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
"""What may stand behind a name without being a part of it."""
_NEEDS_QUOTES: Final = re.compile(r"""[\s"'\\]""")
_LIKE_A_FILE: Final = re.compile(r"[./\\\"']")
"""A folder, an ending, or quotes; without any of them a word behind `@` is just a name."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name behind an `@` that was typed."""

    written: str
    path: str | None
    """The file that it means; None where there is none."""

    @property
    def complaint(self) -> str | None:
        """Why nothing is attached, where a file seems to be meant."""
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
    """Find out what is meant: all of it, or what is left without a paste that follows and punctuation at the end."""
    word = written if written[0] in "\"'" else written.split(maxsplit=1)[0]
    shorter = word.rstrip(_CLOSING) if written[0] not in "\"'" else word
    for name in (written, word, shorter):
        if (path := find(name)) is not None:
            return Mention(name, path)
    return Mention(shorter, None)


def attach(written: str) -> list[Attachment]:
    """Read what the argument of a command names: one file, or several as a shell tells them apart.

    Pictures and PDF stay as they are, anything else is text. Raises `InputError` for a file that cannot be used.
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
    """Return the file that a written name means; None where there is none."""
    return next((name for name in readings(written) if _is(name, Path.is_file)), None)


def readings(written: str) -> Iterator[str]:
    """Return what a written name may stand for: itself, what a shell makes of it, the path of a `file:` URL."""
    yield written
    bare = written[1:-1] if written[:1] in ('"', "'") and written[-1:] == written[:1] else written
    if bare != written or "\\" in written:
        yield bare if written[0] == "'" else _ESCAPED.sub(r"\1", bare)
    if bare.lower().startswith("file:"):
        path = unquote(urlsplit(bare).path)
        yield path.lstrip("/") if os.name == "nt" else path


def as_written(name: str, *, quoted: bool = False) -> str:
    """Return the name of a file as a mention has to write it; the quotes of a folder stay open."""
    if not quoted and not _NEEDS_QUOTES.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}' if name.endswith("/") else f'"{escaped}"'


def _is(name: str, kind: Callable[[Path], bool]) -> bool:
    try:
        return bool(name) and kind(Path(name).expanduser())
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL, or of a user that there is not
        return False


def _split(written: str) -> list[str]:
    try:
        return shlex.split(written)
    except ValueError:
        return []
