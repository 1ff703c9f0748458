"""The code blocks of an answer: for `/copy code` and `ask --extract`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODE: Final = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n]*\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


class Code(NamedTuple):
    """A block of code."""

    language: str
    text: str


def code_blocks(text: str) -> Iterator[Code]:
    """Yield the code blocks of an answer; the last one may lack its end."""
    return (Code(found[2], found[3]) for found in _CODE.finditer(text))
