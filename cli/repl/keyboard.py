"""Terminal input as key presses: a parser in place of prompt-toolkit's.

prompt-toolkit has a table of sequences, and types into the line what the table lacks. This parser
knows their grammar (ECMA-48, and xterm's reports of modified keys): anything that begins like a
sequence is read to its end, and one without a meaning does nothing.

It also tells typed from pasted text. Everything between the marks of a bracketed paste is pasted.
If a terminal sends no marks (screen, serial consoles, web terminals), an Enter with more text right
behind it is a line break of a paste, since nobody types on within milliseconds. A paste without its
end mark ends with Ctrl-C, or with the first key after a silence.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from prompt_toolkit.input import Input

STALL: Final = 0.5
"""Seconds of silence after which the end of a paste or sequence is no longer awaited."""
ESCAPE: Final = "\x1b"
ENTER: Final = "\r"
INTERRUPT: Final = "\x03"
PASTE_BEGINS: Final = "\x1b[200~"
PASTE_ENDS: Final = "\x1b[201~"

_TOKEN: Final = re.compile(
    r"""
      (?P<run> (?: [^\x00-\x1f\x7f-\x9f] | [\t\n\r] )+ )
    | (?P<control> [^\x1b] )
    | (?P<sequence> \x1b* (?:
          \x1b \[ M ...                                # X10 mouse report
        | \x1b \[ \[ .                                 # function key of the Linux console
        | \x1b \[ \d+ \$                               # rxvt's Shift with a function key
        | \x1b \[ (?! [M\[] ) [0-?]* [\ -/]* [@-~]     # CSI
        | \x1b O [0-9;]* [@-~]                         # SS3
        ))
    | (?P<report> \x1b [\]PX^_] [^\x00-\x1f]* (?: \x07 | \x1b \\ ) )
    | (?P<alt> \x1b [^\x1b\[O\]PX^_] )
    """,
    re.VERBOSE | re.DOTALL,
)
_BEGUN: Final = re.compile(
    r"\x1b (?: \[ M .{0,2} | \[ \[? [0-?]* [\ -/]* | O [0-9;]* | [\]PX^_] [^\x00-\x1f]* (?: \x1b \Z )? | \x1b* )?",
    re.VERBOSE | re.DOTALL,
)
"""A sequence whose end is missing."""
_END_BEGUN: Final = re.compile(r"\x1b (?: \[ (?: 2 (?: 0 1? )? )? )? \Z", re.VERBOSE)
"""The beginning of `PASTE_ENDS`."""
_SEVEN_BIT: Final = {
    code: f"\x1b{chr(code - 0x40)}" if chr(code - 0x40) in "OPX[\\]^_" else None for code in range(0x80, 0xA0)
}
"""Beginnings and ends of sequences, in 8 bits and in 7-bit form; other controls of that range mean
nothing."""
_NOT_UTF8: Final = dict.fromkeys(range(0xD800, 0xE000))

SHIFT, ALT, CTRL = 1, 2, 4
_MODIFIED: Final = re.compile(
    r"""
    \x1b \[ (?:
        27 ; (?P<modifier>\d+) ; (?P<code>\d+) ~                                               # xterm
      | (?P<key>\d+) [:\d]* (?: ; (?P<modifiers>\d*) (?: : (?P<event>\d) )? (?: ; [:\d]* )? )? u  # CSI u
    )
    """,
    re.VERBOSE,
)
_LOCKS: Final = 64 | 128
"""The modifiers Caps Lock and Num Lock."""
_RELEASED: Final = "3"
_ALT_ENTER: Final = "\x1b\r"
_SPECIAL: Final = {
    "\r": {0: "\r"} | dict.fromkeys(range(1, 8), _ALT_ENTER),  # a plain Enter would send the message
    "\t": {0: "\t", SHIFT: "\x1b[Z"},
    "\x7f": {0: "\x7f", SHIFT: "\x7f", CTRL: "\x1b\x7f", ALT: "\x1b\x7f"},
    "\x1b": {0: "\x1b", SHIFT: "\x1b"},
}
_BY_CTRL: Final = {character: chr(ord(character.upper()) & 0x1F) for character in "abcdefghijklmnopqrstuvwxyz@[\\]^_ "}


def unmodified(sequence: str) -> str | None:
    """Translate a report of a modified key into what the key sends without reports.

    Return "" if that is nothing, and None for every other sequence.
    """
    found = _MODIFIED.fullmatch(sequence)
    if found is None:
        return None
    code = int(found["code"] or found["key"])
    modifiers = max(0, int(found["modifier"] or found["modifiers"] or 1) - 1) & ~_LOCKS
    if found["event"] == _RELEASED or modifiers > SHIFT | ALT | CTRL or code >= 0xD800:
        return ""
    text = chr(code)
    if text in _SPECIAL:
        return _SPECIAL[text].get(modifiers, "")
    match modifiers & (SHIFT | CTRL):
        case 0:
            pass
        case 1 if len(text.upper()) == 1:  # CSI u has the key without Shift, xterm the typed character
            text = text.upper()
        case 4:
            text = _BY_CTRL.get(text, "")
        case _:
            return ""
    return f"{ESCAPE if modifiers & ALT and text else ''}{text}"


class KeyParser:
    """Turns terminal input into key presses, which are passed to `press`.

    `clock` returns seconds. The interface is that of prompt-toolkit's parser: `feed` is called with
    input, `flush` if nothing has followed for a moment.
    """

    def __init__(self, press: Callable[[KeyPress], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._press = press
        self._clock = clock
        self.reset()

    def reset(self, request: bool = False) -> None:  # noqa: ARG002 - prompt-toolkit's interface
        """Drop unfinished input."""
        self._rest = ""
        """The beginning of a sequence, or of the mark that ends a paste."""
        self._paste: list[str] | None = None
        """The bracketed paste so far."""
        self._held = ""
        """A line and its Enter, which sends it unless more follows at once."""
        self._bursting = False
        """Whether lines arrive without marks and without a pause."""
        self._quiet = True
        """Whether nothing was typed since the last pause."""
        self._heard = self._clock()

    def feed(self, data: str) -> None:
        """Process input."""
        now = self._clock()
        if now - self._heard > STALL or (self._paste is not None and data and not data.strip(INTERRUPT)):
            self._give_up()
        self._heard = now
        data, self._rest = self._rest + (data if self._paste is not None else data.translate(_SEVEN_BIT)), ""
        while data:
            data = self._read_key(data) if self._paste is None else self._read_paste(data)

    def flush(self) -> None:
        """Note a pause: nothing follows the input so far."""
        self._quiet, self._bursting = True, False
        self._release()
        if self._paste is None and len(self._rest.lstrip(ESCAPE)) <= 1:
            rest, self._rest = self._rest, ""
            if rest.strip(ESCAPE):
                self._act(rest)
            else:
                self._tap(rest)

    def feed_and_flush(self, data: str) -> None:
        """Process input that is complete."""
        self.feed(data)
        self.flush()

    def _give_up(self) -> None:
        """Stop waiting for an end: a paste ends here, a sequence is dropped."""
        if self._paste is not None:
            self._insert("".join([*self._paste, self._rest]))
        self._paste, self._rest = None, ""

    def _read_paste(self, data: str) -> str:
        """Take the part that belongs to the paste, and return the rest."""
        assert self._paste is not None
        text, end, following = data.partition(PASTE_ENDS)
        if end:
            self._insert("".join([*self._paste, text]))
            self._paste = None
            return following
        if begun := _END_BEGUN.search(text):
            text, self._rest = text[: begun.start()], begun[0]
        self._paste.append(text)
        return ""

    def _read_key(self, data: str) -> str:
        """Take the first token, and return the rest."""
        token = _TOKEN.match(data)
        if token is not None:
            if token.lastgroup == "run":
                self._type(token[0])
            else:
                self._release()
                self._act(token[0])
            return data[token.end() :]
        begun = _BEGUN.match(data)
        assert begun is not None, "every other character is a token"
        if begun.end() == len(data):
            self._rest = data
        elif not begun[0].strip(ESCAPE):
            self._tap(begun[0])  # the character that broke off a sequence is read next
        return data[begun.end() :]

    def _type(self, run: str) -> None:
        """Process text: typed, unless it has an Enter with something behind it."""
        run, self._held = self._held + run, ""
        if self._bursting or ENTER in run[:-1]:
            self._bursting = True
            self._insert(run)
        elif run.endswith(ENTER) and not (self._quiet and run == ENTER):
            self._held = run
        else:
            self._tap(run)
        self._quiet = False

    def _release(self) -> None:
        """Press the keys that were held back."""
        held, self._held = self._held, ""
        self._tap(held)

    def _act(self, sequence: str) -> None:
        """Press the key of a sequence, if it has one."""
        if (plain := unmodified(sequence)) is not None:
            sequence = plain
        if sequence == PASTE_BEGINS:
            self._paste = []
            return
        for number, key in enumerate(keys_of(sequence)):
            self._press(KeyPress(key, "" if number else sequence))

    def _tap(self, text: str) -> None:
        """Press the key of each character."""
        for character in text.translate(_NOT_UTF8):
            self._act(character)

    def _insert(self, text: str) -> None:
        self._press(KeyPress(Keys.BracketedPaste, text.translate(_NOT_UTF8)))


def keys_of(sequence: str) -> tuple[Keys | str, ...]:
    """Return the keys of a character or sequence; empty if it has no meaning."""
    if (known := ANSI_SEQUENCES.get(sequence)) is not None:
        return known if isinstance(known, tuple) else (known,)
    if len(sequence) <= 1:
        return () if "\x7f" < sequence < "\xa0" else tuple(sequence)
    rest = sequence[1:]
    with_alt = keys_of(rest) if len(rest) == 1 or rest.startswith(ESCAPE) else ()
    return (Keys.Escape, *with_alt) if with_alt else ()


def listen(input: Input, clock: Callable[[], float] = time.monotonic) -> None:  # noqa: A002 - prompt-toolkit's name
    """Make an input read its keys with this parser.

    An input without a parser (the old console of Windows) stays as it is.
    """
    parser: Any = getattr(input, "vt100_parser", None)
    if parser is not None:
        input.vt100_parser = KeyParser(parser.feed_key_callback, clock)  # type: ignore[attr-defined]
