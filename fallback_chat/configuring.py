"""Finding the user's files, and the settings that they, the environment and flags make up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fallback_chat.core.config.discovery import Surroundings, load_settings
from fallback_chat.core.config.overrides import Overrides, apply
from fallback_chat.core.config.settings import Origin
from fallback_chat.core.storage.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.detect import FirstModels
    from fallback_chat.core.config.services import Service
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.providers.simulator.rehearsal import Outages


def surroundings(config: Path | None = None) -> Surroundings:
    """Return what decides which configuration applies in this process."""
    return Surroundings(paths=own_paths(), env=os.environ, cwd=_working_directory(), config=config)


def own_paths() -> Paths:
    """Return the paths of this user's files.

    Without a usable HOME, as in bare containers, the user database provides it.
    """
    if Path(os.environ.get("HOME", "")).is_absolute():
        return Paths.from_env(os.environ)
    return Paths.from_env({**os.environ, "HOME": _registered_home()})


def _registered_home() -> str:
    try:
        import pwd

        home = pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):  # on Windows, and for a user that is only a number
        return "/"
    return home if Path(home).is_absolute() else "/"


def _working_directory() -> Path:
    """Return the working directory, or the root if it has been deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def configure(config: Path | None, flags: Overrides) -> Settings:
    """Return the settings that apply, with the flags on top.

    Raises `ConfigError` with every mistake.
    """
    return settings_in(surroundings(config), flags, first_models)


def settings_in(where: Surroundings, flags: Overrides, models_of: FirstModels) -> Settings:
    """Return the same for `where`; without a file, `models_of` finds the local servers' models."""
    settings = load_settings(where, models_of)
    return apply(settings, (Overrides.from_env(where.env), Origin.ENV), (flags, Origin.FLAG))


def rehearsal(text: str | None) -> Outages | None:
    """Return the outages that `--chaos` asks for, for every chain of this process."""
    if text is None:
        return None
    from fallback_chat.providers.simulator.rehearsal import Outages

    return Outages(text)


def first_models(services: Sequence[Service]) -> Mapping[str, str]:
    """Ask local servers for the first model they list; a silent server is left out."""
    from fallback_chat.providers.http import local_servers

    return local_servers.first_models(services)
