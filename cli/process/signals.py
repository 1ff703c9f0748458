"""The signals that end the program, before and after the event loop handles them."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_ENDING: Final = {
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
    "SIGHUP": ExitCode.TERMINATED,
}
_AGAIN: Final = 0.1
"""Seconds."""
_received: Final[list[ExitCode]] = []


class Interrupted(BaseException):
    """A signal ended the program; `code` is its exit code.

    It is not an Exception, so that nothing mistakes it for a failure.
    """

    def __init__(self, code: ExitCode) -> None:
        self.code = code
        super().__init__(code)


def ending_signals() -> dict[signal.Signals, ExitCode]:
    """Return the exit code of each signal that ends the program.

    Under `nohup` a hang-up does not.
    """
    known = {signal.Signals[name]: code for name, code in _ENDING.items() if hasattr(signal, name)}
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is signal.SIG_IGN:
        del known[hang_up]
    return known


def on_signals(act: Callable[[ExitCode], object]) -> None:
    """Call `act` with the exit code of every such signal, wherever the program is."""
    for number, code in ending_signals().items():
        signal.signal(number, lambda _number, _frame, code=code: act(code))  # type: ignore[misc]


def end_on_signals() -> None:
    """Make every such signal raise `Interrupted`, wherever the program is."""
    sys.unraisablehook = _silent_when_interrupted
    on_signals(_end)


def end_in(seconds: float | None) -> None:
    """Raise `Interrupted` after `seconds` if the program still runs; None cancels that.

    It is raised repeatedly: in a callback of the event loop, an exception does not end the loop.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: _end(received() or ExitCode.INTERRUPTED))
        signal.setitimer(signal.ITIMER_REAL, seconds or 0, _AGAIN)


def note(code: ExitCode) -> None:
    """Record the arrival of a signal with this exit code."""
    _received.append(code)


def received() -> ExitCode | None:
    """Return the exit code of the first signal received, or None.

    An exception alone is unreliable: Python drops it in destructors and wraps it in class bodies,
    and anyio replaces it by its own.
    """
    return _received[0] if _received else None


def _end(code: ExitCode) -> NoReturn:
    note(code)
    raise Interrupted(received() or code)


def _silent_when_interrupted(dropped: sys.UnraisableHookArgs) -> None:
    if dropped.exc_type is not Interrupted:
        sys.__unraisablehook__(dropped)
