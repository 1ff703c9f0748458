"""Commands about the program: settings for this run, help, leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.commands.settings import ROW as SET
from fallback_chat.cli.repl.commands.settings import THEME, write_theme
from fallback_chat.cli.repl.help import EVERYTHING, in_full, in_short
from fallback_chat.cli.repl.help import topics as help_topics
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.cli.repl.repl import Repl


async def config(repl: Repl, _: str) -> None:
    """Show which configuration is in use."""
    settings = repl.chain.settings
    repl.say(f"configuration: {settings.source}")
    for warning in settings.warnings:
        repl.say(str(warning), Tone.WAITING)
    repl.say("fallback-chat config check, show, explain and edit do more", Tone.DIM)


async def theme(repl: Repl, argument: str) -> None:
    """Choose colours for a dark or a light background."""
    if argument:
        write_theme(repl, argument)
    repl.say(f"theme: {repl.ui.theme.name} ({repl.ui.preferences.theme})", Tone.DIM)


async def vim(repl: Repl, _: str) -> None:
    """Swap vi and emacs keys."""
    repl.ui.preferences.vi = not repl.ui.preferences.vi
    repl.say("vi keys" if repl.ui.preferences.vi else "emacs keys", Tone.DIM)


async def calm(repl: Repl, _: str) -> None:
    """Switch calm mode: nothing on the screen moves, and everything is said in sentences."""
    repl.ui.preferences.calm = not repl.ui.preferences.calm
    repl.say("calm mode is on: answers appear block by block; /status says how things are" if repl.ui.preferences.calm
             else "calm mode is off")  # fmt: skip


async def help_(repl: Repl, argument: str) -> None:
    """Show help about all commands and keys in short, about one command, a word, or everything."""
    found = [*help_topics(repl.registry, repl.keymap)]
    command = repl.registry.find(argument.removeprefix("/"))
    if not argument:
        repl.ui.show(in_short(found))
    elif command is not None:
        also = f" (also {', '.join(f'/{name}' for name in command.aliases)})" if command.aliases else ""
        repl.say(f"{command.usage}: {command.help}{also}")
    else:
        if argument != EVERYTHING:
            found = [topic.about(argument) for topic in found]
        if not any(topic.entries for topic in found):
            raise InputError(f"no command or key is about {argument!r}")
        repl.ui.show(in_full(found))


async def quit_(repl: Repl, _: str) -> None:
    """Leave."""
    repl.leaving = True


def topics(repl: Repl) -> Iterable[Choice]:
    """Return the topics of the help."""
    commands = [Choice(row.name, row.help, is_final=True) for row in repl.registry.rows]
    return [*commands, Choice(EVERYTHING, "every command and key, and what it does", is_final=True)]


def themes(_: Repl) -> Iterable[Choice]:
    """Return the themes."""
    return [Choice(name, is_final=True) for name in THEME]


_GROUP: Final = "The program"
ROWS: Final = (
    replace(SET, group=_GROUP),
    Command("config", "which configuration is in use", config, at_once=True, group=_GROUP),
    Command("theme", "colours for a dark or light background", theme, "[auto|dark|light]", (), themes, at_once=True, group=_GROUP),
    Command("vim", "swap vi and emacs keys", vim, at_once=True, group=_GROUP),
    Command("calm", "for screen readers: nothing moves", calm, group=_GROUP),
    Command("help", "commands and keys: in short, about one, or all", help_, "[COMMAND|WORD|all]", ("?",), topics, at_once=True,
            group=_GROUP),
    Command("quit", "leave", quit_, aliases=("exit", "q"), group=_GROUP),
)  # fmt: skip
