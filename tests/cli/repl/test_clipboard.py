"""Copying: who is asked in which order, what is said, and what the programs that are run get to see."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl.clipboard import NOWHERE, Clipboard, Copied, osc52
from fallback_chat.cli.repl.escapes import notification, wrapped
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

TERMINAL = Copied("sent", "to the terminal's clipboard; not every terminal allows that")
OSC = f"\x1b]52;c;{base64.b64encode('naïve'.encode()).decode()}\x07"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Machine:
    """A computer with some programs, which write down what they get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.screen = Screen()

    def has(self, name: str, *, works: bool = True, says: str = "") -> None:
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\n[ "$1" = show-messages ] && {{ echo "{says}"; exit 0; }}\n'
            f"/bin/cat > {path}.got; env > {path}.env; exit {0 if works else 1}\n"
        )
        path.chmod(0o700)

    def copy(self, **env: str) -> Copied:
        found = {"PATH": f"{self.folder}:/usr/bin:/bin", "TERM": "xterm"} | env
        return Clipboard(self.screen, found, ["MY_TOKEN"]).copy("naïve")

    def got(self, name: str) -> bytes:
        return (self.folder / f"{name}.got").read_bytes()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_program_of_the_desktop_is_asked_where_there_is_one(machine: Machine) -> None:
    machine.has("wl-copy")
    machine.has("xclip")
    assert machine.copy(DISPLAY=":0", WAYLAND_DISPLAY="w") == Copied("copied", "to the clipboard (wl-copy)")
    assert machine.copy(DISPLAY=":0") == Copied("copied", "to the clipboard (xclip)")
    assert (machine.got("wl-copy"), machine.screen.getvalue()) == ("naïve".encode(), "")


def test_a_program_that_fails_is_not_believed(machine: Machine) -> None:
    machine.has("xclip", works=False)
    machine.has("xsel")
    assert machine.copy(DISPLAY=":0") == Copied("copied", "to the clipboard (xsel)")
    machine.has("xsel", works=False)
    assert (machine.copy(DISPLAY=":0"), machine.screen.getvalue()) == (TERMINAL, OSC)


def test_windows_gets_its_own_encoding(machine: Machine) -> None:
    machine.has("clip.exe")
    machine.copy()
    assert machine.got("clip.exe").decode("utf-16-le") == "naïve"


def test_over_ssh_the_terminal_is_asked_and_not_the_other_machine(machine: Machine) -> None:
    machine.has("xclip")
    assert machine.copy(DISPLAY=":0", SSH_TTY="/dev/pts/1") == TERMINAL
    assert machine.copy(DISPLAY=":0", SSH_CONNECTION="1 2 3 4") == TERMINAL
    assert machine.screen.getvalue() == OSC + OSC


@pytest.mark.parametrize("ssh", [{}, {"SSH_TTY": "/dev/pts/1"}])
def test_tmux_is_asked_first_also_over_ssh(machine: Machine, ssh: dict[str, str]) -> None:
    machine.has("xclip")
    machine.has("tmux", says=r" 166: Ms: (string) \033]52;%p1%s;%p2%s\a")
    assert machine.copy(TMUX="/tmp/tmux,1,0", DISPLAY=":0", **ssh) == Copied(
        "copied", "into tmux, and sent to its terminal"
    )
    assert (machine.got("tmux"), machine.screen.getvalue()) == ("naïve".encode(), "")


def test_where_the_terminal_of_tmux_has_no_clipboard_the_desktop_is_asked_and_else_the_truth_is_told(
    machine: Machine,
) -> None:
    machine.has("xclip")
    machine.has("tmux", says=" 166: Ms: [missing]")
    assert machine.copy(TMUX="1", DISPLAY=":0") == Copied("copied", "to the clipboard (xclip)")
    assert machine.copy(TMUX="1") == Copied(
        "copied", "into tmux alone (prefix ] pastes it): its terminal takes no clipboard"
    )


def test_without_the_program_of_tmux_the_sequence_is_wrapped_for_it(machine: Machine) -> None:
    machine.has("tmux", works=False)
    assert machine.copy(TMUX="1") == TERMINAL
    assert machine.screen.getvalue() == f"\x1bPtmux;\x1b{OSC}\x1b\\"


def test_gnu_screen_gets_the_sequence_in_short_strings() -> None:
    sequence = osc52("x" * 3000)
    parts = wrapped(sequence, {"STY": "1.pts"}).removesuffix("\x1b\\").split("\x1b\\")
    assert "".join(part.removeprefix("\x1bP") for part in parts) == sequence
    assert max(map(len, parts)) < 768


def test_a_notification_rings_or_has_the_terminal_show_it() -> None:
    assert notification("off", "done", {}) == ""
    assert notification("bell", "done", {"TMUX": "1"}) == "\x07"
    assert notification("desktop", "a\x1b]0;b\x07 c", {}) == "\x1b]9;a]0;b c\x07"
    assert notification("desktop", "done", {"TMUX": "1"}) == "\x1bPtmux;\x1b\x1b]9;done\x07\x1b\\"


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "linux"}, {"TERM": ""}, {"TERM_PROGRAM": "Apple_Terminal"}])
def test_nothing_is_called_sent_that_cannot_arrive(machine: Machine, env: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        machine.copy(**env)
    assert (str(caught.value), machine.screen.getvalue()) == (NOWHERE, "")


def test_nothing_is_sent_where_there_is_no_terminal() -> None:
    with pytest.raises(InputError, match="no clipboard"):
        Clipboard(io.StringIO(), {"TERM": "xterm"}).copy("x")


def test_a_text_that_many_terminals_would_drop_is_called_so() -> None:
    _, where = Clipboard(Screen(), {"TERM": "xterm"}).copy("x" * 75_000)
    assert where == "to the terminal's clipboard, if it takes as much as 100 kB; not every terminal allows that"


def test_no_program_sees_a_key(machine: Machine) -> None:
    machine.has("tmux", says=" Ms: [missing]")
    machine.has("xclip")
    machine.copy(TMUX="1", DISPLAY=":0", OPENAI_API_KEY="sk-1", MY_TOKEN="sk-2", KEPT="x")
    for name in ("tmux", "xclip"):
        seen = (machine.folder / f"{name}.env").read_text()
        assert ("KEPT=x" in seen, "sk-" in seen) == (True, False)
