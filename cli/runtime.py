"""Runs one coroutine as the program: signals cancel it, and the process leaves at once when it is done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from fallback_chat.cli.failures import ExitCode, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

SIGNALS: Final = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    **({signal.SIGHUP: ExitCode.TERMINATED} if hasattr(signal, "SIGHUP") else {}),
}


def run_until_signal(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main()` to its end and give its result.

    SIGINT, SIGTERM and SIGHUP cancel it with the exit code as the reason, and it may still clean up; then `Interrupted` is raised.
    Threads that resolve names are not waited for, as `asyncio.run()` would: they cannot be interrupted.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(main())

    for number, code in SIGNALS.items():
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, task.cancel, code)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError as error:
        raise Interrupted(error.args[0] if error.args else ExitCode.INTERRUPTED) from error
    except KeyboardInterrupt as error:  # where the loop knows no signal handlers
        raise Interrupted(ExitCode.INTERRUPTED) from error
    finally:
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(number)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def leave(code: int) -> NoReturn:
    """Write out what is buffered and end the process without tearing down the interpreter.

    That saves some 25 ms of every run, and a thread that still resolves a name cannot hold up the prompt.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = ExitCode.BROKEN_PIPE
    except OSError:
        code = ExitCode.LOCAL_IO
    os._exit(code)
