"""Which signals end the program, and how, before and after the event loop takes care of them."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.failures import ExitCode, Interrupted

if TYPE_CHECKING:
    from typing import NoReturn

_ENDING: Final = {
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
    "SIGHUP": ExitCode.TERMINATED,
}


def ending_signals() -> dict[signal.Signals, ExitCode]:
    """Give the exit code of each signal that ends the program; a hang-up does not under `nohup`."""
    known = {signal.Signals[name]: code for name, code in _ENDING.items() if hasattr(signal, name)}
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is signal.SIG_IGN:
        del known[hang_up]
    return known


def end_on_signals() -> None:
    """Let every such signal raise `Interrupted`, wherever the program is."""
    for number, code in ending_signals().items():
        signal.signal(number, partial(_end, code))


def _end(code: ExitCode, _number: int, _frame: object) -> NoReturn:
    raise Interrupted(code)
