"""The configurable keys: a table of actions."""

from __future__ import annotations

from typing import Final, NamedTuple

from prompt_toolkit.keys import KEY_ALIASES, Keys

from fallback_chat.core.config import schema
from fallback_chat.core.errors import InputError
from fallback_chat.core.value import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """An action that a key can trigger."""

    name: str
    keys: tuple[str, ...]
    """In prompt-toolkit's notation; several are pressed one after the other."""
    help: str


ACTIONS: Final = tuple(Action(key.name, tuple(key.default.split()), key.doc) for key in schema.KEYS)


class Key(NamedTuple):
    """A key in the help."""

    label: str
    """In everyday notation."""
    brief: str
    help: str


FIXED: Final = (
    Key("Ctrl-C", "stop", "stop the answer and keep what is there; at the prompt: clear the line, twice: leave"),
    Key("Ctrl-D", "leave", "leave, on an empty line"),
    Key("Tab", "complete", "complete"),
    Key("Up, Down, Ctrl-R", "earlier questions", "earlier questions"),
    Key("Right, Ctrl-E", "suggestion", "accept the suggestion"),
    Key("Ctrl-L", "clear", "clear the screen"),
)
_BY_NAME: Final = {action.name: action for action in ACTIONS}
_LABELS: Final = {"escape": "Esc", "enter": "Enter", "tab": "Tab"}


class Keymap:
    """The keys of all actions."""

    def __init__(self) -> None:
        self._keys = {action.name: action.keys for action in ACTIONS}

    def set(self, name: str, keys: str) -> None:
        """Change the keys of an action, such as `c-t` or `escape t`.

        Raises `InputError` for unknown ones.
        """
        if name not in _BY_NAME:
            raise InputError(f"no key action is called {name!r}; there are {', '.join(_BY_NAME)}")
        parts = tuple(keys.lower().split())
        wrong = [part for part in parts if not (len(part) == 1 or KEY_ALIASES.get(part, part) in set(Keys))]
        if wrong or not parts:
            raise InputError(f"{keys!r} is no key: write c-t for Ctrl-T, f5, or escape t for Alt-T")
        self._keys[name] = parts

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys of an action."""
        return self._keys[name]

    def label(self, name: str) -> str:
        """Return the keys of an action in everyday notation."""
        parts = self._keys[name]
        if len(parts) == 2 and parts[0] == "escape" and parts[1] != "escape":
            return f"Alt-{_label(parts[1])}"
        return " ".join(map(_label, parts))

    def rows(self) -> list[Key]:
        """Return every key with its action; keys that do the same are one row."""
        rows: dict[str, Key] = {}
        for action in ACTIONS:
            label, same = self.label(action.name), rows.get(action.help)
            brief = action.name.replace("_", " ")
            key = Key(label, brief, action.help) if same is None else same._replace(label=f"{same.label}, {label}")
            rows[action.help] = key
        return [*rows.values(), *FIXED]


def _label(key: str) -> str:
    if key.startswith("c-"):
        return f"Ctrl-{key[2:].upper()}"
    return _LABELS.get(key, key.upper() if key.startswith("f") and key[1:].isdigit() else key)
