"""The places of the program's files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from fallback_chat.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

APP: Final = "fallback-chat"

_XDG: Final = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}
_MACOS: Final = {
    "config": "Library/Application Support",
    "data": "Library/Application Support",
    "state": "Library/Application Support",
    "cache": "Library/Caches",
}
_WINDOWS: Final = {"config": "APPDATA", "data": "APPDATA", "state": "LOCALAPPDATA", "cache": "LOCALAPPDATA"}


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

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, platform: str = sys.platform) -> Self:
        """Find the directories by the XDG variables, or by the conventions of macOS and Windows.

        Raises `ConfigError` if the environment names no home.
        """
        home = _absolute(env.get("USERPROFILE" if platform == "win32" else "HOME"))
        found = {role: _directory(role, env, home, platform) for role in _XDG}
        return cls(**found, home=home)


def _directory(role: str, env: Mapping[str, str], home: Path | None, platform: str) -> Path:
    variable, below_home = _XDG[role]
    if xdg := _absolute(env.get(variable)):
        return xdg / APP
    if platform == "win32" and (base := _absolute(env.get(_WINDOWS[role]))):
        return base / APP
    if home is None:
        raise ConfigError([Problem("", f"HOME is not set, so there is no place for files: set HOME, or {variable}")])
    # On a Mac, what is already in the XDG place stays there, each folder for itself.
    if platform == "darwin" and not (home / below_home / APP).is_dir():
        return home / _MACOS[role] / APP
    return home / below_home / APP


def _absolute(value: str | None) -> Path | None:
    """Return the path in a variable; XDG says to ignore relative ones."""
    path = Path(value) if value else None
    return path if path is not None and path.is_absolute() else None
