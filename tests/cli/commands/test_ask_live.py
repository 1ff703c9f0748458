"""On a terminal `ask` says who is asked, and takes the row away when there are words.

When the row appears is for tests/cli/sinks/test_live.py, whose clock does not depend on the machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyte

from tests.cli.program import TEXTS

if TYPE_CHECKING:
    from tests.cli.program import Program


def screen_of(data: bytes) -> list[str]:
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(data)
    return [row.rstrip() for row in screen.display if row.strip()]


def test_who_is_asked_is_shown_until_there_are_words(program: Program) -> None:
    program.play("silence", "ok", attempt_timeout=0.6)
    code, data = program.on_terminal("ask", "hi")
    assert code == 0
    assert re.search("asking one · [0-9]+ s".encode(), data)
    assert screen_of(data) == [
        "fallback-chat: one timed out (nothing for 0.6 s); asking two",
        TEXTS["two"],
        "fallback-chat: answered by two/sim-model (2nd of 2)",
    ]


def test_an_answer_stands_alone(program: Program) -> None:
    code, data = program.play("ok").on_terminal("ask", "hi")
    assert (code, screen_of(data)) == (0, [TEXTS["one"]])


def test_the_row_is_gone_when_nobody_answers(program: Program) -> None:
    program.play("silence", attempt_timeout=0.6)
    code, data = program.on_terminal("ask", "hi")
    assert code == 69
    assert screen_of(data) == [
        "fallback-chat: no provider of the chain gave an answer:",
        "fallback-chat:   one timed out (nothing for 0.6 s)",
        "fallback-chat: raise attempt_timeout if it is only slow",
    ]
