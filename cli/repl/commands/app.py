"""Commands about the program: settings for this run, help, leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.theme import THEMES
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fallback_chat.cli.repl.repl import Repl

_ON: Final = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}


def _switch(value: str) -> bool:
    if value not in _ON:
        raise InputError("say on or off")
    return _ON[value]


def _preference(name: str) -> Callable[[Repl, str], None]:
    return lambda repl, value: setattr(repl.host.preferences, name, _switch(value))


def _max_tokens(repl: Repl, value: str) -> None:
    if value != "none" and not (value.isdigit() and int(value)):
        raise InputError("max_tokens is a number above 0, or none")
    repl.session.options = replace(repl.session.options, max_tokens=None if value == "none" else int(value))


def _temperature(repl: Repl, value: str) -> None:
    try:
        number = None if value == "none" else float(value)
    except ValueError:
        number = -1.0
    if number is not None and not 0 <= number <= 2:
        raise InputError("temperature is a number from 0 to 2, or none")
    repl.session.options = replace(repl.session.options, temperature=number)


def _prefer(repl: Repl, value: str) -> None:
    if value not in ("primary", "sticky"):
        raise InputError("prefer is primary or sticky")
    repl.session.sticky = value == "sticky"


def _theme(repl: Repl, value: str) -> None:
    if value not in ("auto", *THEMES):
        raise InputError(f"theme is auto, {' or '.join(THEMES)}")
    repl.host.preferences.theme = value


_SETTINGS: Final[dict[str, Callable[[Repl, str], None]]] = {
    "max_tokens": _max_tokens,
    "temperature": _temperature,
    "prefer": _prefer,
    "multiline": _preference("multiline"),
    "vi": _preference("vi"),
    "calm": _preference("calm"),
    "theme": _theme,
}


def _values(repl: Repl) -> list[tuple[str, str]]:
    options, likes = repl.session.options, repl.host.preferences
    return [
        ("max_tokens", str(options.max_tokens or "none")),
        ("temperature", "none" if options.temperature is None else f"{options.temperature:g}"),
        ("prefer", "sticky" if repl.session.sticky else "primary"),
        *((name, "on" if getattr(likes, name) else "off") for name in ("multiline", "vi", "calm")),
        ("theme", likes.theme),
    ]


async def set_(repl: Repl, argument: str) -> None:
    """Show or change a setting for this run."""
    name, _, value = argument.partition(" ")
    if not name:
        for key, now in _values(repl):
            repl.say(f"{key} = {now}")
        return
    if name not in _SETTINGS:
        raise InputError(f"no setting is called {name!r}; there are {', '.join(_SETTINGS)}")
    if value:
        _SETTINGS[name](repl, value.strip())
    repl.say(f"{name} = {dict(_values(repl))[name]}", Tone.DIM)


async def config(repl: Repl, _: str) -> None:
    """Tell which configuration is in use."""
    settings = repl.chain.settings
    repl.say(f"configuration: {settings.path or 'none; the chain was found in the environment'}")
    for warning in settings.warnings:
        repl.say(str(warning), Tone.WAITING)
    repl.say("fallback-chat config check, show, explain and edit do more", Tone.DIM)


async def theme(repl: Repl, argument: str) -> None:
    """Choose colours for a dark or a light background."""
    if argument:
        _theme(repl, argument)
    repl.say(f"theme: {repl.host.theme.name} ({repl.host.preferences.theme})", Tone.DIM)


async def vim(repl: Repl, _: str) -> None:
    """Swap vi and emacs keys."""
    repl.host.preferences.vi = not repl.host.preferences.vi
    repl.say("vi keys" if repl.host.preferences.vi else "emacs keys", Tone.DIM)


async def calm(repl: Repl, _: str) -> None:
    """Switch calm mode: nothing on the screen moves, everything is said in sentences."""
    repl.host.preferences.calm = not repl.host.preferences.calm
    repl.say("calm mode is on: answers appear block by block; /status says how things are" if repl.host.preferences.calm
             else "calm mode is off")  # fmt: skip


async def help_(repl: Repl, argument: str) -> None:
    """Tell about all commands and keys, or about one command."""
    if argument:
        command = repl.registry.find(argument.removeprefix("/"))
        if command is None:
            raise InputError(f"there is no command {argument!r}")
        also = f" (also {', '.join(f'/{name}' for name in command.aliases)})" if command.aliases else ""
        repl.say(f"{command.usage}: {command.help}{also}")
        return
    for line in help_lines(repl):
        repl.say(line)


def help_lines(repl: Repl) -> Iterable[str]:
    """Give the whole help, made from the tables of commands and keys."""
    width = max(len(row.usage) for row in repl.registry.rows)
    for group in dict.fromkeys(row.group for row in repl.registry.rows):
        yield f"{group}:"
        yield from (f"  {row.usage:{width}}  {row.help}" for row in repl.registry.rows if row.group == group)
    keys = repl.keymap.help()
    key_width = max(len(label) for label, _ in keys)
    yield "Keys:"
    yield from (f"  {label:{key_width}}  {what}" for label, what in keys)
    yield 'A line that begins with // is a question that begins with a slash. """ begins and ends a text of several lines.'


async def quit_(repl: Repl, _: str) -> None:
    """Leave."""
    repl.leaving = True


def settings(_: Repl) -> Iterable[str]:
    """Give the names of the settings."""
    return _SETTINGS


def topics(repl: Repl) -> Iterable[str]:
    """Give what there is help about."""
    return repl.registry.names()


def themes(_: Repl) -> Iterable[str]:
    """Give the themes."""
    return ("auto", *THEMES)


_GROUP: Final = "The program"
ROWS: Final = (
    Command("set", "show or change a setting for this run", set_, "[NAME [VALUE]]", ("settings",), settings, group=_GROUP),
    Command("config", "which configuration is in use", config, group=_GROUP),
    Command("theme", "colours for a dark or light background", theme, "[auto|dark|light]", values=themes, group=_GROUP),
    Command("vim", "swap vi and emacs keys", vim, group=_GROUP),
    Command("calm", "for screen readers: nothing moves", calm, group=_GROUP),
    Command("help", "this list", help_, "[COMMAND]", ("?",), topics, group=_GROUP),
    Command("quit", "leave", quit_, aliases=("exit", "q"), group=_GROUP),
)  # fmt: skip
