"""`fallback-chat probe`: check every provider of the chain, all at once."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.cli.commands.opening import open_named
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.render.listing import write
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.words.failures import hint, sentence
from fallback_chat.cli.words.health import state_word, tone
from fallback_chat.core.answer_json import milliseconds, redacted, rfc3339
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.check import check
from fallback_chat.core.events import State
from fallback_chat.core.llm import ProbeReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.render.rows import Span
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.wiring import OpenChain

PROBE_SCHEMA: Final = "fallback-chat.probe/1"
TIMEOUT: Final = 10.0
"""Seconds for the whole check by default; a shorter attempt_timeout prevails."""


class ProbeOptions(NamedTuple):
    """The options of `probe` alone."""

    names: tuple[str, ...] = ()
    light: bool = False
    json: bool = False
    strict: bool = False
    timeout: float | None = None
    """Seconds for the whole check."""


class Finding(NamedTuple):
    """The result for one provider."""

    settings: ProviderSettings
    report: ProbeReport
    health: Health
    """The record after the check."""


NOT_ASKED: Final = ProbeReport(ok=False, check="none")


def probe(options: ProbeOptions, shared: SharedOptions) -> int:
    """Check the chain, print one row each, and return the exit code.

    It is 0 if one provider can serve (with `strict`: all of them), else 69.
    """
    chain = open_named(options.names, shared)
    return run_until_signal(lambda: _probe(chain, options, shared.color))


async def _probe(chain: OpenChain, options: ProbeOptions, color: str) -> int:
    enabled = [one for one in chain.settings.providers if one.enabled]
    async with chain.adapter as adapter:
        await adapter.refresh_health()
        reports = await asyncio.gather(
            *(
                check(llm, options.timeout or min(settings.attempt.attempt_timeout, TIMEOUT), light=options.light)
                for llm, settings in zip(adapter.llms, enabled, strict=True)
            )
        )
        for llm, report in zip(adapter.llms, reports, strict=True):
            adapter.note_check(llm, report.error)
        findings = {
            settings.name: Finding(settings, report, adapter.health(llm))
            for settings, report, llm in zip(enabled, reports, adapter.llms, strict=True)
        }
    rows = [findings.get(one.name, Finding(one, NOT_ASKED, Health(State.DISABLED))) for one in chain.settings.providers]
    can_serve = (all if options.strict else any)(report.ok for report in reports)
    code = ExitCode.OK if can_serve else ExitCode.UNAVAILABLE
    if options.json:
        sys.stdout.write(dump(redacted(_json(rows, code), chain.redactor.redact)))
    else:
        _print(rows, sys.stdout, chain.redactor.redact, now=time.time(), color=color)
    return code


def _json(findings: Sequence[Finding], code: ExitCode) -> dict[str, Any]:
    return {
        "schema": PROBE_SCHEMA,
        "providers": [_row_object(finding) for finding in findings],
        "exit_code": int(code),
    }


def _row_object(finding: Finding) -> dict[str, Any]:
    settings, report, error = finding.settings, finding.report, finding.report.error
    return {
        "name": settings.name,
        "kind": settings.kind,
        "model": settings.model,
        "ok": report.ok,
        "state": finding.health.state.value,
        "check": report.check,
        "connect_ms": milliseconds(report.connect),
        "first_token_ms": milliseconds(report.first_token),
        "total_ms": milliseconds(report.total),
        "key_source": settings.key.describe() if settings.key else None,
        "error": None
        if error is None
        else {
            "kind": error.kind.value,
            "status": error.details.status,
            "message": error.message,
            "retry_after": error.retry_after,
        },
        "until": rfc3339(finding.health.until),
    }


HEADINGS: Final = ("provider", "model", "state", "connect", "first token", "key")


def _print(findings: Sequence[Finding], out: TextIO, redact: Callable[[str], str], *, now: float, color: str) -> None:
    """Write a plain table, and below it what is wrong and what to do.

    In a pipe and in a log it is the same.
    """
    write(out, HEADINGS, [_entry(finding, redact, now) for finding in findings], color=color)
    for finding in findings:
        if (error := finding.report.error) is not None:
            advice = hint(error)
            say(out, redact(sentence(finding.settings.name, error) + (f": {advice}" if advice else "")))


def _entry(finding: Finding, redact: Callable[[str], str], now: float) -> Sequence[str | Span]:
    settings, report = finding.settings, finding.report
    state = "ok" if report.ok else state_word(finding.health, now)
    return (
        redact(settings.name),
        redact(settings.model),
        (state, tone(state)),
        _time(report.connect),
        _time(report.first_token),
        redact(settings.key.describe() if settings.key else "none"),
    )


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
