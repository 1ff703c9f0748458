"""The code blocks of an answer: for `/copy code` and `ask --extract`.

They are found as for the screen, so the numbers are those that it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.render.blocks import Kind
from fallback_chat.cli.render.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator


class Code(NamedTuple):
    """A block of code."""

    language: str
    text: str
    """Its lines, without the indentation or the marks of a list or quote around it."""


def code_blocks(text: str) -> Iterator[Code]:
    """Yield the code blocks of an answer; the last one may lack its end."""
    structure = Structure()
    for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        structure.line(line)
    structure.end()
    for block in structure.ended:
        if block.kind is Kind.CODE:
            yield Code(block.language, "".join(f"{line}\n" for line in block.lines))
