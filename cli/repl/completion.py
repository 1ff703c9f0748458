"""What Tab offers: commands, what they take, and files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from fallback_chat.cli.repl.registry import is_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prompt_toolkit.completion import CompleteEvent

    from fallback_chat.cli.repl.registry import Command, Registry

_MENTION: Final = re.compile(r"(?:^|\s)@(\S*)$")


class ChatCompleter(Completer):
    """Completes slash commands from the registry, their arguments from their rows, and paths behind `@`."""

    def __init__(self, registry: Registry, values: Callable[[Command], Iterable[str]]) -> None:
        self._registry = registry
        self._values = values
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Give what fits in front of the cursor."""
        text = document.text_before_cursor
        if is_command(text) and "\n" not in text:
            name, blank, argument = text[1:].partition(" ")
            if not blank:
                yield from self._commands(name)
            elif (command := self._registry.find(name)) is not None:
                yield from self._arguments(command, argument, complete_event)
        elif mention := _MENTION.search(text):
            yield from self._paths.get_completions(Document(mention[1]), complete_event)

    def _commands(self, beginning: str) -> Iterable[Completion]:
        for row in self._registry.rows:
            if row.name.startswith(beginning):
                yield Completion(row.name, -len(beginning), display=f"/{row.name}", display_meta=row.help)

    def _arguments(self, command: Command, argument: str, event: CompleteEvent) -> Iterable[Completion]:
        if command.takes_path:
            yield from self._paths.get_completions(Document(argument), event)
            return
        for value in self._values(command):
            if value.startswith(argument) and value != argument:
                yield Completion(value, -len(argument))
