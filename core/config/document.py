"""One fallback.toml, read and checked key by key.

Nothing is resolved yet, so that a later file can still add to it.
"""

from __future__ import annotations

import re
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.config import schema
from fallback_chat.core.config.services import SERVICES
from fallback_chat.core.config.toml_lines import MAX_KEY_PARTS, TomlLines
from fallback_chat.core.config.values import Mistake, describe, suggest
from fallback_chat.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fallback_chat.core.config.settings import Origin

MAX_BYTES: Final = 256 * 1024
MAX_PROBLEMS: Final = 50
MAX_PROVIDERS: Final = 100
_SERVICE_NAMES: Final = tuple(service.name for service in SERVICES)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Value(NamedTuple):
    """A checked value and its position."""

    value: Any
    origin: Origin
    path: Path | None = None
    line: int | None = None


class ProviderTable(NamedTuple):
    """One [[providers]] entry."""

    name: str
    key: str
    """The dotted key of the entry."""
    values: dict[str, Value]
    origin: Origin
    wrong: frozenset[str] = frozenset()
    """Keys that are present without a usable value; each has been reported."""
    path: Path | None = None
    line: int | None = None


class ConfigFile(NamedTuple):
    """A whole file."""

    origin: Origin
    path: Path | None = None
    chain: Mapping[str, Value] = MappingProxyType({})
    providers: tuple[ProviderTable, ...] = ()
    profiles: Mapping[str, Value] = MappingProxyType({})
    chat: Mapping[str, Value] = MappingProxyType({})
    keys: Mapping[str, Value] = MappingProxyType({})


