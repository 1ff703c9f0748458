"""Runs one coroutine as the program: signals cancel it, and the process leaves at once when it is done."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fallback_chat.cli.failures import ExitCode, Interrupted
from fallback_chat.cli.signals import end_on_signals, ending_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any


def run_until_signal(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main()` to its end and give its result.

    SIGINT, SIGTERM and SIGHUP cancel it with the exit code as the reason, and it may still clean up; then `Interrupted` is raised.
    Threads that resolve names are not waited for, as `asyncio.run()` would: they cannot be interrupted.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(main())

    signals = ending_signals()
    for number, code in signals.items():
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, task.cancel, code)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError as error:
        raise Interrupted(error.args[0] if error.args else ExitCode.INTERRUPTED) from error
    except KeyboardInterrupt as error:  # where the loop knows no signal handlers
        raise Interrupted(ExitCode.INTERRUPTED) from error
    finally:
        for number in signals:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)
        end_on_signals()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
