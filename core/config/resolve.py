"""fallback.toml → `Settings`: documents are layered, defaults filled in, combinations checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fallback_chat.core.config import schema
from fallback_chat.core.config.document import ConfigFile, Problems, Value, quoted, read_document
from fallback_chat.core.config.provider_entry import Merged, ProviderBuilder
from fallback_chat.core.config.settings import ChatSettings, Origin, Settings
from fallback_chat.core.config.values import SQLITE, describe, suggest
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, HedgeAfter, TimeoutSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fallback_chat.core.errors import Problem


def load(text: str | bytes, path: Path | None = None, *, home: Path | None = None) -> Settings:
    """Read one fallback.toml that the user owns; `home` replaces `~`.

    Raises `ConfigError` with every mistake, each with its key and, if found, its line.
    """
    problems = Problems()
    return resolve([read_document(text, path, Origin.USER, problems)], problems, home=home)


def resolve(
    documents: Sequence[ConfigFile], problems: Problems, *, home: Path | None = None, warnings: Sequence[Problem] = ()
) -> Settings:
    """Layer `documents`, the weakest first, and fill in the defaults.

    The entries of a later document come first in the chain; an entry with a known name adds its
    keys to the earlier one. Raises `ConfigError` with what `problems` holds and every mistake found
    here.
    """
    chain_values: dict[str, Value] = {}
    profiles: dict[str, Value] = {}
    chat: dict[str, Value] = {}
    keys: dict[str, Value] = {}
    for document in documents:
        chain_values |= document.chain
        profiles |= document.profiles
        chat |= document.chat
        keys |= document.keys
    attempt, chain, health_url = _settings(chain_values)
    builder = ProviderBuilder(attempt, home=home, problems=problems)
    merged = merge(documents)
    providers = tuple(map(builder.build, merged))
    if not any(provider.enabled for provider in providers) and not problems.has("providers"):
        what = "every provider is disabled" if providers else "there is no usable [[providers]] entry"
        path = documents[0].path if documents else None
        problems.add("providers", f"{what}; `fallback-chat config init` writes an example", path)
    for name, value in profiles.items():
        _check_profile(name, value, tuple({one.name: None for one in merged}), problems)
    problems.check()
    return Settings(
        chain=chain,
        attempt=attempt,
        health_url=health_url,
        providers=providers,
        profiles=_plain(profiles),
        chat=ChatSettings(**_plain(chat)),
        keys=_plain(keys),
        path=documents[0].path if documents else None,
        project=documents[1].path if len(documents) > 1 else None,
        warnings=tuple(one.masked() for one in (*warnings, *builder.warnings)),
        advice=tuple(one.masked() for one in builder.advice),
        origins=_origins("chain", chain_values)
        | _origins("chat", chat)
        | _origins("keys", keys)
        | {k: v for one in merged for k, v in _origins(f"providers.{one.name}", one.values).items()},
    )


def merge(documents: Sequence[ConfigFile]) -> list[Merged]:
    """Return the providers of all `documents` in the order of the chain."""
    chain: list[Merged] = []
    for document in documents:
        below = {one.name: one for one in chain}
        listed = [
            below[entry.name].with_entry(entry) if entry.name in below else Merged.of(entry)
            for entry in document.providers
        ]
        names = {one.name for one in listed}
        chain = listed + [one for one in chain if one.name not in names]
    return chain


def _settings(chain: Mapping[str, Value]) -> tuple[AttemptSettings, ChainSettings, str]:
    """Split [chain] into what concerns each attempt, the chain as a whole, and shared health."""
    written = _plain(chain)
    health_url = written.pop("health_url", SQLITE)
    attempt = {name: value for name, value in written.items() if name in schema.ATTEMPT_KEYS}
    source = TimeoutSource.CHAIN if "attempt_timeout" in attempt else TimeoutSource.DEFAULT
    whole = {"hedge_after": HedgeAfter.TIMEOUT} | {name: written[name] for name in written if name not in attempt}
    return AttemptSettings(**attempt, attempt_timeout_source=source), ChainSettings(**whole), health_url


def _plain(values: Mapping[str, Value]) -> dict[str, Any]:
    return {name: value.value for name, value in values.items()}


def _origins(key: str, values: Mapping[str, Value]) -> dict[str, Origin]:
    return {f"{key}.{name}": value.origin for name, value in values.items()}


def _check_profile(name: str, value: Value, known: Sequence[str], problems: Problems) -> None:
    key = f"profiles.{quoted(name)}.providers"
    if not value.value:
        problems.add(key, "is empty: name at least one provider", value.path, value.line)
    for member in value.value:
        if member not in known and not problems.full:
            hint = suggest(member, known) or "there are " + ", ".join(map(describe, known))
            problems.add(key, f"no provider is called {describe(member)}; {hint}", value.path, value.line)
    if len(set(value.value)) < len(value.value):
        problems.add(key, "names a provider twice", value.path, value.line)
