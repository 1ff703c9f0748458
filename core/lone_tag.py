"""Reasoning that ends in a lone `</think>`: the opening tag was a part of the prompt, so only the closing one is in the answer.

While an answer streams, nobody can know that its beginning was reasoning. When it has ended, it can be told apart.
"""

from __future__ import annotations

from typing import Final

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"
_FENCE: Final = "```"


def split_reasoning(text: str) -> tuple[str, str]:
    """Return reasoning and answer in `text`; no reasoning where the tag may be what the answer is about.

    The tag has to be the only one, outside of code, at the end of its line, and with an answer behind it.
    """
    before, _, behind = text.partition(_CLOSING)
    answer = behind.lstrip()
    ends_a_line = behind[: len(behind) - len(answer)].strip(" \t\r").startswith("\n")
    about_tags = _OPENING in before or _CLOSING in answer or before.count(_FENCE) % 2
    return (before, answer) if answer and ends_a_line and not about_tags else ("", text)
