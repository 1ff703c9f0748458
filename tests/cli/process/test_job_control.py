"""Ctrl-Z in `ask`: the shell gets the terminal as it was, and the answer goes on where it was when it is called back."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.simulator import Manner
from tests.cli.program import NEVER
from tests.cli.repl.pseudo_terminal import on_terminal

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.repl.pseudo_terminal import OnTerminal

CTRL_C, CTRL_Z = "\x03", "\x1a"
WORDS = "These are the words of one."


def stopped(program: Program, run: OnTerminal, seen: str) -> None:
    """Ask in a shell, and stop that when something of it is seen."""
    run.sees("$")
    run.type(f"cd {program.directory}; $fc ask hi\r")
    run.sees(seen)
    run.type(CTRL_Z)
    run.sees("Stopped")
    run.until(lambda: run.is_as_before)


@pytest.mark.parametrize(
    ("script", "seen", "goes_on", "left"),
    [("slow", "These", WORDS, [WORDS]), ("silence", "asking one", "asking one", [])],
)
def test_the_shell_gets_its_cursor_back_and_the_answer_goes_on(
    program: Program, script: str, seen: str, goes_on: str, left: list[str]
) -> None:
    program.play(script, manner=Manner(tick=0.3), attempt_timeout=NEVER)
    with on_terminal(program, shell=True) as run:
        stopped(program, run, seen)
        assert [row for row in run.rows if row.startswith(seen)] == []
        run.type("fg\r")
        run.sees(goes_on)
        run.type(CTRL_C)
        run.until(lambda: run.is_as_before)
        assert [row.removesuffix("^C") for row in run.rows if row.startswith(seen)] == left


def test_in_the_background_it_draws_nothing_and_prints_the_whole_answer_at_its_end(program: Program) -> None:
    program.play("slow", manner=Manner(tick=0.05))
    with on_terminal(program, shell=True) as run:
        stopped(program, run, "These")
        written = len(run.bytes)
        run.type("bg\r")
        run.sees(WORDS)
        assert b"\x1b[?25l" not in run.bytes[written:]
        run.until(lambda: run.is_as_before)


def test_an_answer_can_be_stopped_more_than_once_and_ended_while_it_is_stopped(program: Program) -> None:
    program.play("slow", manner=Manner(tick=0.3))
    with on_terminal(program, shell=True) as run:
        stopped(program, run, "These")
        run.type("fg\r")
        run.sees("These are")
        run.type(CTRL_Z)
        run.until(lambda: run.text.count("Stopped") == 2)
        run.until(lambda: run.is_as_before)
        run.type("kill %1; fg\r")
        run.until(lambda: run.is_as_before)
        run.type("echo $((6 * 7))\r")
        run.sees("42")


def test_a_chat_that_is_stopped_from_outside_gives_the_terminal_back_too(program: Program) -> None:
    program.play("ok")
    with on_terminal(program) as run:
        run.sees("? help")
        run.process.send_signal(signal.SIGTSTP)
        run.until(lambda: run.state == "T" and run.is_as_before)
        run.process.send_signal(signal.SIGCONT)
        run.until(lambda: not run.is_as_before)
        run.type("Go\r")
        run.sees(WORDS)
