"""Commands about stored conversations: finding, continuing, copying, naming, exporting."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.words.conversations import age, hit_lines, row, turns
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.conversations.records import Conversation, SessionId, Summary
    from fallback_chat.core.conversations.store import History

AS_MANY_AS_FIT: Final = 20
"""Number of conversations shown and offered."""


async def resume(repl: Repl, argument: str) -> None:
    """Continue a conversation: the named one, or the most recent besides this."""
    others = [] if argument else _others(repl, await repl.record.reach(_latest))
    if not argument and not others:
        raise InputError("there is no other conversation yet", missing=True)
    repl.show_end(await repl.resume(argument or others[0].id))


async def sessions(repl: Repl, _: str) -> None:
    """List the conversations, the most recent first."""
    found = await repl.record.reach(_latest)
    if not found:
        raise InputError("there is no conversation yet", missing=True)
    from fallback_chat.cli.render.listing import listed

    entries = []
    for each in found:
        *cells, title = map(repl.chain.redact, row(each))
        entries.append((*cells, f"{title} (this one)" if each.id == repl.record.session else title))
    repl.ui.show(partial(listed, (), entries))


async def fork(repl: Repl, _: str) -> None:
    """Continue in a copy of the conversation."""
    original = _saved(repl)
    copy = await repl.record.fork(original)
    repl.say(f"this is {copy} now, a copy; the conversation so far stays as {original}", Tone.DIM)


async def rename(repl: Repl, argument: str) -> None:
    """Rename the conversation."""
    if not argument:
        raise InputError("write the title behind /rename")
    session, title = _saved(repl), repl.chain.redact(argument)
    await repl.record.reach(lambda history: history.rename(session, title))
    repl.say(f"title: {argument}", Tone.DIM)


async def search(repl: Repl, argument: str) -> None:
    """Search all conversations."""
    if not argument:
        raise InputError("write what to search for behind /search")
    hits = await repl.record.reach(lambda history: history.search(argument, AS_MANY_AS_FIT))
    for line in hit_lines(hits):
        repl.say(line)
    if not hits:
        raise InputError("nothing was found", missing=True)


async def export(repl: Repl, argument: str) -> None:
    """Write the conversation to a file: the named one, or one in the working directory."""
    session = _saved(repl)
    path = _write(await repl.record.reach(lambda history: history.load(session)), argument)
    repl.say(f"written to {path}", Tone.DIM)


def _write(conversation: Conversation, argument: str) -> Path:
    from fallback_chat.core.conversations.export import FORMATS

    form, _, name = argument.partition(" ")
    if form not in FORMATS:
        ending = Path(argument).suffix.removeprefix(".")
        form, name = ending if ending in FORMATS else "md", argument
        if argument and not ending:
            raise InputError(f"{argument!r} is no format and no file with an ending; formats are {', '.join(FORMATS)}")
    path = Path(name.strip() or f"conversation-{conversation.summary.id}.{form}").expanduser()
    try:
        write_private(path, FORMATS[form](conversation).encode(), overwrite=False)
    except FileExistsError as error:
        raise InputError(f"{path} is there already: name another file") from error
    return path


def _saved(repl: Repl) -> SessionId:
    session = repl.record.session
    if session is None:
        raise InputError("nothing of this conversation is saved")
    return session


def _latest(history: History) -> Sequence[Summary]:
    return history.list(AS_MANY_AS_FIT)


def _others(repl: Repl, listed: Sequence[Summary]) -> list[Summary]:
    return [each for each in listed if each.id != repl.record.session]


def others(repl: Repl) -> Iterable[Choice]:
    """Return the other conversations, the most recent first."""
    return [_choice(each, repl.now()) for each in _others(repl, repl.record.found(_latest) or ())]


def _choice(summary: Summary, now: float) -> Choice:
    note = f"{age(summary.updated, now)} · {turns(summary)} · {summary.id}"
    return Choice(summary.id, note, summary.title, is_final=True)


def found(repl: Repl, argument: str) -> Iterable[Choice]:
    """Return the conversations that contain the words, with the place; by default the latest."""
    if not argument.strip():
        return [choice._replace(text=f"/resume {choice.text}") for choice in others(repl)]
    all_hits = repl.record.found(lambda history: history.search(argument, AS_MANY_AS_FIT)) or ()
    hits = {hit.session: hit for hit in reversed(all_hits)}
    return [
        Choice(
            f"/resume {hit.session}",
            f"{age(hit.asked, repl.now())} · {' '.join(hit.snippet.split())}",
            hit.title,
            is_final=True,
        )
        for hit in reversed(hits.values())
        if hit.session != repl.record.session
    ]


def formats(_: Repl) -> Iterable[Choice]:
    """Return the formats of an export."""
    from fallback_chat.core.conversations.export import FORMATS

    return [Choice(form) for form in FORMATS]


_GROUP: Final = "Conversations"
ROWS: Final = (
    Command("resume", "continue a conversation; without ID one to pick", resume, "[ID]", (), others, picks=True, group=_GROUP),
    Command("sessions", "list the conversations", sessions, at_once=True, group=_GROUP),
    Command("fork", "continue in a copy of the conversation", fork, group=_GROUP),
    Command("rename", "give the conversation a title", rename, "TEXT", group=_GROUP),
    Command("search", "search all conversations", search, "TEXT", finds=found, picks=True, group=_GROUP),
    Command("export", "write the conversation to a file", export, "[md|json] [FILE]", ("save",), formats, group=_GROUP),
)  # fmt: skip
