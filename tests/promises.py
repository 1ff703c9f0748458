"""What the program promises, which tests try it, and how often it was held in a run: `pytest --promises`.

One row each. The modules are those of the ordinary suite: an attack that has been found is a test like any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

TESTS: Final = Path(__file__).parent


class Promise(NamedTuple):
    """One thing that holds whatever is on the other side."""

    words: str
    modules: tuple[str, ...]
    """Below this folder."""


_MATRIX: Final = "failover/test_fault_matrix.py"
_SIGNALS: Final = (
    *("cli/commands/test_ask_signals.py", "cli/commands/test_ask_unread.py", "cli/repl/test_unread_terminal.py"),
    *("cli/process/test_loop.py", "cli/process/test_job_control.py"),
)
_KEYS: Final = (
    *("cli/test_secrets.py", "cli/process/test_border.py", "core/test_redaction.py", "core/config/test_keys.py"),
    *(
        "core/config/test_misplaced_keys.py",
        "core/config/test_secrets.py",
        "failover/test_tls.py",
        "core/test_lookalikes.py",
    ),
)
_HISTORY: Final = (
    *("core/conversations/test_store.py", "core/conversations/test_recorder.py", "cli/sinks/test_recording.py"),
    *("cli/commands/test_odd_rows.py", "cli/commands/test_ask_sessions.py", "core/conversations/test_under_way.py"),
)
PROMISES: Final = {
    "P1": Promise(
        "an answer is whole or marked", (_MATRIX, "providers/test_endings.py", "providers/test_stream_vectors.py")
    ),
    "P2": Promise("a failover before text is told", ("failover/test_faults.py", "cli/commands/test_ask.py")),
    "P3": Promise(
        "no splice", ("core/engine/test_continuing.py", "core/engine/test_seam.py", "cli/attack/test_hazards.py")
    ),
    "P4": Promise(
        "bounded time", ("core/engine/test_attempt.py", "core/engine/test_watchdog.py", "failover/test_promises.py")
    ),
    "P5": Promise("bounded requests", ("core/engine/test_stream.py", "core/engine/test_rounds.py")),
    "P6": Promise("right blame", ("providers/failures/test_blame.py", "core/engine/test_policy.py")),
    "P7": Promise("one edge, one event", ("core/engine/test_breaker.py", "core/engine/test_health.py")),
    "P8": Promise("recovery", ("core/engine/test_shared_health.py", "core/engine/test_health_sqlite.py")),
    "P9": Promise("interruptible", _SIGNALS),
    "P10": Promise("stdout is the answer", ("cli/commands/test_ask_pipes.py", "cli/commands/test_ask_json.py")),
    "P11": Promise("exit codes", ("cli/process/test_exit_codes.py",)),
    "P12": Promise(
        "errors say who, what and what next",
        ("providers/failures/test_errors.py", "providers/http/test_odd_answers.py"),
    ),
    "P13": Promise("no secret gets out", _KEYS),
    "P14": Promise("no control byte gets through", ("cli/render/test_sanitise.py", "cli/render/test_inline.py")),
    "P15": Promise(
        "bounded memory, linear time",
        (
            *("cli/attack/test_hazards.py", "core/engine/test_held.py", "providers/wire/test_allowance.py"),
            *("providers/http/test_encoding.py", "providers/http/test_framing.py", "providers/http/test_body.py"),
        ),
    ),
    "P16": Promise(
        "files are whole, private and recoverable",
        (
            "core/storage/test_files.py",
            "core/storage/test_opening.py",
            "core/conversations/test_files.py",
            "cli/test_editor.py",
        ),
    ),
    "P17": Promise("configuration is determined", ("core/config/test_discovery.py", "core/config/test_mistakes.py")),
    "P18": Promise("requests are correct", ("providers/wire/test_requests.py", "providers/wire/test_conversation.py")),
    "P19": Promise("conversations are kept", _HISTORY),
    "P20": Promise("probe tells the truth", ("cli/commands/test_probe.py", "providers/http/test_probe.py")),
}


def promises_of(path: Path) -> list[str]:
    """Return the promises that the tests in a file try."""
    name = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    return [number for number, promise in PROMISES.items() if name in promise.modules]


def table(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Yield the lines of a run's result: each promise, how often it was tried and held; then what each hazard took."""
    tried = dict.fromkeys(PROMISES, 0)
    held = dict.fromkeys(PROMISES, 0)
    hazards: list[tuple[str, float, float]] = []
    for report in reports:
        for name, value in getattr(report, "user_properties", ()):  # a module that cannot be imported has none
            if name == "promise":
                tried[str(value)] += 1
                held[str(value)] += report.passed
            elif name == "hazard":
                hazards.append(cast("tuple[str, float, float]", value))
    yield f"{'':4} {'promise':45} {'tried':>6} {'held':>6}"
    for number, promise in PROMISES.items():
        yield f"{number:4} {promise.words:45} {tried[number]:6} {held[number]:6}"
    if hazards:
        yield f"{'hazard':50} {'peak MB':>8} {'CPU s':>6}"
    for name, peak, cpu in sorted(hazards, key=lambda one: -one[1]):
        yield f"{name:50} {peak:8.0f} {cpu:6.1f}"
