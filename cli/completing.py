"""Values for shell completion: this user's providers, profiles, models and conversations."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typer import Context

    from fallback_chat.core.config.settings import ProviderSettings, Settings

Completions = list[tuple[str, str]]
"""Values, each with a help text."""
SYNTAX: Final = frozenset("\\$`\"';&|<>()*?[]{}!#")
"""Characters that a shell acts upon."""


def providers(ctx: Context, incomplete: str) -> Completions:
    """Return the names of the configured providers."""
    return _matching(((one.name, one.model) for one in _configured(ctx)), incomplete)


def chains(ctx: Context, incomplete: str) -> Completions:
    """Return the names of the configured providers, behind those that are written already."""
    done, comma, _ = incomplete.rpartition(",")
    written = done.split(",")
    found = ((f"{done}{comma}{one.name}", one.model) for one in _configured(ctx) if one.name not in written)
    return _matching(found, incomplete)


def profiles(ctx: Context, incomplete: str) -> Completions:
    """Return the names of the configured chains."""
    settings = _settings(ctx)
    named = () if settings is None else settings.profiles.items()
    return _matching(((name, ", ".join(chain)) for name, chain in named), incomplete)


def tags(ctx: Context, incomplete: str) -> Completions:
    """Return the tags of the configured providers."""
    found: dict[str, list[str]] = {}
    for one in _configured(ctx):
        for tag in one.tags:
            found.setdefault(tag, []).append(one.name)
    return _matching(((tag, ", ".join(names)) for tag, names in found.items()), incomplete)


def models(ctx: Context, incomplete: str) -> Completions:
    """Return the models of the provider that is asked first, as it last listed them."""
    from fallback_chat.configuring import own_paths
    from fallback_chat.core.config.model_cache import ModelCache

    wanted = _given(ctx, "only") or _given(ctx, "provider")
    first = next((one for one in _configured(ctx) if wanted in (None, one.name)), None)
    if first is None:
        return []
    listed = ModelCache(own_paths().models_file).get(first, max_age=math.inf) or ()
    return _matching(((one.id, first.name) for one in listed), incomplete)


def roles(_: Context, incomplete: str) -> Completions:
    """Return the roles that the user keeps."""
    from fallback_chat.cli.roles import role_names

    return _matching(((name, "") for name in role_names()), incomplete)


def sessions(_: Context, incomplete: str) -> Completions:
    """Return the ids of the stored conversations with their titles."""
    from fallback_chat.configuring import own_paths
    from fallback_chat.core.conversations.store import History

    path = own_paths().history_db
    if not path.exists():
        return []
    with suppress(OSError), History.open(path, clock=time.time, warn=lambda _: None) as history:
        return _matching(((one.id, one.title) for one in history.list()), incomplete)
    return []


def _matching(found: Iterable[tuple[str, str]], incomplete: str) -> Completions:
    """Return what begins with `incomplete` and runs nothing.

    Names and titles come from servers and models, too. bash inserts a value without quotes, and
    zsh evaluates values and texts: typer escapes those, but a backslash undoes that.
    """
    return [
        (value, text.replace("\\", "/"))
        for value, text in found
        if value.startswith(incomplete) and value.isprintable() and SYNTAX.isdisjoint(value)
    ]


def _configured(ctx: Context) -> Iterator[ProviderSettings]:
    settings = _settings(ctx)
    if settings is not None:
        yield from settings.providers


def _settings(ctx: Context) -> Settings | None:
    from fallback_chat.configuring import configure
    from fallback_chat.core.config.overrides import Overrides
    from fallback_chat.core.errors import ConfigError

    config = _given(ctx, "config")
    with suppress(ConfigError):
        return configure(None if config is None else Path(config), Overrides())
    return None


def _given(ctx: Any, name: str) -> str | None:
    """Return what stands on the command line for an option, before or behind the command's name."""
    while ctx is not None:
        if (value := ctx.params.get(name)) is not None:
            return str(value)
        ctx = ctx.parent
    return None
