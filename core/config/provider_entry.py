"""One [[providers]] entry → `ProviderSettings`: known services fill in what it leaves out.

Mistakes that only show in a combination of keys are found here.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from fallback_chat.core.config import schema
from fallback_chat.core.config.keys import flaw
from fallback_chat.core.config.services import Service, by_kind, by_name, by_url, is_loopback
from fallback_chat.core.config.settings import KeySource, Prices, ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings, TimeoutSource
from fallback_chat.core.errors import Problem

if TYPE_CHECKING:
    from fallback_chat.core.config.document import Problems, ProviderTable, Value

LOCAL_ATTEMPT_TIMEOUT: Final = 120.0
"""Seconds; a local server may have to load the model first."""

GUIDE_MODEL: Final = "manual"

_OPENAI_ENDS: Final = r"(/chat)?/completions|/responses|/embeddings|/messages|/models|(?<=/v1)/models/[^/]+"
_WRONG_ENDS: Final = {
    "openai": _OPENAI_ENDS,
    "openai-responses": _OPENAI_ENDS,
    "anthropic": "/v1(/messages|/complete|/chat/completions|/models(/[^/]+)?)?",
    "gemini": "(/v1beta|/v1)(/models(/[^/]+)?|/openai(/chat/completions)?)?",
    "ollama": "/api(/chat|/generate|/tags)?|/v1(/chat/completions|/models)?",
}
"""Path endings that the program adds itself or that belong to another kind."""


def wrong_end(kind: str, address: str) -> str:
    """Return the end of `address` that must not be there for providers of `kind`."""
    found = re.search(f"({_WRONG_ENDS[kind]})$", address, re.IGNORECASE) if kind in _WRONG_ENDS else None
    return found[0] if found else ""


_KEYS: Final = tuple(field.name for field in fields(ProviderSettings) if field.name in schema.PROVIDER_KEYS)
"""The keys with a setting of their name."""


class Merged(NamedTuple):
    """One provider as described by all files together."""

    entry: ProviderTable
    """The first entry, which must be complete."""
    values: dict[str, Value]
    wrong: frozenset[str]

    @classmethod
    def of(cls, entry: ProviderTable) -> Self:
        """Start with one entry."""
        return cls(entry, entry.values, entry.wrong)

    def with_entry(self, entry: ProviderTable) -> Merged:
        """Return the same provider with the keys of a stronger entry on top.

        The stronger entry's key wins whichever source the weaker one named: that key was not meant
        for this server.
        """
        replaced = schema.KEY_SOURCES if entry.values.keys() & set(schema.KEY_SOURCES) else ()
        below = {name: value for name, value in self.values.items() if name not in replaced}
        return Merged(self.entry, below | entry.values, self.wrong | entry.wrong)

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.entry.name

    @property
    def key(self) -> str:
        """The dotted key of the provider."""
        return self.entry.key

    def get(self, name: str) -> Any:
        """Return a value or its default."""
        value = self.values.get(name)
        return schema.PROVIDER_KEYS[name].default if value is None else value.value

    def place(self, name: str) -> tuple[Path | None, int | None]:
        """Return file and line of a value, or of the entry that lacks it."""
        value = self.values.get(name)
        return (value.path, value.line) if value else (self.entry.path, self.entry.line)


class ProviderBuilder:
    """Builds the settings of each provider of a chain."""

    def __init__(self, attempt: AttemptSettings, *, home: Path | None, problems: Problems) -> None:
        self._attempt = attempt
        self._home = home
        self._problems = problems
        self.warnings: list[Problem] = []
        self.advice: list[Problem] = []

    def build(self, merged: Merged) -> ProviderSettings:
        """Return the settings of one provider; mistakes are added to the problems."""
        kind, base_url, service = self._address(merged)
        key = self._key(merged, service)
        local = is_loopback(base_url)
        if key and base_url.startswith("http://") and not local:
            self._warn(merged, "base_url", "http:// sends key and conversation in the clear: use https://")
        prices = merged.get("prices")
        as_written = {name: merged.get(name) for name in _KEYS}
        worked_out = {
            "name": merged.name,
            "kind": kind,
            "model": self._model(merged, kind, service),
            "base_url": base_url,
            "key": key,
            "ca_file": self._path(merged, "ca_file"),
            "prices": Prices(**prices) if prices is not None else None,
            "attempt": self._attempt_settings(merged, local=local),
        }
        return ProviderSettings(**as_written | worked_out)

    def _attempt_settings(self, merged: Merged, *, local: bool) -> AttemptSettings:
        own = {name: value.value for name, value in merged.values.items() if name in schema.ATTEMPT_KEYS}
        if "attempt_timeout" in own:
            own["attempt_timeout_source"] = TimeoutSource.ASKED
        elif local and self._attempt.attempt_timeout_source is TimeoutSource.DEFAULT:
            own |= {"attempt_timeout": LOCAL_ATTEMPT_TIMEOUT, "attempt_timeout_source": TimeoutSource.LOCAL}
        return replace(self._attempt, **own)

    def _address(self, merged: Merged) -> tuple[str, str, Service | None]:
        """Return kind, base_url and the service at that address.

        Only this service's key may be sent there without being configured.
        """
        preset = by_name(merged.get("preset") or "")
        kind = merged.get("kind") or (preset.kinds[0] if preset else "")
        given = merged.get("base_url")
        if not kind:
            if "preset" not in merged.wrong:
                self._missing(merged, "kind", 'write kind = "openai", or a service such as preset = "groq"')
            return kind, given or "", None
        if given is not None:
            self._check_end(merged, kind, given)
            return kind, given, by_url(given)
        if kind == "guide" or "base_url" in merged.wrong:
            return kind, "", None
        service = preset or by_kind(kind)
        if service is None or kind not in service.kinds:
            self._missing(merged, "base_url", f"there is no known address for kind {kind!r} at this service")
            return kind, "", None
        if not service.base_url:
            self._missing(merged, "base_url", f"every customer of {service.name} has a different one")
        return kind, service.base_url, service

    def _check_end(self, merged: Merged, kind: str, base_url: str) -> None:
        path = urlsplit(base_url).path
        if end := wrong_end(kind, path):
            right = base_url.removesuffix(end)
            self._complain(
                merged, "base_url", f"must end before {end}, kind {kind!r} adds its own path: write {right!r}"
            )
        elif kind in schema.OPENAI_KINDS and not path and by_url(base_url) is None:
            message = f"most servers of kind {kind!r} want {base_url + '/v1'!r}"
            self.advice.append(Problem(f"{merged.key}.base_url", message, *merged.place("base_url")))

    def _model(self, merged: Merged, kind: str, service: Service | None) -> str:
        model: str | None = merged.get("model")
        if model is None and kind == "guide":
            return GUIDE_MODEL
        if model is None:
            self._missing(
                merged, "model", f"for example {service.model!r}" if service and service.model else "name one"
            )
        return model or ""

    def _key(self, merged: Merged, service: Service | None) -> KeySource | None:
        if (name := merged.get("api_key_env")) is not None:
            return KeySource(env=name)
        if (command := merged.get("api_key_cmd")) is not None:
            return KeySource(cmd=command)
        if (file := self._path(merged, "api_key_file")) is not None:
            return KeySource(file=file)
        if (inline := merged.get("api_key")) is not None:
            if wrong := flaw(inline.strip()):
                self._complain(merged, "api_key", wrong)
            return KeySource(inline=inline)
        if service and service.key_env:
            first, *others = service.key_env
            return KeySource(env=first, alternatives=tuple(others))
        return None

    def _path(self, merged: Merged, name: str) -> Path | None:
        """Return a path from the file.

        `~` is the user's home, relative paths start at the file's folder.
        """
        value = merged.values.get(name)
        if value is None:
            return None
        text: str = value.value
        if text.startswith("$") or (text.startswith("~") and not text.startswith("~/")):
            self._complain(merged, name, "only ~/ at its beginning is filled in: write the whole path")
            return None
        if text.startswith("~/"):
            if self._home is None:
                self._complain(merged, name, "begins with ~, but HOME is not set: write the whole path")
                return None
            return self._home / text[2:]
        return value.path.parent / text if value.path else Path(text)

    def _missing(self, merged: Merged, name: str, what_to_do: str) -> None:
        if name not in merged.wrong:
            self._complain(merged, name, f"is missing: {what_to_do}")

    def _complain(self, merged: Merged, name: str, message: str) -> None:
        self._problems.add(f"{merged.key}.{name}", message, *merged.place(name))

    def _warn(self, merged: Merged, name: str, message: str) -> None:
        self.warnings.append(Problem(f"{merged.key}.{name}", message, *merged.place(name)))
