"""A command that prints a key: what of its output counts, and what ends with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.config.key_command import KeyCommand
from tests.processes import is_running
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

NEVER = PATIENCE * 10


def shell(script: str) -> KeyCommand:
    return KeyCommand(["sh", "-c", script], {"PATH": os.environ["PATH"]})


def test_its_status_and_its_output_are_there_when_it_has_ended() -> None:
    command = shell("echo one; echo two; exit 3")

    assert (command.wait(PATIENCE), command.output) == (3, b"one\ntwo\n")


def test_what_it_has_left_in_the_background_is_not_waited_for_and_lives_on(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = shell(
        f"sh -c 'echo $$ > {pid}.new; mv {pid}.new {pid}; sleep {NEVER}' & while [ ! -e {pid} ]; do :; done; echo key"
    )

    assert (command.wait(PATIENCE), command.output) == (0, b"key\n")
    command.kill()
    agent = pid.read_text().strip()
    assert is_running(agent)
    os.kill(int(agent), 9)


def test_much_output_does_not_stop_it_and_is_not_kept() -> None:
    command = shell("echo key; yes | head -c 1000000")

    assert command.wait(PATIENCE) == 0
    assert command.output[:4] == b"key\n"
    assert len(command.output) == 64 * 1024


@pytest.mark.parametrize(
    "orphan", ["sleep {never} & sleep {never}; :", "(sh -c '{tell} sleep {never}' &); sleep {never}; :"]
)
def test_what_it_has_started_ends_with_it_when_its_time_is_over(tmp_path: Path, orphan: str) -> None:
    pid = tmp_path / "pid"
    tell = f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec"
    script = orphan.format(never=NEVER, tell=tell)
    command = shell(script if "echo" in script else f'sh -c "{tell} sleep {NEVER}" & {script}')
    wait_until(pid.exists)

    with pytest.raises(TimeoutError):
        command.wait(0.01)

    wait_until(lambda: not is_running(pid.read_text().strip()))


def test_it_cannot_read_this_programs_standard_input_and_says_nothing_on_its_error_stream(
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = shell("cat; echo loud >&2; echo key")

    assert (command.wait(PATIENCE), command.output) == (0, b"key\n")
    assert capfd.readouterr().err == ""


def test_one_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        KeyCommand(["/no/such/command"], {})
