"""Runs one coroutine as the program: signals cancel it, and the process ends when it is done."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING, Final, TypeVar

from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.signals import (
    Interrupted,
    end_in,
    end_on_signals,
    ending_signals,
    note,
    on_signals,
    received,
)
from fallback_chat.core.storage.locks import hurry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

Result = TypeVar("Result")

GRACE: Final = 1.0
"""Seconds for cleaning up after a signal: the output is completed and stored, however long."""


def run_until_signal(main: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main()` to its end and return its result.

    SIGINT, SIGTERM and SIGHUP cancel it, and it may still clean up for a moment; then `Interrupted`
    is raised. Unlike `asyncio.run()`, this does not wait for threads that resolve names, which
    cannot be interrupted, nor for a reader of the output.
    """

    def stop(code: ExitCode) -> None:
        # Noted here rather than in the loop, which would lose a signal after its last step.
        note(code)
        hurry()
        end_in(GRACE)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(task.cancel)

    BEHIND.begin()
    keep_logs_off_the_screen()
    with _held_back():
        loop = asyncio.new_event_loop()
        task = loop.create_task(main())
        _let_signals_wake(loop)
        on_signals(stop)
    if received() is not None:
        task.cancel()
    try:
        result = loop.run_until_complete(task)
    except (asyncio.CancelledError, KeyboardInterrupt) as error:  # the latter where a signal has no handler of ours
        raise Interrupted(received() or ExitCode.INTERRUPTED) from error
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        signal.set_wakeup_fd(-1)  # the loop closes it, and a signal that comes then would be reported as an error
        loop.close()
        end_on_signals()
        end_in(None)
    if (late := received()) is not None:
        raise Interrupted(late)  # it came when there was nothing left to cancel
    return result


def _let_signals_wake(loop: asyncio.AbstractEventLoop) -> None:
    """Make every signal wake the loop so that its handler runs.

    asyncio does that only while it has a handler of its own.
    """
    with contextlib.suppress(NotImplementedError, RuntimeError, AttributeError):
        loop.add_signal_handler(signal.SIGURG, str)  # nobody sends it, and by default nothing comes of it


def keep_logs_off_the_screen() -> None:
    """Install a silent handler in the root logger.

    Without any, Python writes warnings and tracebacks into the answer.
    """
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Defer signals: a half-created loop complains when it is destroyed."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
