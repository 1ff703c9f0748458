"""Commands about questions and answers: repeating, continuing, undoing, attaching."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.attachments import attach
from fallback_chat.cli.repl.clipboard import Clipboard
from fallback_chat.cli.repl.commands.chain import providers
from fallback_chat.cli.repl.copying import select
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.session import CONTINUE, typed
from fallback_chat.cli.repl.status import Tone
from fallback_chat.core.config.keys import key_variables
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.cli.repl.repl import Repl


async def new(repl: Repl, _: str) -> None:
    """Begin a new conversation."""
    repl.session.new()
    repl.record.new()
    repl.say("new conversation", Tone.DIM)


async def retry(repl: Repl, argument: str) -> None:
    """Ask the last question again: the chain, the next provider, or one by name."""
    session = repl.session
    question = session.last_question
    if question is None:
        raise InputError("nothing has been asked yet")
    start = _start(repl, argument)
    if session.questions and session.questions[-1] is question:
        await repl.take_back()
    session.draft = Draft()
    plan = session.plan_again(question, repl.now())
    if start is not None:
        plan = replace(
            plan,
            start_with=start,
            insist=argument != "next",
            only=None,
            without=plan.without - {start},
            why="you chose it for this turn",
        )
    await repl.ask(plan)


def _start(repl: Repl, argument: str) -> str | None:
    if not argument:
        return None
    if argument != "next":
        return repl.chain.provider(argument).name
    names = repl.chain.names
    last = repl.session.last
    by = (last.answer.provider if last is not None else None) or repl.session.answered_by
    if len(names) == 1:
        raise InputError("there is no other provider in the chain")
    return names[(names.index(by) + 1) % len(names)] if by in names else names[0]


async def go_on(repl: Repl, _: str) -> None:
    """Ask for the rest of a broken answer."""
    if not repl.session.answers:
        raise InputError("there is no answer to continue")
    await repl.ask(repl.session.plan(CONTINUE, repl.now()))


async def private(repl: Repl, _: str) -> None:
    """Start a conversation that is not recorded, or one that is."""
    if repl.record.never:
        raise InputError("the chat was begun with --no-log: nothing is saved")
    repl.record.private = not repl.record.private
    repl.session.new()
    repl.record.new()
    repl.say("new conversation, " + ("not saved" if repl.record.private else "saved"), Tone.DIM)


async def edit(repl: Repl, _: str) -> None:
    """Take the last question back into the input line."""
    draft = await repl.take_back_to_edit()
    if draft is None:
        raise InputError("there is no question to edit")
    repl.session.draft = draft


async def undo(repl: Repl, _: str) -> None:
    """Forget the last question and its answer."""
    question = await repl.take_back()
    if question is None:
        raise InputError("there is nothing to take back")
    first_line = typed(question).partition("\n")[0]
    repl.say(f"taken back: {first_line or 'a question without text'}", Tone.DIM)


async def copy(repl: Repl, argument: str) -> None:
    """Copy an answer, a code block of it, or the whole conversation."""
    session = repl.session
    what, text = select(argument.split(), session.context.messages, [answer.text for answer in session.answers])
    clipboard = Clipboard(repl.ui.out, os.environ, key_variables(repl.chain.settings))
    verb, where = clipboard.copy(text)
    repl.say(f"{verb} {what} {where}", Tone.DIM)


async def reasoning(repl: Repl, _: str) -> None:
    """Show what the model has thought for the current answer, or for the last one."""
    thoughts = repl.latest.answer.reasoning if repl.latest is not None else ""
    if not thoughts:
        raise InputError("none has come; a model that thinks sends it with its first words")
    repl.ui.aside(repl.chain.redact(thoughts))


async def add(repl: Repl, argument: str) -> None:
    """Attach a file to the next question."""
    if not argument:
        raise InputError("name a file")
    for file in attach(argument):
        others = [one for one in repl.session.attachments if one.name != file.name]
        repl.session.attachments = [*others, file]
        repl.say(f"{file.name} goes along with the next question", Tone.DIM)


async def drop(repl: Repl, argument: str) -> None:
    """Remove attachments."""
    kept = [one for one in repl.session.attachments if argument not in ("", "all", one.name)]
    if len(kept) == len(repl.session.attachments):
        raise InputError(f"{argument!r} is not attached" if argument else "nothing is attached")
    repl.session.attachments = kept
    repl.say("dropped", Tone.DIM)


def attached(repl: Repl) -> Iterable[Choice]:
    """Return the names of the attachments."""
    return [Choice(one.name, is_final=True) for one in repl.session.attachments]


async def editor(repl: Repl, argument: str) -> None:
    """Write the next question in the editor."""
    repl.session.draft = repl.edit(Draft.typed(argument))


async def multiline(repl: Repl, _: str) -> None:
    """Swap Enter and Alt-Enter."""
    preferences = repl.ui.preferences
    preferences.multiline = not preferences.multiline
    repl.say("Enter makes a new line, Alt-Enter sends" if preferences.multiline else "Enter sends", Tone.DIM)


def targets(repl: Repl) -> Iterable[Choice]:
    """Return the arguments of `/retry`."""
    return [Choice("next", "the one behind who answered", is_final=True), *providers(repl)]


_GROUP: Final = "Questions and answers"
ROWS: Final = (
    Command("new", "begin a new conversation", new, aliases=("clear", "reset"), group=_GROUP),
    Command("private", "begin a conversation that is not saved; again: one that is", private, group=_GROUP),
    Command("retry", "ask the last question again", retry, "[next|NAME]", ("regenerate",), targets, group=_GROUP),
    Command("continue", "have an answer that broke off continued", go_on, group=_GROUP),
    Command("edit", "take the last question back into the input line", edit, group=_GROUP),
    Command("undo", "forget the last question and its answer", undo, aliases=("back",), group=_GROUP),
    Command("copy", "copy an answer, its code, or everything", copy, "[N|code [K]|all]", at_once=True, group=_GROUP),
    Command("reasoning", "what the model has thought for its answer", reasoning, aliases=("thoughts",), at_once=True, group=_GROUP),
    Command("add", "attach a file to the next question (also @PATH in it)", add, "PATH", ("file",), takes_path=True, group=_GROUP),
    Command("drop", "take attachments away", drop, "[NAME|all]", values=attached, group=_GROUP),
    Command("editor", "open $EDITOR for the next question", editor, "[TEXT]", group=_GROUP),
    Command("multiline", "swap Enter and Alt-Enter", multiline, at_once=True, group=_GROUP),
)  # fmt: skip
