"""The JSON of an answer: one line that no terminal can be steered by, with everything still in it."""

from __future__ import annotations

import json
import unicodedata

from fallback_chat.cli.sinks.answer_object import dump

REORDERING = {chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def test_no_character_can_steer_a_terminal_or_reorder_its_text_and_none_is_lost() -> None:
    codes = (*range(0xE007F, 0xDFFFF, -1), *range(0xFFFF, -1, -1))  # downwards, so that no two surrogates make a pair
    every = "".join(map(chr, codes))
    line = dump(every)

    steering = {char for char in line if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}}
    assert (steering, REORDERING & set(line), line.endswith("\n")) == ({"\n"}, set(), True)
    is_whole = json.loads(line) == every
    assert is_whole
