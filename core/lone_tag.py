"""Reasoning that ends in a lone `</think>`, because the opening tag was part of the prompt.

While an answer streams, nobody can know that it began with reasoning; once it has ended, the two
can be separated.
"""

from __future__ import annotations

from typing import Final

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"
_FENCE: Final = "```"


def split_reasoning(text: str) -> tuple[str, str]:
    """Return reasoning and answer; no reasoning if the tag may be the answer's subject.

    The tag has to be the only one, outside code, at the end of its line, and followed by an answer.
    """
    before, closing, behind = text.partition(_CLOSING)
    if not closing:
        return "", text
    answer = behind.lstrip()
    ends_a_line = behind[: len(behind) - len(answer)].strip(" \t\r").startswith("\n")
    about_tags = _OPENING in before or _CLOSING in answer or before.count(_FENCE) % 2
    return (before, answer) if answer and ends_a_line and not about_tags else ("", text)
