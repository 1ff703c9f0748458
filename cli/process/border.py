"""Output of the process besides answers: messages on standard error, and crash reports."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.lines import say
from fallback_chat.cli.words.failures import exit_code_of, explain
from fallback_chat.core.config.secrets import findable, is_telling
from fallback_chat.core.errors import FallbackChatError
from fallback_chat.core.lookalikes import masked
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.cli.process.exit_code import ExitCode

ISSUES: Final = "Issues"
"""The name of the page for bug reports among the package's URLs ([project.urls])."""
_known: Final[list[Redactor]] = []


def keep_out(redactor: Redactor) -> None:
    """Keep these secrets out of messages from now on: an opened configuration has them."""
    _known.append(redactor)


def redacted(text: str) -> str:
    """Return a message without the secrets of the opened configurations."""
    for redactor in _known:
        text = redactor.redact(text)
    return text


def scrubbed(text: str, env: Mapping[str, str] = os.environ) -> str:
    """Return a text for other people's eyes, without anything that is or may be a secret.

    No configuration may be known yet, so the environment's secrets and all look-alikes are removed.
    """
    return masked(Redactor(findable(value for name, value in env.items() if is_telling(name))).redact(redacted(text)))


def tell(line: str) -> None:
    """Write a message on stderr, safe to print and without secrets."""
    say(sys.stderr, f"fallback-chat: {redacted(line)}")


def report(error: Exception) -> ExitCode:
    """Report a failure on stderr and return its exit code."""
    if isinstance(error, BrokenPipeError):
        pass  # our reader has seen enough
    elif isinstance(error, FallbackChatError | OSError):
        for line in explain(error):
            tell(line)
    else:
        tell(bug_report(error))
    return exit_code_of(error)


def bug_report(error: Exception) -> str:
    """Save the traceback for a bug report, and return where.

    It holds no values of variables, and no secret.
    """
    import tempfile
    import traceback

    what = f"this is a bug in fallback-chat ({type(error).__name__}). Please report it {_where_to_report()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="fallback-chat-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
        ) as file:
            file.write(scrubbed("".join(traceback.format_exception(error))))
    except OSError:
        return f"{what}; there was no place for the details."
    return f"{what}, with the file {file.name}; look through it first."


def _where_to_report() -> str:
    """Return the place for bug reports: the page that the package names, if it names one."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        urls = metadata("fallback-chat").get_all("Project-URL") or ()
    except PackageNotFoundError:  # run from a copy of the sources
        urls = ()
    pages = (url for name, _, url in (one.partition(", ") for one in urls) if name == ISSUES)
    return next((f"at {url}" for url in pages), "where you got the program")
