"""`fallback-chat sessions …`: list, read, search, export, rename and delete conversations.

The user's mistakes are raised as `InputError`, failures of the file as `StorageError`; the error
boundary returns the exit code.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.consent import confirmed
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.render.listing import write
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.theme import choose
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.sinks.base import put
from fallback_chat.cli.words.amounts import counted
from fallback_chat.cli.words.conversations import hit_lines, row
from fallback_chat.core.conversations.export import FORMATS, to_markdown
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.conversations.records import Hit, SessionId, Summary
    from fallback_chat.core.conversations.store import History

SESSIONS_SCHEMA: Final = "fallback-chat.sessions/1"


def list_(history: History, out: TextIO, err: TextIO, *, limit: int | None = None, as_json: bool = False) -> int:
    """Print the conversations, the most recent first."""
    found = history.list(limit)
    if as_json:
        _dump(out, conversations=found)
        return ExitCode.OK
    write(out, (), [row(each) for each in found], color="never")
    if not found:
        say(err, "there is no conversation yet")
    return ExitCode.OK


def show(history: History, session: str | None, out: TextIO) -> int:
    """Print a conversation, by default the most recent; on a terminal it is rendered."""
    text = to_markdown(history.load(_named(history, session)))
    if not out.isatty():
        out.write(sanitise(text))
        return ExitCode.OK
    from fallback_chat.cli.render.append import PlainView
    from fallback_chat.cli.render.console import make_console

    view = PlainView(make_console(out), theme=choose("auto", os.environ))
    view.feed(text)
    view.finish()
    return ExitCode.OK


def search(  # noqa: PLR0913 - the streams are passed in
    history: History, words: Sequence[str], out: TextIO, err: TextIO, *, limit: int = 20, as_json: bool = False
) -> int:
    """Print the turns that hold all the words, the best first."""
    hits = history.search(" ".join(words), limit)
    if as_json:
        _dump(out, hits=hits)
        return ExitCode.OK
    for line in hit_lines(hits):
        say(out, line)
    if not hits:
        say(err, "nothing was found")
    return ExitCode.OK


def export(history: History, session: str | None, form: str, output: Path | None, out: TextIO) -> int:
    """Write a conversation as Markdown or JSON, to a private file or to `out`."""
    document = FORMATS[form](history.load(_named(history, session)))
    if output is not None:
        put(document, out, output, mode=0o600)
    elif form == "json":
        out.write(document if sanitise(document) == document else json.dumps(json.loads(document), indent=2) + "\n")
    else:
        out.write(sanitise(document))
    return ExitCode.OK


def rename(history: History, session: str, title: str) -> int:
    """Rename a conversation; an empty title restores the first question."""
    history.rename(history.resolve(session), title)
    return ExitCode.OK


def remove(history: History, sessions: Sequence[str], out: TextIO, sure: Callable[[str], bool]) -> int:
    """Delete conversations for good if the user is `sure`.

    None of them is deleted if one of the names is wrong.
    """
    found = [history.resolve(session) for session in sessions]
    if not sure(f"Delete {', '.join(found)} for good?"):
        return ExitCode.USAGE
    history.remove(*found)
    for each in found:
        say(out, f"deleted {each}")
    return ExitCode.OK


def purge(  # noqa: PLR0913 - the streams are passed in
    history: History,
    older_than: float | None,
    out: TextIO,
    err: TextIO,
    sure: Callable[[str], bool],
    *,
    everything: bool = False,
) -> int:
    """Delete conversations not continued for `older_than` seconds, or everything.

    One of the two is required, and the user has to be `sure` if there are any.
    """
    if (older_than is None) is not everything:
        say(err, "usage: fallback-chat sessions purge --older-than 30d   (or --all)")
        return ExitCode.USAGE
    count = history.count(older_than)
    if count and not sure(f"Delete {counted(count, 'conversation')} for good?"):
        return ExitCode.USAGE
    say(out, f"deleted {counted(history.purge(older_than) if count else 0, 'conversation')}")
    return ExitCode.OK


def _named(history: History, session: str | None) -> SessionId:
    found = history.latest() if session is None else history.resolve(session)
    if found is None:
        raise InputError("there is no conversation yet", missing=True)
    return found


def _dump(out: TextIO, **found: Iterable[Summary | Hit]) -> None:
    """Print values as one JSON object."""
    value: dict[str, object] = {"schema": SESSIONS_SCHEMA}
    value |= {name: [asdict(each) for each in several] for name, several in found.items()}
    out.write(dump(value))


def is_meant(question: str, stdin: TextIO, out: TextIO, err: TextIO) -> bool:
    """Whether the user confirms; without a terminal, --yes has to."""
    if not (stdin.isatty() and out.isatty()):
        say(err, "usage: deleting is final: without a terminal, add --yes")
        return False
    return confirmed(question, stdin, out)
