"""Completion of what could be written next: commands, their arguments, and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.cli.repl.attachments import as_written, readings
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import command_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.registry import Command, Registry

_MENTION: Final = re.compile(
    r"""(?: ^ | [\s(\[{<] ) @ ( " (?: \\. | [^"\\] )* | ' [^']* | (?: \\. | [^\s\\"'] )* ) \Z""", re.VERBOSE
)
"""An `@` and the name written so far."""


class ChatCompleter:
    """Completes the end of a draft.

    Slash commands come from the registry, arguments from their `values`, files after `@`.
    """

    def __init__(self, registry: Registry[Any], values: Callable[[Command[Any], str], Iterable[Choice]]) -> None:
        self._registry = registry
        self._values = values

    def offered(self, draft: Draft) -> Iterable[Choice]:
        """Return the menu while a command is being written: commands, or its arguments."""
        mask = draft.mask
        name = command_name(mask) if "\n" not in mask else None
        if name is None:
            return ()
        if len(mask) == len(name) + 1:
            return self._commands(name)
        command = self._registry.find(name)
        return () if command is None or command.takes_path else self._arguments(command, draft.text, len(name) + 2)

    def complete(self, draft: Draft) -> Iterable[Choice]:
        """Return the offers of Tab: the menu, and files."""
        mask = draft.mask
        name = command_name(mask) if "\n" not in mask else None
        if name is None:
            mention = _MENTION.search(mask)
            return _files(draft.text[mention.start(1) :]) if mention else ()
        command = self._registry.find(name)
        if command is not None and command.takes_path and len(mask) > len(name) + 1:
            return _files(draft.text[len(name) + 2 :])
        return self.offered(draft)

    def picked(self, draft: Draft) -> Iterable[Choice]:
        """Return the choices of a command sent without its argument, if it lets one pick."""
        name = command_name(draft.strip().mask)
        command = self._registry.find(name) if name and name == draft.strip().text[1:] else None
        return () if command is None or not command.picks else self._values(command, "")

    def _commands(self, beginning: str) -> Iterator[Choice]:
        for row in self._registry.rows:
            if row.name.startswith(beginning):
                final = not row.argument or row.argument.startswith("[")
                yield Choice(row.name, row.help, f"/{row.name}", len(beginning), True, final and not row.picks)

    def _arguments(self, command: Command[Any], line: str, begin: int) -> Iterator[Choice]:
        argument = line[begin:]
        for choice in self._values(command, argument):
            if choice.text != argument:
                is_command = choice.text.startswith("/")
                yield choice._replace(replaces=len(line) if is_command else len(argument))


def _files(written: str) -> Iterator[Choice]:
    """Complete the name of a file, quoted if necessary; the quotes of a folder stay open."""
    quote = written[:1] if written[:1] in {'"', "'"} else ""
    *_, plain = readings(f"{written}{quote}")
    beginning = plain[plain.rfind("/") + 1 :]
    folder = plain.removesuffix(beginning)
    try:
        found = sorted(Path(folder).expanduser().iterdir())
    except (OSError, RuntimeError):
        return
    for entry in found:
        if entry.name.startswith(beginning) and entry.name.isprintable():
            ending = "/" if entry.is_dir() else ""
            name = as_written(f"{folder}{entry.name}{ending}", quoted=bool(quote))
            yield Choice(name, label=entry.name + ending, replaces=len(written))
