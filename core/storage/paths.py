"""The places of the program's files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from fallback_chat.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

APP: Final = "fallback-chat"


class _Place(NamedTuple):
    """Where one of the directories is."""

    variable: str
    usual: str
    """Below the home, without the variable."""
    library: str
    """Below the home, on a Mac where nothing is in the usual place."""
    files: tuple[str, ...]
    """The names of files that are kept there."""


_LIBRARY: Final = "Library/Application Support"
_PLACES: Final = {
    "config": _Place("XDG_CONFIG_HOME", ".config", _LIBRARY, ("fallback.toml", "roles")),
    "data": _Place("XDG_DATA_HOME", ".local/share", _LIBRARY, ("history.db",)),
    "state": _Place("XDG_STATE_HOME", ".local/state", _LIBRARY, ("health.db", "trusted.json", "input-history")),
    "cache": _Place("XDG_CACHE_HOME", ".cache", "Library/Caches", ("models.json",)),
}


class Paths(NamedTuple):
    """The program's own directories; none of them has to exist."""

    config: Path
    data: Path
    state: Path
    cache: Path
    home: Path | None = None
    """The replacement for `~` in fallback.toml."""

    @property
    def config_file(self) -> Path:
        """The path of the user's own fallback.toml."""
        return self.config / "fallback.toml"

    @property
    def roles(self) -> Path:
        """The folder of system prompts that are kept as files."""
        return self.config / "roles"

    @property
    def history_db(self) -> Path:
        """The path of the conversations."""
        return self.data / "history.db"

    @property
    def health_db(self) -> Path:
        """The path of the providers' health, shared between processes."""
        return self.state / "health.db"

    @property
    def trust_file(self) -> Path:
        """The path of the record of trusted project files."""
        return self.state / "trusted.json"

    @property
    def input_history(self) -> Path:
        """The path of what was typed in the chat."""
        return self.state / "input-history"

    @property
    def models_file(self) -> Path:
        """The path of the providers' lists of models."""
        return self.cache / "models.json"

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, platform: str = sys.platform) -> Self:
        """Find the directories by the XDG variables, or by the conventions of the system.

        Raises `ConfigError` if the environment names no home.
        """
        home = _absolute(env.get("HOME"))
        found = {role: _directory(place, env, home, platform) for role, place in _PLACES.items()}
        return cls(**found, home=home)


def _directory(place: _Place, env: Mapping[str, str], home: Path | None, platform: str) -> Path:
    if xdg := _absolute(env.get(place.variable)):
        return xdg / APP
    if home is None:
        message = f"HOME is not set, so there is no place for files: set HOME, or {place.variable}"
        raise ConfigError([Problem("", message)])
    usual, library = home / place.usual / APP, home / place.library / APP
    if platform != "darwin":
        return usual
    # A folder with files of ours is kept, so that none are lost from sight when the other appears.
    in_use = (folder for folder in (usual, library) if any((folder / name).exists() for name in place.files))
    return next(in_use, usual if usual.is_dir() else library)


def _absolute(value: str | None) -> Path | None:
    """Return the path in a variable; XDG says to ignore relative ones."""
    path = Path(value) if value else None
    return path if path is not None and path.is_absolute() else None
