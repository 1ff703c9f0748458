"""On a terminal `ask` says within a moment who is asked; an answer that comes sooner needs no such row."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.sinks.base import Ending
from fallback_chat.cli.sinks.live import PATIENCE, LiveSink
from fallback_chat.core.events import AttemptStarted
from tests.cli.repl.terminals import in_memory
from tests.core.scripted import ScriptedLLM, text
from tests.fake_time import JUMPING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.repl.terminals import ATerminal


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return JUMPING


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[ATerminal]:
    for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    with in_memory(80, 24) as terminal:
        yield terminal


def asking(screen: ATerminal) -> LiveSink:
    sink = LiveSink(screen.out, screen.out, color="auto", clock=asyncio.get_running_loop().time)
    sink.event(AttemptStarted(ScriptedLLM("one", []), 1))
    return sink


async def test_who_is_asked_and_for_how_long_is_shown_until_there_are_words(screen: ATerminal) -> None:
    sink = asking(screen)
    await asyncio.sleep(PATIENCE * 1.01)
    at_first = screen.rows
    await asyncio.sleep(3)
    later = screen.rows
    sink.chunk(text("Words."))
    sink.end(Ending(None, None, ExitCode.OK))

    assert (at_first, later, screen.rows) == (["asking one · 0 s"], ["asking one · 3 s"], ["Words."])


async def test_an_answer_that_comes_at_once_needs_no_such_row(screen: ATerminal) -> None:
    sink = asking(screen)
    await asyncio.sleep(PATIENCE * 0.99)
    before = screen.written
    sink.chunk(text("Words."))
    await asyncio.sleep(3)
    sink.end(Ending(None, None, ExitCode.OK))
    await asyncio.sleep(3)

    assert (before, screen.rows) == ("", ["Words."])
    assert "asking" not in screen.written


async def test_the_cursor_is_visible_when_the_last_frame_cannot_be_drawn(screen: ATerminal) -> None:
    sink = asking(screen)
    sink.chunk(text("Words."))
    with pytest.MonkeyPatch.context() as patch:

        def fail(_: str) -> int:
            patch.undo()
            raise OSError("the terminal is gone")

        patch.setattr(screen.out, "write", fail)
        with pytest.raises(OSError, match="the terminal is gone"):
            sink.end(Ending(None, None, ExitCode.OK))

    assert screen.written.rfind("\x1b[?25h") > screen.written.rfind("\x1b[?25l") >= 0


async def test_the_row_is_gone_when_nobody_answers(screen: ATerminal) -> None:
    sink = asking(screen)
    await asyncio.sleep(1)
    sink.end(Ending(None, TimeoutError(), ExitCode.UNAVAILABLE))
    await asyncio.sleep(3)

    assert screen.rows == []