class Problems:
    """Collects every mistake, up to as many as a person would read."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return len(self.found) >= MAX_PROBLEMS

    def has(self, key: str) -> bool:
        """Whether a mistake was noted for `key` itself."""
        return any(problem.key == key for problem in self.found)

    def add(self, key: str, message: str, path: Path | None = None, line: int | None = None) -> None:
        """Note a mistake."""
        if not self.full:
            self.found.append(Problem(key, message, path, line))

    def check(self) -> None:
        """Raise `ConfigError` if there are mistakes, in the order of the file."""
        if self.found:
            raise ConfigError(sorted(self.found, key=lambda problem: (str(problem.path or ""), problem.line or 0)))


def quoted(name: str) -> str:
    """Return one part of a dotted key, quoted and escaped if it is unusual."""
    return name if _BARE.fullmatch(name) else describe(name)


def read_document(text: str | bytes, path: Path | None, origin: Origin, problems: Problems) -> ConfigFile:
    """Read one file; its mistakes are added to `problems`, and the document holds what is valid.

    Raises `ConfigError` if it is not TOML at all.
    """
    source = _decode(text, path)
    lines = TomlLines(source)
    if lines.deepest > MAX_KEY_PARTS:
        message = f"a key has more than {MAX_KEY_PARTS} parts"
        raise ConfigError([Problem("", message, path, _line_with_most(".", source))])
    return _Reader(path, origin, lines, problems).read(_parse(source, path))


def _decode(text: str | bytes, path: Path | None) -> str:
    if len(text) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB: this is hardly a fallback.toml"
        raise ConfigError([Problem("", message, path)])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise ConfigError([Problem("", "the file is not UTF-8: save it as UTF-8", path, line)]) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigError([Problem("", "the file holds NUL characters: save it as UTF-8", path, line)])
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _parse(source: str, path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        at_end = source.count("\n") + 1
        problem = Problem("", f"this is not TOML: {error}", path, int(line[1]) if line else at_end)
        raise ConfigError([problem]) from error
    except RecursionError as error:
        raise ConfigError([Problem("", "a value nests too deep", path, _line_with_most("[{", source))]) from error
    except ValueError as error:
        line_ = _line_with_most("0123456789", source)
        raise ConfigError([Problem("", "a number has too many digits", path, line_)]) from error


def _line_with_most(marks: str, source: str) -> int:
    """Return the line that holds most of `marks`: where a parser that says nothing gave up."""
    lines = source.split("\n")
    return 1 + max(range(len(lines)), key=lambda index: sum(map(lines[index].count, marks)))


class _Reader:
    """Checks the tables of one file against the schema."""

    def __init__(self, path: Path | None, origin: Origin, lines: TomlLines, problems: Problems) -> None:
        self._path = path
        self._origin = origin
        self._lines = lines
        self._problems = problems

    def read(self, data: dict[str, Any]) -> ConfigFile:
        self._unknown("", (), data, ("chain", "providers", "profiles", "chat", "keys"))
        chain = self._table("chain", ("chain",), data.get("chain", {}), schema.CHAIN_KEYS)
        return ConfigFile(
            self._origin,
            self._path,
            chain,
            self._providers(data.get("providers", [])),
            self._profiles(data.get("profiles", {})),
            self._table("chat", ("chat",), data.get("chat", {}), schema.CHAT_KEYS),
            self._table("keys", ("keys",), data.get("keys", {}), schema.KEY_KEYS),
        )

    def _providers(self, tables: Any) -> tuple[ProviderTable, ...]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._add("providers", ("providers",), "must be a list of tables: begin each with [[providers]]")
            return ()
        if len(tables) > MAX_PROVIDERS:
            self._add("providers", ("providers",), f"has {len(tables)} entries; at most {MAX_PROVIDERS} make sense")
            return ()
        entries = tuple(self._entry(index, table) for index, table in enumerate(tables))
        first: dict[str, ProviderTable] = {}
        for entry in entries:
            if (known := first.setdefault(entry.name, entry)) is not entry:
                message = f"another provider has this name (line {known.line}): give each its own `name`"
                self._problems.add(f"{entry.key}.name", message, self._path, entry.line)
        return entries

    def _entry(self, index: int, table: dict[str, Any]) -> ProviderTable:
        path = ("providers", index)
        names = [table[key] for key in ("name", "preset", "kind") if isinstance(table.get(key), str)]
        name = next(filter(None, names), "")
        key = f"providers.{quoted(name)}" if name else f"providers[{index + 1}]"
        values = self._table(key, path, table, schema.PROVIDER_KEYS)
        sources = [source for source in schema.KEY_SOURCES if source in table]
        for extra in sources[1:]:
            self._add(f"{key}.{extra}", (*path, extra), f"the key already comes from {sources[0]}: keep one of the two")
        if "prices" in values:
            prices = self._table(f"{key}.prices", (*path, "prices"), values["prices"].value, schema.PRICE_KEYS)
            values["prices"] = self._value({name: price.value for name, price in prices.items()}, (*path, "prices"))
        wrong = frozenset(table.keys() - values.keys())
        name = name or f"provider {index + 1}"
        return ProviderTable(name, key, values, self._origin, wrong, self._path, self._lines.find(path))

    def _profiles(self, tables: Any) -> dict[str, Value]:
        profiles = {}
        if not isinstance(tables, dict):
            self._add("profiles", ("profiles",), "must be tables: begin each with [profiles.NAME]")
            return {}
        for name, table in tables.items():
            key, path = f"profiles.{quoted(name)}", ("profiles", name)
            values = self._table(key, path, table, schema.PROFILE_KEYS)
            if "providers" in values:
                profiles[name] = values["providers"]
            elif isinstance(table, dict) and "providers" not in table:
                self._add(key, path, 'has no `providers`: name some, such as providers = ["a", "b"]')
        return profiles

    def _table(
        self, key: str, path: tuple[str | int, ...], table: Any, known: Mapping[str, schema.Field]
    ) -> dict[str, Value]:
        """Return the valid values of one table; each other one is reported."""
        if not isinstance(table, dict):
            self._add(key, path, f"must be a table, not {describe(table)}")
            return {}
        self._unknown(key, path, table, known)
        values = {}
        for name, field_ in known.items():
            if name not in table:
                continue
            try:
                values[name] = self._value(field_.type.read(table[name]), (*path, name))
            except Mistake as mistake:
                self._add(f"{key}.{name}", (*path, name), _message(field_, table[name], str(mistake)))
        return values

    def _unknown(self, key: str, path: tuple[str | int, ...], table: dict[str, Any], known: Iterable[str]) -> None:
        for name in table:
            if name not in known and not self._problems.full:
                where = f"{key}.{quoted(name)}" if key else quoted(name)
                self._add(where, (*path, name), _unknown_key(name, key, tuple(known)))

    def _value(self, value: Any, path: tuple[str | int, ...]) -> Value:
        return Value(value, self._origin, self._path, self._lines.find(path))

    def _add(self, key: str, path: tuple[str | int, ...], message: str) -> None:
        self._problems.add(key, message, self._path, self._lines.find(path))


def _message(field_: schema.Field, value: Any, mistake: str) -> str:
    """Return what is wrong with a value and what to write instead."""
    if field_.name == "kind" and value in _SERVICE_NAMES:
        return f"{describe(value)} is a service, not a kind: write preset = {describe(value)} instead"
    got = "" if field_.secret or isinstance(value, dict) else f", not {describe(value)}"
    return f"must be {field_.type.words}{got}" + (f"; {mistake}" if mistake else "")


def _unknown_key(name: str, table: str, known: tuple[str, ...]) -> str:
    """Return where an unknown key belongs, or which key was probably meant."""
    if not table and name in schema.CHAIN_KEYS:
        return "unknown key: it belongs under [chain]"
    if not table and name in schema.PROVIDER_KEYS:
        return "unknown key: it belongs under [[providers]]"
    if table == "chain" and name in schema.PROVIDER_KEYS:
        return "unknown key: it belongs under [[providers]]"
    if table.startswith("providers") and name in schema.CHAIN_KEYS:
        return f"belongs to the chain as a whole, not to one provider: move `{name}` up into [chain]"
    other = schema.WORDS_OF_OTHERS.get(name.lower(), "")
    hint = f"did you mean {other!r}?" if other in known else suggest(name, known)
    return f"unknown key; {hint or 'there are ' + ', '.join(known)}"
