"""The line of each key in a TOML text, which the standard library's parser does not report.

The scan is linear, accepts any text, valid or not, and finds keys at statement level; a key inside
a value is looked up by the statement that holds it.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

MAX_KEY_PARTS: Final = 32

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r]++ | \#[^\n]*+)
    | (?P<newline>\n)
    | (?P<text>\"\"\"(?:[^\\]|\\.)*?(?:\"{3,5}|\Z) | '''.*?(?:'{3,5}|\Z) | "(?:[^"\\\n]|\\.)*+"? | '[^'\n]*+'?)
    | (?P<bare>[A-Za-z0-9_-]++)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class TomlLines:
    """The lines of a text's keys; `deepest` is the largest number of parts in one dotted key."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._table: Path = ()
        self._arrays: dict[Path, int] = {}
        self.deepest = 0
        for line, statement in self._statements(text):
            self._read(line, statement)

    def find(self, path: Path) -> int | None:
        """Return the 1-based line of `path`, or of the nearest parent found.

        Items of `path` are names, and 0-based indexes into arrays of tables.
        """
        for end in range(len(path), 0, -1):
            if (line := self._lines.get(path[:end])) is not None:
                return line
        return None

    def _statements(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield each statement's first line and its tokens up to the value."""
        line, start, depth, run = 1, 0, 0, 0
        tokens: list[str] = []
        in_value = False
        for match in _TOKEN.finditer(text):
            kind, word = match.lastgroup, match[0]
            if kind == "space":
                continue
            run = run + 1 if kind in {"text", "bare"} or word == "." else 0
            self.deepest = max(self.deepest, (run + 1) // 2)
            if kind == "newline" and depth <= 0:
                yield start, tokens
                tokens, in_value, depth = [], False, 0
            elif in_value:
                depth += (word in "[{") - (word in "]}") if kind == "mark" else 0
            elif word == "=" and kind == "mark":
                in_value = True
            else:
                start = start if tokens else line
                tokens.append(word)
            line += word.count("\n")
        yield start, tokens

    def _read(self, line: int, tokens: list[str]) -> None:
        names = tuple(_name(word) for word in tokens if word not in {".", "[", "]"})
        if not names:
            return
        if tokens[:2] == ["[", "["]:
            array = self._inside_arrays(names)
            self._arrays[array] = self._arrays.get(array, -1) + 1
            self._table = (*array, self._arrays[array])
            self._lines.setdefault(array, line)
            self._lines[self._table] = line
        elif tokens[0] == "[":
            self._table = self._inside_arrays(names)
            for end in range(1, len(self._table) + 1):
                self._lines.setdefault(self._table[:end], line)
        elif len(names) <= MAX_KEY_PARTS:
            for end in range(1, len(names) + 1):
                self._lines.setdefault((*self._table, *names[:end]), line)

    def _inside_arrays(self, names: tuple[str, ...]) -> Path:
        """Return the path of a header, with the index of the current entry after each array."""
        path: Path = ()
        for name in names[:MAX_KEY_PARTS]:
            if path in self._arrays:
                path = (*path, self._arrays[path])
            path = (*path, name)
        return path


def _name(word: str) -> str:
    if word[0] == '"':
        with suppress(ValueError):
            return str(json.loads(word))
    return word[1:-1] if word[0] in "\"'" else word
