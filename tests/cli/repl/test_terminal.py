"""The chat as a process on a pseudo-terminal: what stays on the screen, and that the terminal is as it was afterwards."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import termios
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.signals import Interrupted
from fallback_chat.cli.repl.terminal import ASK_FOR_MODIFIED_KEYS, STOP_MODIFIED_KEYS, Terminal
from fallback_chat.providers.simulator import Manner
from tests.cli.program import ROOT
from tests.cli.repl.pseudo_terminal import on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program
    from tests.cli.repl.pseudo_terminal import OnTerminal

SLOW = Manner(tick=0.3)
ID = re.compile(r"--session ([0-9a-hj-km-np-tv-z]{11})$", re.MULTILINE)
CTRL_C, CTRL_D, CTRL_Z = "\x03", "\x04", "\x1a"


def begin(run: OnTerminal, question: str) -> None:
    run.sees("? help")
    run.type(f"{question}\r")


def begin_slowly(run: OnTerminal) -> None:
    """Ask, and wait for the first words of an answer that takes its time."""
    begin(run, "Go")
    run.sees("These")


def test_a_conversation_leaves_everything_in_the_scrollback_and_the_terminal_as_it_was(program: Program) -> None:
    program.play("500", "ok")
    with on_terminal(program) as run:
        begin(run, "What is it?")
        run.sees("two/sim-model · 2nd of 2")
        assert run.leave() == 0
        assert [re.sub("0:1[0-9]", "0:1N", row) for row in run.rows] == [
            "Chain: one → two. Alt-Enter makes a new line, /help tells more.",
            "❯ What is it?",
            "↷ one: 500 (The simulator answers 500.) → two",
            "These are the words of two.",
            "two/sim-model · 2nd of 2 · one down 0:1N",
            f"To go on: fallback-chat --session {ID.findall(run.text)[0]}",
        ]
        run.until(lambda: run.is_as_before)


@pytest.mark.parametrize(("flags", "told"), [([], True), (["-q"], False)])
def test_what_is_odd_in_the_configuration_stands_above_the_chat_unless_quiet(
    program: Program, flags: list[str], told: bool
) -> None:
    program.play_with_a_key_that_all_can_read()
    # So wide that the row holds the path of the file, however long that of the temporary folder is.
    with on_terminal(program, *flags, size=(1000, 24)) as run:
        run.sees("? help")
        assert ("holds a key and can be read by other users" in run.text) is told
        run.leave()


def test_without_any_provider_the_greeting_names_the_way_to_one(program: Program) -> None:
    program.config = {}
    with on_terminal(program) as run:
        run.sees("? help")
        greeting = " ".join(run.rows)
        assert run.leave() == 0
    assert "No provider is configured (fallback-chat config init helps)" in greeting


def test_the_greeting_is_broken_between_its_words(program: Program) -> None:
    program.play("ok", "ok")
    with on_terminal(program, size=(24, 10)) as run:
        run.sees("(1/2)")
        assert run.rows[:4] == ["Chain: one → two.", "Alt-Enter makes a new", "line, /help tells more.", ">"]


def test_no_alternate_screen_no_mouse_and_no_cursor_position_request(program: Program) -> None:
    program.play("ok")
    with on_terminal(program) as run:
        begin(run, "Go")
        run.sees("words of one.")
        run.leave()
        for request in (b"?1049h", b"?47h", b"?1000h", b"?1002h", b"?1003h", b"\x1b[6n"):
            assert request not in run.bytes


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_in_the_middle_of_an_answer_ends_the_chat_and_restores_the_terminal(
    program: Program, number: signal.Signals, code: int
) -> None:
    program.play("slow", manner=SLOW)
    with on_terminal(program) as run:
        begin_slowly(run)
        run.process.send_signal(number)
        assert run.exit_code() == code
        run.until(lambda: run.is_as_before)
        assert "These" in run.text


def test_a_signal_at_the_prompt_does_too(program: Program) -> None:
    program.play("ok")
    with on_terminal(program) as run:
        run.sees("? help")
        run.process.send_signal(signal.SIGTERM)
        assert run.exit_code() == 143
        run.until(lambda: run.is_as_before)


def test_an_interrupt_from_outside_is_a_ctrl_c_in_both_phases(program: Program) -> None:
    program.play("slow", manner=SLOW)
    with on_terminal(program) as run:
        begin_slowly(run)
        run.process.send_signal(signal.SIGINT)
        run.sees("stopped; what is there is kept")
        run.sees("? help")
        run.type("draft")
        run.sees("> draft")
        run.process.send_signal(signal.SIGINT)
        run.until(lambda: "> draft" not in run.text)
        run.process.send_signal(signal.SIGINT)
        run.sees("press Ctrl-C again, or Ctrl-D, to leave")
        run.process.send_signal(signal.SIGINT)
        assert run.exit_code() == 0
        run.until(lambda: run.is_as_before)


def test_the_terminal_echoes_for_a_program_to_which_it_is_lent_and_not_for_the_chat() -> None:
    master, slave = pty.openpty()
    out = io.StringIO()

    def modes() -> tuple[bool, str]:
        """Whether the terminal echoes, and what was written to it since."""
        written = out.getvalue()
        out.seek(out.truncate(0))
        return bool(termios.tcgetattr(slave)[3] & termios.ECHO), written

    with closing(os.fdopen(master)), closing(os.fdopen(slave)):
        with Terminal(slave, out, term="xterm") as terminal:
            seen = [modes()]
            with terminal.given_back():
                seen.append(modes())
            seen.append(modes())
        seen.append(modes())

    ours, theirs = (False, ASK_FOR_MODIFIED_KEYS), (True, STOP_MODIFIED_KEYS)
    assert seen == [ours, theirs, ours, theirs]


@pytest.mark.parametrize("cut", ["write", "wait", "tcdrain"])
def test_the_modes_come_back_even_if_a_signal_ends_the_wait_for_what_is_written(
    cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object, **__: object) -> None:
        raise Interrupted(ExitCode.TERMINATED)

    master, slave = pty.openpty()
    with closing(os.fdopen(master)), closing(os.fdopen(slave)):
        before = termios.tcgetattr(slave)
        out = io.StringIO()
        terminal = Terminal(slave, out, term="xterm").__enter__()
        assert termios.tcgetattr(slave) != before
        monkeypatch.setattr({"write": out, "wait": BEHIND, "tcdrain": termios}[cut], cut, ended)
        with pytest.raises(Interrupted):
            terminal.__exit__(None, None, None)
        assert termios.tcgetattr(slave) == before


@pytest.mark.parametrize("streaming", [True, False])
def test_the_chat_can_be_suspended_and_gives_the_terminal_back_meanwhile(program: Program, streaming: bool) -> None:
    program.play("slow", manner=SLOW)
    with on_terminal(program) as run:
        run.sees("? help")
        if streaming:
            begin_slowly(run)
        run.type(CTRL_Z)
        run.until(lambda: run.state == "T" and run.is_as_before)
        run.process.send_signal(signal.SIGCONT)
        if streaming:
            run.sees("These are the words of one.")
        run.until(lambda: not run.is_as_before)
        assert run.leave() == 0
        run.until(lambda: run.is_as_before)


def test_a_resize_in_the_middle_of_an_answer_leaves_no_second_copy(program: Program) -> None:
    program.play("slow", manner=SLOW)
    with on_terminal(program) as run:
        begin_slowly(run)
        for columns, rows in ((60, 20), (100, 30), (40, 10)):
            run.resize(columns, rows)
        run.sees("words of one.")
        run.sees("(1/1)")  # the answer has ended: before, the row says how fast it comes
        assert run.text.count("These are the words of one.") == 1
        run.type(CTRL_D)
        assert run.exit_code() == 0


def test_what_is_typed_before_and_between_the_phases_is_not_echoed_into_the_answer(program: Program) -> None:
    program.play("slow", manner=Manner(tick=0.05))
    with on_terminal(program) as run:
        begin(run, "One")
        run.sees("❯ One")  # with its Enter: what follows at once would be a paste
        for letter in "and two":
            run.type(letter)
        run.sees("words of one.")
        run.sees("> and two")
        assert [row for row in run.rows if "and two" in row] == ["> and two"]


def test_without_colours_nothing_is_coloured(program: Program) -> None:
    program.play("500", "ok")
    with on_terminal(program, env={"NO_COLOR": "1"}) as run:
        begin(run, "Go")
        run.sees("two/sim-model · 2nd of 2")
        run.leave()
        styles = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", run.bytes) for code in found.split(b";")}
        assert styles <= {b"", b"0", b"1", b"2"}


def test_a_dumb_terminal_gets_text_alone(program: Program) -> None:
    program.play("500", "ok")
    with on_terminal(program, env={"TERM": "dumb"}) as run:
        run.sees(">")
        run.type("Go\r")
        run.sees("two/sim-model · 2nd of 2")
        run.type(CTRL_D)
        assert run.exit_code() == 0
        assert b"\x1b" not in run.bytes


def test_a_dumb_terminal_is_as_wide_as_it_is(program: Program) -> None:
    program.play("ok", "ok")
    with on_terminal(program, size=(24, 10), env={"TERM": "dumb"}) as run:
        run.sees(">")
        assert run.rows[:3] == ["Chain: one → two.", "Alt-Enter makes a new", "line, /help tells more."]


def test_a_terminal_whose_encoding_lacks_signs_gets_similar_ones(program: Program) -> None:
    program.play("500", "ok")
    ascii_only: dict[str, str | None] = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with on_terminal(program, env=ascii_only) as run:
        begin(run, "Go")
        run.until(lambda: run.rows[-1].startswith(">two sim-model | one down"))
        rows = [re.sub("0:1[0-9]", "0:1N", row) for row in run.rows]
    assert rows[:-1] == [
        "Chain: one > two. Alt-Enter makes a new line, /help tells more.",
        "> Go",
        "~ one: 500 (The simulator answers 500.) -> two",
        "These are the words of two.",
        "two/sim-model | 2nd of 2 | one down 0:1N",
        ">",
    ]


def test_nothing_that_is_logged_appears_on_the_screen() -> None:
    script = (
        "import logging; from fallback_chat.cli.process.loop import keep_logs_off_the_screen as quiet; quiet();"
        "logging.getLogger('fallback_chat.core').error('a traceback', stack_info=True)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_without_a_terminal_the_chat_names_ask(program: Program) -> None:
    program.play("ok")
    ran = program(stdin=b"hello\n")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == 'usage: fallback-chat needs a terminal; without one use: fallback-chat ask "PROMPT"\n'


def test_what_is_piped_in_is_attached_and_the_keys_come_from_the_terminal(program: Program, tmp_path: Path) -> None:
    program.play("ok")
    (tmp_path / "piped").write_text("see @secret.txt\n/quit\n")
    with (tmp_path / "piped").open() as piped, on_terminal(program, piped=piped.fileno()) as run:
        run.sees("attached standard input (2 lines)")
        run.sees("1 attached")
        run.type("What is it?\r")
        run.sees("words of one.")
        assert run.leave() == 0
    assert any("see @secret.txt" in str(request) for request in program.servers[0].requests)


def test_the_conversation_is_written_down_with_its_question_first(program: Program) -> None:
    program.play("slow", manner=SLOW)
    with on_terminal(program) as run:
        begin_slowly(run)
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()
    file = program.directory / f"home-{program.runs}" / ".local/share/fallback-chat/history.db"
    with closing(sqlite3.connect(file)) as database:
        assert "Go" in "".join(database.iterdump())
