"""Drafts in the user's editor: private, and gone afterwards, whatever ends whom."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli import editor
from fallback_chat.core.errors import InputError
from tests.processes import is_running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder in which nothing is yet."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def env(script: str) -> dict[str, str]:
    """The environment of a user whose editor is a shell script, which finds the file's path in `$1`."""
    return os.environ | {"VISUAL": shlex.join(["sh", "-c", script, "editor"])}


def test_a_draft_is_private_has_its_name_and_is_gone_after_the_block(place: Path) -> None:
    with editor.edited("message.md", b"one", env('echo two >> "$1"'), (), beside=place) as draft:
        assert (draft.name, draft.read_bytes()) == ("message.md", b"onetwo\n")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (draft.parent, draft)]
    assert (modes, list(place.iterdir())) == ([0o700, 0o600], [])


def test_what_the_editor_keeps_beside_the_draft_is_gone_with_it(place: Path) -> None:
    with editor.edited(
        "a", b"sk-secret", env('cp "$1" "$1~"; mkdir "${1}d"; cp "$1" "${1}d/.a.swp"'), (), beside=place
    ):
        pass
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("script", ["exit 3", "kill -9 $$"])
def test_a_draft_is_gone_when_the_editor_ended_badly(place: Path, script: str) -> None:
    with pytest.raises(InputError), editor.edited("a", b"", env(script), (), beside=place):
        pytest.fail("there is nothing to work with")
    assert list(place.iterdir()) == []


def test_a_draft_is_gone_when_the_block_fails(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), editor.edited("a", b"", env(":"), (), beside=place):
        raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_an_editor_that_leaves_a_server_behind_is_not_waited_for(place: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with editor.edited("a", b"", env(f"sleep 3600 & echo $! > {pid}"), (), beside=place):
        pass
    server = int(pid.read_text())
    try:
        assert is_running(server)
        assert list(place.iterdir()) == []
    finally:
        os.kill(server, signal.SIGKILL)


def test_without_a_shell_a_draft_is_still_gone_after_the_block(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "_JANITOR", (str(place / "no-shell"),))
    with editor.edited("a", b"", env(":"), (), beside=place):
        pass
    assert list(place.iterdir()) == []


def test_a_killed_program_leaves_its_draft_to_the_editor_and_nothing_after_that(place: Path, tmp_path: Path) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    os.mkfifo(end)
    program = (
        "import os, pathlib, sys\nfrom fallback_chat.cli.editor import edited\n"
        f"with edited('a', b'sk-secret', os.environ, (), beside=pathlib.Path({str(place)!r})): pass"
    )
    script = f'echo kept >> "$1"; touch {begun}; read line < {end}; cat "$1" > {begun}.read'
    with subprocess.Popen([sys.executable, "-c", program], env=env(script)) as process:
        wait_until(begun.exists)
        process.kill()
    assert len(list(place.iterdir())) == 1  # the user still writes
    end.write_text("saved\n")
    wait_until(lambda: not list(place.iterdir()))
    assert (tmp_path / "begun.read").read_text() == "sk-secretkept\n"
