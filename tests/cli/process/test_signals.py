"""The signals that end the program: which of them counts, and that none is taken for a failure."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from fallback_chat.cli.process import signals
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.guard import guarded
from tests.cli.program import ROOT


@pytest.fixture(autouse=True)
def none_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_received", [])


def test_the_first_of_several_signals_counts() -> None:
    assert signals.received() is None

    signals.note(ExitCode.TERMINATED)
    signals.note(ExitCode.INTERRUPTED)

    assert signals.received() is ExitCode.TERMINATED


@pytest.mark.parametrize("code", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_what_a_signal_has_left_half_done_is_not_reported(code: ExitCode, capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        signals.note(code)
        raise RuntimeError("half done") from signals.Interrupted(code)

    assert (guarded(body), capsys.readouterr()) == (code, ("", ""))


def test_a_hang_up_that_the_parent_has_ignored_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        ending = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
        assert signals.ending_signals() == ending | {signal.SIGHUP: ExitCode.TERMINATED}
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signals.ending_signals() == ending
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_whose_exception_was_lost_decides_how_the_program_ends() -> None:
    lost = """
import os, signal, weakref
from fallback_chat.cli.process.signals import end_on_signals
from fallback_chat.cli.process.streams import leave, prepare_streams

prepare_streams()
end_on_signals()
thing = type("Thing", (), {})()
keep = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del thing  # what is raised in a callback like this one goes nowhere
leave(0)
"""
    ran = subprocess.run([sys.executable, "-c", lost], capture_output=True, check=False, cwd=ROOT)

    assert (ran.returncode, ran.stdout, ran.stderr) == (143, b"", b"")
