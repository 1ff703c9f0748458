"""`/set`: the settings that can be changed for this run, one row each."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.cli.render.theme import THEMES
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command, narrowed
from fallback_chat.cli.repl.status import Tone
from fallback_chat.core.errors import InputError
from fallback_chat.core.llm import ChatOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fallback_chat.cli.repl.repl import Repl

ON: Final = {"on": True, "yes": True, "true": True, "off": False, "no": False, "false": False}
NONE: Final = "none"


class Setting(NamedTuple):
    """A setting of `/set`; `write` raises `InputError` for an invalid value."""

    name: str
    help: str
    read: Callable[[Repl], str]
    write: Callable[[Repl, str], None]
    values: tuple[str, ...] = ()
    """The possible values, if they can be listed."""


def _option(name: str, help_: str, parse: Callable[[str], Any], is_: str, values: tuple[str, ...] = ()) -> Setting:
    """Return a row for an option sent to the providers; `none` leaves the choice to them."""
    default = getattr(ChatOptions(), name)

    def read(repl: Repl) -> str:
        value = getattr(repl.session.options, name)
        if value == default:
            return NONE
        return (
            shlex.join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
        )

    def write(repl: Repl, text: str) -> None:
        try:
            value = default if text == NONE else parse(text)
            repl.session.options = replace(repl.session.options, **{name: value})
        except (TypeError, ValueError) as error:
            raise InputError(f"{name} is {is_}, or {NONE}") from error

    return Setting(name, help_, read, write, (*values, NONE))


def _temperature(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 2:
        raise ValueError
    return number


def _preference(name: str, help_: str) -> Setting:
    def write(repl: Repl, text: str) -> None:
        setattr(repl.ui.preferences, name, switch(text))

    return Setting(
        name, help_, lambda repl: "on" if getattr(repl.ui.preferences, name) else "off", write, ("on", "off")
    )


def switch(text: str) -> bool:
    """Parse a switch. Raises `InputError`."""
    if text not in ON:
        raise InputError("say on or off")
    return ON[text]


def _one_of(name: str, values: tuple[str, ...], text: str) -> str:
    if text not in values:
        raise InputError(f"{name} is {', '.join(values[:-1])} or {values[-1]}")
    return text


def _texts(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _read_prefer(repl: Repl) -> str:
    return PREFER[repl.session.sticky]


def _write_prefer(repl: Repl, text: str) -> None:
    repl.session.sticky = _one_of("prefer", PREFER, text) == "sticky"


def _read_require(repl: Repl) -> str:
    return repl.session.required or NONE


def _write_require(repl: Repl, text: str) -> None:
    tags = sorted({tag for one in repl.chain.providers for tag in one.tags})
    if text != NONE and text not in tags:
        raise InputError(f"no provider is tagged {text!r}; there are {', '.join(tags) or 'no tags'}")
    repl.session.required = None if text == NONE else text


def _write_notify(repl: Repl, text: str) -> None:
    repl.ui.preferences.notify = _one_of("notify", NOTIFY, text)


def write_theme(repl: Repl, text: str) -> None:
    """Choose colours. Raises `InputError`."""
    repl.ui.preferences.theme = _one_of("theme", THEME, text)


NOTIFY: Final = ("off", "bell", "desktop")
PREFER: Final = ("primary", "sticky")
THEME: Final = ("auto", *THEMES)
EFFORTS: Final = ("minimal", "low", "medium", "high")
SETTINGS: Final = (
    _option("max_tokens", "longest answer, in tokens", int, "a number above 0"),
    _option("temperature", "how freely the model chooses its words", _temperature, "a number from 0 to 2"),
    _option("top_p", "how much of what is likely it chooses from", float, "a number from 0 to 1"),
    _option("stop", "texts that end an answer, in quotes where they have blanks", _texts, "one or more texts"),
    _option("seed", "repeats an answer, where a provider can", int, "a whole number"),
    _option("reasoning_effort", "how long the model thinks, in its vendor's words", str, "a word such as low", EFFORTS),
    _preference("reasoning", "show what the model thinks before it answers"),
    Setting("require", "ask only providers with this tag", _read_require, _write_require, (NONE,)),
    Setting("prefer", "who is asked first after a fallback", _read_prefer, _write_prefer, PREFER),
    _preference("multiline", "Enter makes a new line"),
    _preference("vi", "vi keys"),
    _preference("calm", "nothing moves, for screen readers"),
    Setting("notify", "when a long answer is done", lambda repl: repl.ui.preferences.notify, _write_notify, NOTIFY),
    Setting("theme", "colours", lambda repl: repl.ui.preferences.theme, write_theme, THEME),
)  # fmt: skip
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


async def set_(repl: Repl, argument: str) -> None:
    """Show or change a setting for this run."""
    name, _, value = argument.partition(" ")
    if not name:
        for setting in SETTINGS:
            repl.say(f"{setting.name} = {setting.read(repl)}")
        return
    if name not in _BY_NAME:
        raise InputError(f"no setting is called {name!r}; there are {', '.join(_BY_NAME)}")
    if value:
        _BY_NAME[name].write(repl, value.strip())
    repl.say(f"{name} = {_BY_NAME[name].read(repl)}", Tone.DIM)


def choices(repl: Repl, argument: str) -> Iterable[Choice]:
    """Return the settings with their current values; after a name, its possible values."""
    name, blank, value = argument.partition(" ")
    if not blank:
        return narrowed((Choice(one.name, f"{one.read(repl)} · {one.help}") for one in SETTINGS), name)
    values = _BY_NAME[name].values if name in _BY_NAME else ()
    return (Choice(f"{name} {one}", label=one, is_final=True) for one in values if one.startswith(value))


ROW: Final = Command(
    "set", "show or change a setting for this run", set_, "[NAME [VALUE]]", ("settings",), finds=choices, at_once=True
)
