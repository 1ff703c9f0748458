"""The declarations of `fallback-chat sessions …`; the bodies import what they run."""

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fallback_chat.cli.options import PLAIN, Json, choice_option, completing, taking

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.conversations.store import History

app = typer.Typer(help="List, read, search, export and delete conversations.", no_args_is_help=True, **PLAIN)
_DAYS: Final = {"h": 1 / 24, "d": 1, "w": 7}
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.")]
Session = Annotated[
    str | None,
    typer.Argument(
        metavar="[ID]",
        help="The id or its beginning; by default the most recent.",
        autocompletion=completing("sessions"),
    ),
]


def parse_age(text: str) -> float:
    """Convert `12h`, `30d` or `8w` to seconds. Raises a usage error."""
    match = re.fullmatch(r"(\d{1,6})\s*([hdw])", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not an age: write 12h, 30d or 8w")
    return int(match[1]) * _DAYS[match[2]] * 86_400


def _consent(*, yes: bool) -> "Callable[[str], bool]":
    from fallback_chat.cli.commands.sessions import is_meant

    return lambda question: yes or is_meant(question, sys.stdin, sys.stdout, sys.stderr)


def _open() -> "History":
    from fallback_chat.cli.process.border import tell
    from fallback_chat.configuring import own_paths
    from fallback_chat.core.conversations.store import History
    from fallback_chat.core.storage.sqlite import is_new

    path = own_paths().history_db
    # Nothing is made for those who only look: there may be no room for it.
    return History.open(None if is_new(path) else path, clock=time.time, warn=tell)


@app.command("list")
@taking()
def sessions_list(
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, help="Show at most this many.")] = None,
    json: Json = False,
) -> int:
    """List the conversations, the most recent first."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.list_(history, sys.stdout, sys.stderr, limit=limit, as_json=json)


@app.command("show")
@taking()
def sessions_show(session: Session = None) -> int:
    """Print a conversation."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.show(history, session, sys.stdout)


@app.command("search")
@taking()
def sessions_search(
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="Words or their beginnings, all of which must occur.")
    ],
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="Show at most this many.")] = 20,
    json: Json = False,
) -> int:
    """Search questions and answers, the best match first."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.search(history, words, sys.stdout, sys.stderr, limit=limit, as_json=json)


@app.command("export")
@taking()
def sessions_export(
    session: Session = None,
    form: Annotated[str, choice_option("--format", ("md", "json"), "Markdown or JSON.")] = "md",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file.")] = None,
) -> int:
    """Write a conversation as Markdown or JSON."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.export(history, session, form, output, sys.stdout)


@app.command("rename")
@taking()
def sessions_rename(
    session: Annotated[str, typer.Argument(metavar="ID", autocompletion=completing("sessions"))],
    title: Annotated[str, typer.Argument(metavar="TITLE")],
) -> int:
    """Rename a conversation."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.rename(history, session, title)


@app.command("rm")
@taking()
def sessions_rm(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", autocompletion=completing("sessions"))],
    yes: Yes = False,
) -> int:
    """Delete conversations for good."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.remove(history, ids, sys.stdout, _consent(yes=yes))


@app.command("purge")
@taking()
def sessions_purge(
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than", parser=parse_age, metavar="AGE", help="Not continued for this long: 12h, 30d, 8w."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete every conversation.")] = False,
    yes: Yes = False,
) -> int:
    """Delete old conversations for good."""
    from fallback_chat.cli.commands import sessions

    with _open() as history:
        return sessions.purge(history, older_than, sys.stdout, sys.stderr, _consent(yes=yes), everything=everything)
