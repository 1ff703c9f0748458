"""The program's border: what a failure becomes there is imported once there is one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.signals import Interrupted, received

if TYPE_CHECKING:
    from collections.abc import Callable


def guarded(body: Callable[[], int | None]) -> int | None:
    """Run a command's body; a failure becomes sentences on stderr and an exit code.

    A traceback is never shown.
    """
    try:
        return body()
    except Interrupted as interrupted:
        if sys.stderr.isatty():
            sys.stderr.write("\n")
        return interrupted.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - this is the program's border
        from fallback_chat.cli.process.border import report

        # A signal's exception may have been wrapped on its way, or have left something half done.
        return received() or report(error)
