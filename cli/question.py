"""The question of `ask`: arguments or an editor's text, files, pictures and standard input."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.input import MAX_BYTES, prompt_of, put_together, read_file, read_image, read_part, text_of
from fallback_chat.cli.standard_input import is_piped, read_to_end
from fallback_chat.cli.words.amounts import counted
from fallback_chat.core.chat_context import Text
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fallback_chat.core.chat_context import Part

PIPE = "-"
"""Stands for standard input in place of a prompt or a file."""


class Question(NamedTuple):
    """The given question; standard input is read when it is put together."""

    prompt: str
    texts: tuple[tuple[str, str], ...] = ()
    """Names and contents of text files."""
    others: tuple[Part, ...] = ()
    """Pictures and documents."""
    reads_stdin: bool = False

    async def parts(self, tell: Callable[[str], object], *, deadline: float | None) -> tuple[Part, ...]:
        """Return the question with its texts as one part, followed by pictures and documents.

        `tell` receives messages about a wait and about added input. Raises `InputError`, also if
        standard input has not ended after `deadline` seconds.
        """
        piped = await self._piped(tell, deadline) if self.reads_stdin else None
        if piped and self.prompt not in ("", PIPE):
            lines = len(piped.splitlines())
            tell(f"standard input was added: {counted(lines, 'line')}")
        return (Text(put_together(self.prompt, piped, self.texts)), *self.others)

    async def _piped(self, tell: Callable[[str], object], deadline: float | None) -> str:
        try:
            async with asyncio.timeout(deadline):
                return text_of(await read_to_end(MAX_BYTES + 1, tell))
        except TimeoutError as error:
            raise InputError(
                f"standard input has not ended within the deadline of {deadline:g} s", late=True
            ) from error


def read_question(
    words: Sequence[str], *, files: Iterable[str], images: Iterable[str], may_read_stdin: bool
) -> Question:
    """Read everything but standard input. Raises `InputError` for unusable input."""
    prompt, files = prompt_of(words), tuple(files)
    parts = [(name, read_part(name)) for name in files if name != PIPE]
    wanted = prompt == PIPE or PIPE in files
    if wanted and not may_read_stdin:
        raise InputError("- stands for standard input, which --no-stdin leaves alone")
    return Question(
        prompt,
        tuple((name, part.text) for name, part in parts if isinstance(part, Text)),
        (*(part for _, part in parts if not isinstance(part, Text)), *map(read_image, images)),
        reads_stdin=wanted or (may_read_stdin and is_piped()),
    )


def edited(prompt: str, keys: Iterable[str]) -> str:
    """Let the user write the question in an editor, starting with `prompt`.

    The variables in `keys` are kept from the editor. Raises `InputError`.
    """
    import os

    from fallback_chat.cli.editor import edited as in_editor

    with in_editor("question.md", prompt.encode(), os.environ, keys) as file:
        return read_file(str(file)).strip("\n")
