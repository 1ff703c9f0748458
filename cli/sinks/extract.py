"""The code in an answer without the prose around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat.cli.code_blocks import code_blocks
from fallback_chat.cli.sinks.base import WholeTextSink

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.answer import Answer


def extracted(text: str, which: str) -> str:
    """Return the code block with this number, those in this language, or `all`; or nothing."""
    blocks = [*code_blocks(text)]
    if which.isdecimal():
        chosen = blocks[int(which) - 1 : int(which)] if int(which) else []
    else:
        chosen = [block for block in blocks if which in ("all", block.language)]
    return "\n".join(block.text for block in chosen)


class ExtractSink(WholeTextSink):
    """Writes code blocks only, once the answer has ended."""

    def __init__(self, out: TextIO, err: TextIO, which: str, path: Path | None = None) -> None:
        super().__init__(out, err, path)
        self._which = which

    def text(self, answer: Answer) -> str:
        return extracted(answer.text, self._which)
