"""The types of values in fallback.toml: how to check each, and its name in messages and docs."""

from __future__ import annotations

import re
from datetime import date, time
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from fallback_chat.core.lookalikes import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DAY: Final = 86_400.0
NONE: Final = "none"
SQLITE: Final = "sqlite"
"""Where health is shared by default: in a file of the user's."""
PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
MAX_DEPTH: Final = 32
_HUGE: Final = 2**63
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|min|h)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_MALFORMED: Final = "its host or port is malformed"
_HOST: Final = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?")
_PLACEHOLDER: Final = re.compile(r"[{}<>]|\$\w")
_URL_LENGTH: Final = 2_000
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTAINERS: Final = ((dict, "a table"), (list, "a list"), (date | time, "a date"))
_OWN_HEADERS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})


class Mistake(ValueError):  # noqa: N818 - a user's mistake, reported as such
    """A value cannot be used; the text says what is wrong or what to write instead."""


class ValueType(NamedTuple):
    """One type of values."""

    words: str
    """The words that complete the sentence "must be …"."""
    read: Callable[[Any], Any]
    """Returns the value to use; raises `Mistake`."""


def describe(value: Any) -> str:
    """Return a wrong value for a message: one short line without control characters or keys."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a huge number"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        value = masked(value)  # before shortening, which could leave half a key
        return repr(value) if len(value) <= 60 else f"{value[:57]!r}…"
    if isinstance(value, tuple):
        return masked(" ".join(map(repr, value)))
    return next((words for type_, words in _CONTAINERS if isinstance(value, type_)), "something else")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(  # noqa: PLR0913 - the limits, and the ways around them
    words: str,
    low: float,
    high: float,
    *,
    above: bool = False,
    or_words: Iterable[str] = (),
    or_else: Callable[[Any], str] = lambda _: "",
) -> ValueType:
    """Return the type of numbers from `low` (exclusive if `above`) to `high`, or words instead.

    `or_else` returns what to write in place of a wrong value.
    """
    allowed = tuple(or_words)

    def read(value: Any) -> float | str | None:
        if isinstance(value, str) and value in allowed:
            return None if value == NONE else allowed[allowed.index(value)]
        # Test for the valid range, which NaN fails: it compares as false with everything.
        if _is_number(value) and low <= value <= high and not (above and value == low):
            return float(value)
        raise Mistake(or_else(value))

    limits = f"above {low:g}, at most {high:g}" if above else f"from {low:g} to {high:g}"
    either = "".join(f', or "{word}"' for word in allowed)
    return ValueType(f"{words} {limits}{either}", read)


def seconds(*, low: float = 0.0, above: bool = True, or_words: Iterable[str] = ()) -> ValueType:
    """Return the type of durations in seconds, at most a day."""
    return number("a number of seconds", low, DAY, above=above, or_words=or_words, or_else=_in_seconds)


def duration(text: str) -> float | None:
    """Return the seconds in `30`, `30s`, `500ms`, `2m` or `1h`; None for any other text."""
    match = _DURATION.fullmatch(text.strip())
    return None if match is None else float(match[1]) * _UNITS[match[2] or "s"]


def _in_seconds(value: Any) -> str:
    found = duration(value) if isinstance(value, str) else None
    return "" if found is None else f"write {found:g}"


def integer(low: int, high: int) -> ValueType:
    """Return the type of integers from `low` to `high`."""

    def read(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise Mistake("")

    return ValueType(f"a whole number from {low} to {high}", read)


def choice(names: Iterable[str], make: Callable[[str], Any] = str) -> ValueType:
    """Return the type of a word out of `names`."""
    allowed = tuple(names)

    def read(value: Any) -> Any:
        if isinstance(value, str) and value in allowed:
            return make(value)
        raise Mistake(suggest(value, allowed) if isinstance(value, str) else "")

    return ValueType("one of " + ", ".join(f'"{name}"' for name in allowed), read)


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return a question that suggests the closest of `known`; empty if none is close."""
    from difflib import get_close_matches

    candidates = tuple(map(str, known))  # not the members of an enumeration
    parts = [name for name in candidates if len(wrong) > 2 and wrong.lower() in name]
    near = get_close_matches(wrong[:60].lower(), candidates, n=1, cutoff=0.6) or parts
    return f"did you mean {near[0]!r}?" if near else ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Mistake("")


def _line(value: Any) -> str:
    if isinstance(value, str) and value == value.strip() and value and value.isprintable():
        return value
    raise Mistake("")


def _name(value: Any) -> str:
    if "," in _line(value) or len(value) > 64:
        raise Mistake("")
    return _line(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Mistake("")


def _lines(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(_line(item) for item in value)
    raise Mistake("")


def _argv(value: Any) -> tuple[str, ...]:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, str) and "\0" not in item for item in value)
        and value[0]
    ):
        return tuple(value)
    raise Mistake("")


