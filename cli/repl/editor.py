"""Writing a message in the user's editor."""

from __future__ import annotations

import os
from functools import reduce
from itertools import accumulate
from typing import TYPE_CHECKING

from fallback_chat.cli.editor import edited as in_editor
from fallback_chat.cli.input import MAX_BYTES
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.core.config.keys import key_variables
from fallback_chat.core.storage.files import read_regular

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import Settings


def edited(draft: Draft, settings: Settings) -> Draft:
    """Return a draft as edited. Raises `InputError` without an editor."""
    with in_editor("message.md", draft.text.encode(), os.environ, key_variables(settings)) as path:
        text = read_regular(path, MAX_BYTES).decode("utf-8", "replace")
    return merged(draft, text.rstrip("\n"))


def merged(draft: Draft, text: str) -> Draft:
    """Return an edited text as a draft: lines it shares keep their origin, others are typed."""
    from difflib import SequenceMatcher

    old, new = draft.text.split("\n"), text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in old)]
    parts = []
    for tag, begin, end, first, last in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            parts.append(draft[starts[begin] : starts[end] - 1])
        elif first < last:
            parts.append(Draft.typed("\n".join(new[first:last])))
    return reduce(lambda all_before, part: all_before + Draft.typed("\n") + part, parts)
