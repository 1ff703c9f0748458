"""The keys that can be changed: a table of actions, and what is typed while an answer streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import KEY_ALIASES, Keys

from fallback_chat.core.config import schema
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

QUEUED: Final = "queued"
"""Data of an Enter that was typed while an answer streamed: it sends, however much follows it."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a key can do."""

    name: str
    keys: tuple[str, ...]
    """As prompt-toolkit writes them; several are pressed one after the other."""
    help: str
    streaming: bool = False
    """It acts while an answer is awaited; the others act at the prompt."""


_STREAMING: Final = ("next_provider", "stop")
ACTIONS: Final = tuple(
    Action(key.name, tuple(key.default.split()), key.doc, streaming=key.name in _STREAMING) for key in schema.KEYS
)
FIXED: Final = (
    ("Ctrl-C", "stop the answer and keep what is there; at the prompt: clear the line, twice: leave"),
    ("Ctrl-D", "leave, on an empty line"),
    ("Tab", "complete"),
    ("Up, Down, Ctrl-R", "earlier questions"),
    ("Right, Ctrl-E", "accept the suggestion"),
    ("Ctrl-L", "clear the screen"),
)
_BY_NAME: Final = {action.name: action for action in ACTIONS}
_LABELS: Final = {"escape": "Esc", "enter": "Enter", "tab": "Tab"}


class Keymap:
    """Which keys do what."""

    def __init__(self) -> None:
        self._keys = {action.name: action.keys for action in ACTIONS}

    def set(self, name: str, keys: str) -> None:
        """Give an action other keys, as `c-t` or `escape t`. Raises `InputError` for unknown ones."""
        if name not in _BY_NAME:
            raise InputError(f"no key action is called {name!r}; there are {', '.join(_BY_NAME)}")
        parts = tuple(keys.lower().split())
        wrong = [part for part in parts if not (len(part) == 1 or KEY_ALIASES.get(part, part) in set(Keys))]
        if wrong or not parts:
            raise InputError(f"{keys!r} is no key: write c-t for Ctrl-T, f5, or escape t for Alt-T")
        if _BY_NAME[name].streaming and len(parts) > 1:
            raise InputError(f"{name} is one key, not {len(parts)}")
        self._keys[name] = parts

    def keys(self, name: str) -> tuple[str, ...]:
        """Give the keys of an action."""
        return self._keys[name]

    def label(self, name: str) -> str:
        """Give the keys of an action as people write them."""
        parts = self._keys[name]
        if len(parts) == 2 and parts[0] == "escape" and parts[1] != "escape":
            return f"Alt-{_label(parts[1])}"
        return " ".join(map(_label, parts))

    def streaming(self) -> dict[str, str]:
        """Give action by key for the time in which an answer is awaited."""
        own = {self._keys[action.name][0]: action.name for action in ACTIONS if action.streaming}
        plain = {str(KEY_ALIASES.get(key, key)): name for key, name in own.items()}
        return plain | {Keys.ControlC.value: "stop", Keys.ControlD.value: "", Keys.ControlZ.value: "suspend"}

    def help(self) -> list[tuple[str, str]]:
        """Give every key with what it does."""
        return [(self.label(action.name), action.help) for action in ACTIONS] + list(FIXED)


def _label(key: str) -> str:
    if key.startswith("c-"):
        return f"Ctrl-{key[2:].upper()}"
    return _LABELS.get(key, key.upper() if key.startswith("f") and key[1:].isdigit() else key)


class TypeAhead:
    """What is typed while an answer streams: some keys act at once, the rest waits for the prompt."""

    def __init__(self, actions: Mapping[str, str]) -> None:
        self._actions = actions
        self.keys: list[KeyPress] = []

    def take(self, presses: Sequence[KeyPress]) -> Iterable[str]:
        """Take some key presses that came together; gives the actions among them.

        Escape acts only when nothing came with it: otherwise it is the first half of an Alt key.
        """
        actions = []
        index = 0
        while index < len(presses):
            press = presses[index]
            rest = presses[index + 1 : index + 2]
            if press.key == Keys.Escape and rest:
                self.keys += [press, *rest]
                index += 2
                continue
            index += 1
            action = self._actions.get(_value(press))
            if action is None:
                self.keys.append(KeyPress(press.key, QUEUED) if press.key == Keys.ControlM else press)
            elif action:
                actions.append(action)
        return actions

    def drop(self) -> None:
        """Forget what waits."""
        self.keys.clear()

    @property
    def queued(self) -> int:
        """How many questions wait."""
        return sum(press.data == QUEUED for press in self.keys)

    @property
    def preview(self) -> str:
        """Show what waits on one line."""
        shown: list[str] = []
        for press in self.keys:
            match press.key:
                case Keys.ControlM | Keys.ControlJ:
                    shown.append("⏎")
                case Keys.BracketedPaste:
                    shown.append(f"[pasted {len(press.data.splitlines())} lines]")
                case Keys.ControlH | Keys.ControlW | Keys.ControlU:
                    _erase(shown, press.key)
                case Keys():
                    pass
                case text:
                    shown.append(text)
        return "".join(shown)


def _erase(shown: list[str], key: Keys | str) -> None:
    """Take from what is shown what the key takes from the line: a character, a word, or all of it; what is sent is sent."""
    if key is Keys.ControlW:
        while shown and shown[-1].isspace():
            shown.pop()
    while shown and shown[-1] != "⏎" and not (key is Keys.ControlW and shown[-1].isspace()):
        shown.pop()
        if key is Keys.ControlH:
            return


def _value(press: KeyPress) -> str:
    return press.key.value if isinstance(press.key, Keys) else press.key