def _variable(value: Any) -> str:
    if not (isinstance(value, str) and _VARIABLE.fullmatch(value)):
        raise Mistake("")
    # A key pasted in place of the variable's name would be printed wherever the source is named.
    if len(value) >= 20 and re.search("[a-z]", value) and re.search("[0-9]", value):
        raise Mistake("this looks like a key itself")
    return value


def _path(value: Any) -> str:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    raise Mistake("")


def _url(value: Any) -> str:
    """Check an address; messages never repeat it, because it may hold a password."""
    if not isinstance(value, str):
        raise Mistake("")
    if not value.isprintable() or " " in value or len(value) > _URL_LENGTH:
        raise Mistake("it holds spaces or control characters, or is far too long")
    parts = _split(value)
    if parts.scheme not in {"http", "https"}:
        raise Mistake("it must begin with https:// (or http:// in your own network)")
    if parts.username is not None or parts.password is not None:
        raise Mistake("it holds a user name or password; keys go into api_key_env, api_key_cmd or api_key_file")
    if _PLACEHOLDER.search(value):
        raise Mistake("it holds a placeholder, and none is filled in: write the whole address")
    host = parts.hostname or ""
    if "\\" in value or "%" in host or not (":" in host or _HOST.fullmatch(host)):
        raise Mistake(_MALFORMED)
    if "?" in value or "#" in value:
        raise Mistake("it must end with its path, without `?` or `#`")
    return value.rstrip("/")


def _proxy(value: Any) -> str:
    if value == NONE:
        return NONE
    address = _one_word(value)
    parts = _split(address)
    if parts.scheme not in PROXY_SCHEMES or not parts.hostname:
        raise Mistake("")
    return address


def _health_url(value: Any) -> str:
    """Check where health is shared; messages never repeat it, because it may hold a password."""
    if value == SQLITE:
        return SQLITE
    address = _one_word(value)
    if _split(address).scheme not in {"redis", "rediss", "unix"}:
        raise Mistake("")
    return address


def _one_word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise Mistake("")
    return value


def _split(address: str) -> SplitResult:
    """Split an address. Raises `Mistake` if its host or port cannot be one."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise Mistake(_MALFORMED) from error
    if port == 0:
        raise Mistake(_MALFORMED)
    return parts


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise Mistake("")
    if flaws := [flaw for name, content in value.items() if (flaw := _flaw_of_header(name, content))]:
        raise Mistake("; ".join(flaws))
    return tuple(value.items())


def _flaw_of_header(name: str, content: Any) -> str:
    if not _TOKEN.fullmatch(name):
        return f"{describe(name)} is not a valid header name"
    if name.lower() in _OWN_HEADERS:
        return f"{name} is set by the program itself"
    if not isinstance(content, str):
        return f"the value of {name} must be a string"
    if not all(char == "\t" or " " <= char <= "~" or "\xa0" <= char <= "\xff" for char in content):
        return f"the value of {name} holds a line break, a control character or one outside Latin-1"
    if content != content.strip():
        return f"the value of {name} begins or ends with a space"
    return ""


def _json_table(value: Any) -> dict[str, Any]:
    """Check that a table can be sent as JSON.

    It is walked level by level: recursion would let the file decide about the depth of the stack.
    """
    if not isinstance(value, dict):
        raise Mistake("")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        for item in level:
            if isinstance(item, date | time):
                raise Mistake("dates cannot be sent as JSON: write them as strings")
            if _is_number(item) and not abs(item) < (_HUGE if isinstance(item, int) else inf):
                raise Mistake("it holds a number that JSON cannot carry")
        level = [child for item in level if isinstance(item, dict | list) for child in _children(item)]
        if not level:
            return value
    raise Mistake(f"it nests deeper than {MAX_DEPTH} levels")


def _children(item: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


TEXT: Final = ValueType("a string", _text)
LINE: Final = ValueType("a string on one line, without spaces at its ends", _line)
NAME: Final = ValueType("a string of 1 to 64 characters, without commas or spaces at its ends", _name)
BOOLEAN: Final = ValueType("true or false", _boolean)
LINES: Final = ValueType('a list of strings, such as ["a", "b"]', _lines)
ARGV: Final = ValueType('a list, such as ["pass", "show", "x"] (it runs without a shell)', _argv)
VARIABLE: Final = ValueType("the name of an environment variable (a key itself goes into api_key)", _variable)
PATH: Final = ValueType("the path of a file", _path)
URL: Final = ValueType('an address such as "https://HOST/v1"', _url)
PROXY: Final = ValueType('an address such as "http://HOST:PORT", or "none"', _proxy)
HEALTH_URL: Final = ValueType('"sqlite", or an address such as "redis://HOST:PORT"', _health_url)
HEADERS: Final = ValueType('a table of strings, such as { X-Title = "chat" }', _headers)
JSON_TABLE: Final = ValueType("a table of values that JSON can carry", _json_table)
