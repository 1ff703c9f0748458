"""The help of the chat, made from the tables of commands and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fallback_chat.cli.render.listing import Entry
    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.registry import Registry

EVERYTHING: Final = "all"
WAYS_ON: Final = (
    "/help copy explains a command, /help stop finds a word in commands and keys, /help all shows everything."
)
TEXTS: Final = (
    'A line that begins with // is a question that begins with a slash. """ begins and ends a text of several lines.'
)


class Topic(NamedTuple):
    """Commands of one kind, or the keys."""

    title: str
    brief: str
    """Its commands or keys in one line."""
    entries: Sequence[tuple[str, str]]
    """Each of them, and what it does."""

    def about(self, word: str) -> Topic:
        """Return the topic with the entries that contain a word; all if its title does."""
        wanted = word.casefold()
        if wanted in self.title.casefold():
            return self
        return self._replace(entries=[one for one in self.entries if wanted in " ".join(one).casefold()])


def topics(registry: Registry[Any], keymap: Keymap) -> Iterator[Topic]:
    """Yield everything that there is help about."""
    for title in dict.fromkeys(row.group for row in registry.rows):
        rows = [row for row in registry.rows if row.group == title]
        yield Topic(title, " ".join(f"/{row.name}" for row in rows), [(row.usage, row.help) for row in rows])
    keys = keymap.rows()
    yield Topic("Keys", " · ".join(f"{key.label} {key.brief}" for key in keys), [(key.label, key.help) for key in keys])


def in_short(found: Iterable[Topic]) -> Content:
    """Return the names of everything, on one screen."""
    return _laid_out([*(((topic.title, "head"), topic.brief) for topic in found), (WAYS_ON,), (TEXTS,)])


def in_full(found: Iterable[Topic]) -> Content:
    """Return each entry with what it does, below the title of its topic."""
    entries: list[Entry] = []
    for topic in found:
        entries += [((f"{topic.title}:", "head"),), *topic.entries] if topic.entries else []
    return _laid_out(entries, indent="  ")


def _laid_out(entries: Sequence[Entry], indent: str = "") -> Content:
    def content(page: Page) -> list[Row]:
        from fallback_chat.cli.render.listing import listed

        return listed((), entries, page, indent=indent)

    return content
