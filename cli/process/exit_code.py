"""The exit codes."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes that scripts can rely on, from sysexits.h where one fits."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    INCOMPLETE = 3
    REFUSED = 4
    BAD_INPUT = 65
    INPUT_MISSING = 66
    UNAVAILABLE = 69
    INTERNAL = 70
    LOCAL_IO = 74
    RATE_LIMITED = 75
    UNAUTHORISED = 77
    CONFIG = 78
    DEADLINE = 124
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143
