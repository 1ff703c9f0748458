"""Failures in words: the one place that turns them into sentences and exit codes."""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.signals import Interrupted, received
from fallback_chat.cli.words.error_kinds import TOLD
from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.errors import APIError, ConfigError, InputError, NobodyInsideError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.answer import Answer


def exit_code_of(error: BaseException) -> ExitCode:  # noqa: PLR0911 - one row a failure
    """Return the exit code of a failure without an answer."""
    if is_cancelled(error):
        return received() or ExitCode.INTERRUPTED
    match error:
        case AllProvidersFailed(deadline_exceeded=True):
            return ExitCode.DEADLINE
        case APIError():
            return TOLD[error.kind].exit_code
        case ConfigError():
            return ExitCode.CONFIG
        case InputError(late=True):
            return ExitCode.DEADLINE
        case InputError():
            return ExitCode.INPUT_MISSING if error.missing else ExitCode.BAD_INPUT
        case BrokenPipeError():
            return ExitCode.BROKEN_PIPE
        case OSError():
            return ExitCode.LOCAL_IO
        case _:
            return ExitCode.INTERNAL


def is_cancelled(error: BaseException) -> bool:
    """Whether it is not a failure: a signal or the user ended it."""
    return isinstance(error, Interrupted | KeyboardInterrupt | CancelledError)


def exit_code_of_answer(answer: Answer) -> ExitCode:
    """Return the exit code of an answer that ended by itself."""
    if answer.refused:
        return ExitCode.REFUSED
    return ExitCode.OK if answer.complete else ExitCode.INCOMPLETE


def duration(seconds: float) -> str:
    """Return a time for people: `0.4 s`, `42 s`, `3 min`, `2 h`, `30 days`; at least `0.01 s`."""
    if seconds < 10:
        return f"{max(seconds, 0.01):.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"


def sentence(provider: str, error: APIError) -> str:
    """Return one line about what happened to `provider`, in its own words if it gave any."""
    wait = f", retry in {duration(error.retry_after)}" if error.retry_after else ""
    return f"{provider} {error.words or TOLD[error.kind].words}{in_brackets(error)}{wait}"


def in_brackets(error: APIError) -> str:
    """Return status and message of a failure in brackets, or "" if there is neither."""
    status = f"HTTP {error.details.status}" if error.details.status and error.details.status != 200 else ""
    inner = ": ".join(part for part in (status, " ".join(error.message.split())) if part)
    return f" ({inner})" if inner else ""


def hint(error: APIError) -> str | None:
    """Return what the user can do about it, or None."""
    return error.hint or TOLD[error.kind].hint


class WaitLimit(NamedTuple):
    """How long a turn may wait for busy providers in all, and where the user sets that."""

    seconds: float
    setting: str = "--wait"
    chosen: bool = True
    """Whether the user set it, and so knows the value."""

    def excuse(self, error: AllProvidersFailed) -> str:
        """Return why the turn did not wait for the next round; "" if it was not to."""
        too_long = (error.retry_after or 0.0) > self.seconds
        if not too_long and error.next_round is None:
            return ""
        if not self.chosen:
            return f"; {self.setting} waits longer"
        return f", longer than {'' if too_long else 'what is left of '}{self.setting} {self.seconds:g}s"


def retry_in(error: AllProvidersFailed, limit: WaitLimit | None) -> str:
    """Return when the chain is worth asking again, and why the turn did not wait for that.

    Return "" if nobody knows.
    """
    if not error.retry_after:
        return ""
    return f"retry in {duration(error.retry_after)}{limit.excuse(error) if limit else ''}"


def explain(error: BaseException, limit: WaitLimit | None = None) -> Iterator[str]:
    """Yield the lines that explain a failure, the most useful one last."""
    if isinstance(error, AllProvidersFailed):
        yield from _explain_all(error, limit)
    elif isinstance(error, NobodyInsideError):
        yield error.message
    elif isinstance(error, APIError):
        yield sentence("the provider", error)
        if advice := hint(error):
            yield advice
    elif isinstance(error, OSError):
        yield f"{error.filename or 'standard output'}: {error.strerror or error}"
    else:
        yield from str(error).splitlines() or [type(error).__name__]


def _explain_all(error: AllProvidersFailed, limit: WaitLimit | None) -> Iterator[str]:
    yield f"{error.headline}:"
    failures = [(one.provider, one.error) for one in error.attempts]
    lines = Counter(f"{name} was not asked" if each is None else sentence(name, each) for name, each in failures)
    for line, times in lines.items():
        yield f"  {line}" + (f", {times} times" if times > 1 else "")
    yield from dict.fromkeys(filter(None, (hint(each) for _, each in failures if each is not None)))
    if error.deadline_exceeded:
        yield f"{_deadline(error)} (deadline in fallback.toml, or --deadline)"
    if when := retry_in(error, limit):
        yield f"next {when}"


def _deadline(error: AllProvidersFailed) -> str:
    shares = [one.budget for one in error.attempts if one.budget_reason == "deadline" and one.budget is not None]
    asked = {one.provider for one in error.attempts if one.error is not None}
    if not shares or len(asked) == 1:
        return "the deadline is over"
    return f"the deadline was shared by {len(asked)} providers, about {duration(sum(shares) / len(shares))} each"
