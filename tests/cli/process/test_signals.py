"""The signals that end the program: which of them counts, and that none is taken for a failure."""

from __future__ import annotations

import signal

import pytest

from fallback_chat.cli.process import signals
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.guard import guarded


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
