"""What Tab offers: commands, what they take, and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prompt_toolkit.completion import Completion

from fallback_chat.cli.repl.attachments import as_written, readings
from fallback_chat.cli.repl.registry import command_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.registry import Command, Registry

_MENTION: Final = re.compile(
    r"""(?: ^ | [\s(\[{<] ) @ ( " (?: \\. | [^"\\] )* | ' [^']* | (?: \\. | [^\s\\"'] )* ) \Z""", re.VERBOSE
)
"""An `@` and as much of a name as is written."""


class ChatCompleter:
    """Completes slash commands from the registry, their arguments from their rows, and files behind `@`."""

    def __init__(self, registry: Registry, values: Callable[[Command], Iterable[str]]) -> None:
        self._registry = registry
        self._values = values

    def complete(self, draft: Draft) -> Iterable[Completion]:
        """Return what fits at the end of a draft."""
        mask = draft.mask
        name = command_name(mask) if "\n" not in mask else None
        if name is None:
            if mention := _MENTION.search(mask):
                yield from _files(draft.text[mention.start(1) :])
            return
        argument = draft.text[len(name) + 2 :]
        if len(mask) == len(name) + 1:
            yield from self._commands(name)
        elif (command := self._registry.find(name)) is not None:
            yield from _files(argument) if command.takes_path else self._arguments(command, argument)

    def _commands(self, beginning: str) -> Iterator[Completion]:
        for row in self._registry.rows:
            if row.name.startswith(beginning):
                yield Completion(row.name, -len(beginning), display=f"/{row.name}", display_meta=row.help)

    def _arguments(self, command: Command, argument: str) -> Iterator[Completion]:
        for value in self._values(command):
            if value.startswith(argument) and value != argument:
                yield Completion(value, -len(argument))


def _files(written: str) -> Iterator[Completion]:
    """Complete the name of a file, with quotes where it needs them; a folder's stay open."""
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
            yield Completion(name, -len(written), display=entry.name + ending)
