"""Runs one coroutine as the program: signals cancel it, and the process leaves at once when it is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.signals import Interrupted, end_in, end_on_signals, ending_signals, note, received

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

GRACE: Final = 1.0
"""Seconds for cleaning up after a signal: what was shown is brought to its end and stored, however much it is."""


def run_until_signal(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main()` to its end and give its result.

    SIGINT, SIGTERM and SIGHUP cancel it, and it may still clean up for a moment; then `Interrupted` is raised. Threads that resolve
    names are not waited for, as `asyncio.run()` would: they cannot be interrupted. Nor is anybody who should read the output.
    """

    def stop(code: ExitCode) -> None:
        note(code)
        end_in(GRACE)
        task.cancel()

    BEHIND.begin()
    keep_logs_off_the_screen()
    with _held_back():
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        for number, code in ending_signals().items():
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, stop, code)
    if received() is not None:
        task.cancel()
    try:
        result = loop.run_until_complete(task)
    except (asyncio.CancelledError, KeyboardInterrupt) as error:  # the latter where the loop knows no signal handlers
        raise Interrupted(received() or ExitCode.INTERRUPTED) from error
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        end_on_signals()
        end_in(None)
    if (late := received()) is not None:
        raise Interrupted(late)  # it came in the last step of `main`, where there was nothing left to cancel
    return result


def keep_logs_off_the_screen() -> None:
    """Give the root logger a handler that is silent: without any, Python writes warnings and tracebacks into the answer."""
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Let signals wait: a loop that is half made complains when it is destroyed."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
