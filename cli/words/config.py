"""Settings as TOML: for `config show`, and for the file that `config init` creates."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from fallback_chat.core.config import schema
from fallback_chat.core.config.keys import key_state
from fallback_chat.core.config.secrets import change_secret_fields
from fallback_chat.core.config.settings import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fallback_chat.core.config.settings import ProviderSettings, Settings
    from fallback_chat.core.engine.settings import AttemptSettings

HIDDEN: Final = "(hidden)"
_EXAMPLES: Final = {"deadline": "none", "max_retry_per_llm": 1}
"""Examples for keys without a default."""

_HEAD: Final = """\
# The chain of providers that fallback-chat asks, in order, until one answers.
# `fallback-chat config check` looks for mistakes, `fallback-chat config explain` says what follows.
"""
_GUIDE: Final = """\

# The built-in guide answers questions about fallback-chat itself. Delete it when you add a provider.
"""
_MORE: Final = """\

# Another provider: take the # away and fill it in. For a known service no more is needed.
# [[providers]]
# preset = "groq"
# model = "openai/gpt-oss-120b"

# Defaults for all providers; each key may be repeated in one of them.
# [chain]
"""


def toml_value(value: Any) -> str:
    """Return one value of the settings as TOML, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(name)} = {toml_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, Enum | PurePath):
        value = str(value)
    return tomli_w.dumps({"_": value}).removeprefix("_ = ").rstrip("\n")


def _toml_key(name: str) -> str:
    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")


def shown(settings: Settings, env: Mapping[str, str], *, origin: bool) -> Iterator[str]:
    """Yield the lines of the effective settings; keys, headers and secret fields without values."""
    yield f"# {settings.source}"
    yield "[chain]"
    yield from _rows(_chain_values(settings), settings, "chain", origin=origin)
    for table, values in (("chat", asdict(settings.chat)), ("keys", settings.keys)):
        if any(f"{table}.{name}" in settings.origins for name in values):
            yield ""
            yield f"[{table}]"
            yield from _rows(values, settings, table, origin=origin)
    for provider in settings.providers:
        yield ""
        yield "[[providers]]"
        yield from _rows(
            _provider_values(provider, settings.attempt), settings, f"providers.{provider.name}", origin=origin
        )
        source = provider.key.describe() if provider.key else "none"
        yield f"# key: {source} ({key_state(provider.key, env)})"
    for name, members in settings.profiles.items():
        yield ""
        yield f"[profiles.{_toml_key(name)}]"
        yield f"providers = {toml_value(members)}"


def _rows(values: Mapping[str, Any], settings: Settings, key: str, *, origin: bool) -> Iterator[str]:
    for name, value in values.items():
        source = settings.origins.get(f"{key}.{name}") or settings.origins.get(f"chain.{name}") or Origin.DEFAULT
        row = f"{name} = {toml_value(value)}" if value is not None else f"# {name} is not set"
        if value is not None and source is Origin.DEFAULT and name in schema.CHAIN_KEYS:
            row = f"# {row}"  # uncommented it would no longer be a default
        yield f"{row}  # {source}" if origin else row


def _chain_values(settings: Settings) -> dict[str, Any]:
    of_chain = {name: getattr(settings.chain, name) for name in schema.CHAIN_KEYS if hasattr(settings.chain, name)}
    odd = {"deadline": settings.chain.deadline or "none", "health_url": _without_login(settings.health_url)}
    return _attempt_values(settings.attempt) | of_chain | odd


def _attempt_values(attempt: AttemptSettings) -> dict[str, Any]:
    return {field.name: getattr(attempt, field.name) for field in schema.ATTEMPT}


def _provider_values(provider: ProviderSettings, attempt: AttemptSettings) -> dict[str, Any]:
    """Return one entry's values other than defaults, and its own time limits."""
    values: dict[str, Any] = {}
    for field in schema.PROVIDER:
        if field.name not in schema.KEY_SOURCES:
            value = getattr(provider, field.name)
            if field.name in ("name", "kind", "model", "enabled") or (value and value != field.default):
                values[field.name] = value
    values |= _without_secrets(provider)
    common = _attempt_values(attempt)
    return values | {name: value for name, value in _attempt_values(provider.attempt).items() if value != common[name]}


def _without_secrets(provider: ProviderSettings) -> dict[str, Any]:
    hidden: dict[str, Any] = {}
    if provider.headers:
        hidden["headers"] = {name: HIDDEN for name, _ in provider.headers}
    if provider.extra_body:
        hidden["extra_body"] = change_secret_fields(provider.extra_body, lambda _: HIDDEN)
    if provider.proxy and "@" in provider.proxy:
        hidden["proxy"] = _without_login(provider.proxy)
    if provider.prices:
        prices = provider.prices
        every = {"input": prices.input, "output": prices.output, "cached": prices.cached}
        hidden["prices"] = {name: price for name, price in every.items() if price is not None}
    return hidden


def _without_login(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}" if "@" in rest else url


def first_file(tables: Sequence[Mapping[str, str]]) -> str:
    """Return a first fallback.toml with the detected providers and commented examples."""
    return _HEAD + "".join(map(_entry, tables)) + _MORE + "".join(_defaults())


def _entry(table: Mapping[str, str]) -> str:
    rows = "".join(f"{name} = {toml_value(value)}\n" for name, value in table.items())
    return (_GUIDE if table.get("kind") == "guide" else "\n") + "[[providers]]\n" + rows


def _defaults() -> Iterable[str]:
    for field in schema.CHAIN:
        value = _EXAMPLES.get(field.name, field.default)
        yield f"# {field.name} = {toml_value(value)}  # {field.doc}\n"
