"""The meaning of the arguments of `/copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.words.amounts import counted
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.chat_context import ChatMessage


class Selection(NamedTuple):
    """A text, and a name for it."""

    what: str
    text: str


def select(words: Sequence[str], messages: Sequence[ChatMessage], answers: Sequence[str]) -> Selection:
    """Return the selected text. Raises `InputError` if it does not exist."""
    if not answers:
        raise InputError("there is no answer to copy")
    match words:
        case []:
            return Selection("the answer", answers[-1])
        case ["all"]:
            texts = (f"**{message.role.value}**\n\n{message.text}" for message in messages)
            return Selection("the conversation", "\n\n".join(texts))
        case ["code", *rest]:
            from fallback_chat.cli.code_blocks import code_blocks  # the prompt does not wait for Markdown

            blocks = [*code_blocks(answers[-1])]
            number = _number(rest[0] if rest else str(len(blocks)), len(blocks), "code block")
            code = blocks[number - 1]
            lines = len(code.text.splitlines())
            kind = f"{code.language}, " if code.language else ""
            size = counted(lines, "line")
            return Selection(f"code block {number} of {len(blocks)} ({kind}{size})", code.text)
        case [word]:
            number = _number(word, len(answers), "answer")
            return Selection("the answer" if number == 1 else f"answer {number} from the end", answers[-number])
    raise InputError("write /copy, /copy 2 (the one before), /copy code, /copy code 1 or /copy all")


def _number(word: str, most: int, what: str) -> int:
    if word.isdecimal() and 1 <= int(word) <= most:
        return int(word)
    raise InputError(
        f"there is no {what} {word}, only {counted(most, what)}" if most else f"there is no {what} in the last answer"
    )
