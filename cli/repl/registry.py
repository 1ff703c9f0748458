"""The slash commands: rows of name, aliases, arguments, help and function.

Help, completion and suggestions come from the rows.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from fallback_chat.cli.repl.draft import VEIL
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.menu import Choice

Chat = TypeVar("Chat")
"""The subject of the commands."""
LEAVING_WORDS: Final = frozenset({"exit", "quit", ":q"})
"""Words that leave without a slash."""
_COMMAND: Final = re.compile(rf"/(?!/)([^\s/{VEIL}]*)(?=\s|\Z)")


def no_values(_: object) -> Iterable[Choice]:
    """Offer no argument."""
    return ()


def narrowed(choices: Iterable[Choice], argument: str) -> list[Choice]:
    """Return the matching choices: those that begin with `argument`, then those that hold it."""
    wanted = argument.casefold()
    found = [one for one in choices if wanted in f"{one.text} {one.label} {one.note}".casefold()]
    return sorted(found, key=lambda one: not one.text.casefold().startswith(wanted))


@dataclass(frozen=True, slots=True)
class Command(Generic[Chat]):
    """One slash command."""

    name: str
    help: str
    """One line."""
    run: Callable[[Chat, str], Awaitable[None]]
    """Receives the argument without surrounding blanks. Raises `InputError` if it is invalid."""
    argument: str = ""
    """As in the help: `[NAME]`."""
    aliases: tuple[str, ...] = ()
    values: Callable[[Chat], Iterable[Choice]] = no_values
    """The possible arguments."""
    finds: Callable[[Chat, str], Iterable[Choice]] | None = None
    """The possible meanings of a search; replaces `values`."""
    picks: bool = False
    """Whether it lets the user pick, if sent without an argument."""
    at_once: bool = False
    """Whether it runs during an answer, without waiting for its end."""
    takes_path: bool = False
    group: str = ""

    @property
    def usage(self) -> str:
        """The command with its arguments."""
        return f"/{self.name} {self.argument}".rstrip()

    def choices(self, chat: Chat, argument: str) -> Iterable[Choice]:
        """Return the possible arguments, as far as it is written."""
        return narrowed(self.values(chat), argument) if self.finds is None else self.finds(chat, argument)


class Registry(Generic[Chat]):
    """Finds commands by what was typed."""

    def __init__(self, rows: Sequence[Command[Chat]]) -> None:
        self.rows = tuple(rows)
        self._by_name: dict[str, Command[Chat]] = {}
        for row in rows:
            for name in (row.name, *row.aliases):
                if self._by_name.setdefault(name, row) is not row:
                    raise ValueError(f"two commands are called {name!r}")

    def find(self, name: str) -> Command[Chat] | None:
        """Return the command with this name, alias, or unique beginning of a name."""
        exact = self._by_name.get(name)
        if exact is not None or not name:
            return exact
        found = {row.name: row for known, row in self._by_name.items() if known.startswith(name)}
        return next(iter(found.values())) if len(found) == 1 else None

    def suggest(self, name: str) -> tuple[str, ...]:
        """Return the names that were probably meant."""
        begins = [known for known in self._by_name if name and known.startswith(name)]
        close = begins or get_close_matches(name, self._by_name, n=2, cutoff=0.6)
        return tuple(f"/{known}" for known in sorted(close)[:4])

    def names(self) -> tuple[str, ...]:
        """Return every name, without aliases."""
        return tuple(row.name for row in self.rows)


def command_name(mask: str) -> str | None:
    """Return the name of a command, perhaps unfinished; None for a question.

    `//` begins a question that starts with a slash, and so does a path (`/etc/hosts is …`). A name
    is typed, never pasted.
    """
    found = _COMMAND.match(mask)
    return found[1] if found is not None else None


def split(draft: Draft) -> tuple[str, str] | None:
    """Split `/name argument` into its two parts; None for a question."""
    line = draft.strip()
    name = command_name(line.mask)
    return None if name is None else (name, line[len(name) + 1 :].strip().text)
