"""Which fallback.toml applies, how far it is trusted, and the settings that follow.

In this order: the file named by `--config` or `$FALLBACK_CHAT_CONFIG`; else the user's own file, or
what the environment offers, with the project's file on top. A project file comes with somebody
else's repository, so until the user trusts exactly this text in this place, only its preferences
apply: it cannot redirect a request, choose a key or run a command.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.config import schema
from fallback_chat.core.config.document import MAX_BYTES, ConfigFile, Problems, quoted, read_document
from fallback_chat.core.config.resolve import merge, resolve
from fallback_chat.core.config.settings import Origin, Settings
from fallback_chat.core.config.values import SQLITE, describe
from fallback_chat.core.errors import ConfigError, Problem
from fallback_chat.core.storage.files import (
    check_regular,
    exists,
    make_private_dir,
    naming,
    read_own,
    read_regular,
    write_own,
)
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.detect import FirstModels
    from fallback_chat.core.storage.paths import Paths

_SHOWN: Final = 5
_MAX_TRUST: Final = 1 << 20
"""Maximum size in bytes of the file that records what is trusted."""
FILE_NAME: Final = "fallback.toml"
_TOLD: Final = frozenset({"kind", "preset", "base_url", "api_key_env", "api_key_cmd", "api_key_file", "ca_file"})
"""Keys that decide where an API key goes and what runs: shown before the user trusts a file."""
_PREFERENCES: Final = frozenset(name for name, field in schema.PROVIDER_KEYS.items() if field.preference) | {"name"}


class Surroundings(NamedTuple):
    """Everything that decides which configuration applies."""

    paths: Paths
    env: Mapping[str, str]
    cwd: Path
    config: Path | None = None
    """The value of `--config`."""

    @property
    def named(self) -> Path | None:
        """The file named by flag or environment, which is then used alone."""
        from_env = self.env.get("FALLBACK_CHAT_CONFIG")
        named = self.config or (Path(from_env) if from_env else None)
        return self.cwd / named if named else None

    @property
    def main(self) -> Path:
        """The path of the user's own file, which may not exist."""
        return self.named or self.paths.config_file

    @property
    def project(self) -> Path | None:
        """The project's file, if one applies."""
        return None if self.named else find_project_file(self.cwd, own=self.paths.config_file)


def find_project_file(cwd: Path, *, own: Path) -> Path | None:
    """Find the nearest fallback.toml from `cwd` up to the root of the repository.

    Outside a repository only `cwd` itself is searched.
    """
    nearest = None
    for directory in (cwd, *cwd.parents):
        candidate = directory / FILE_NAME
        if nearest is None and _is_file(candidate) and candidate.resolve() != own.resolve():
            nearest = candidate
        if exists(directory / ".git"):
            return nearest
    return nearest if nearest and nearest.parent == cwd else None


def load_settings(where: Surroundings, first_models: FirstModels) -> Settings:
    """Return the settings that apply; `first_models` is called only if the user has no file.

    Raises `ConfigError` with every mistake in every file involved.
    """
    problems = Problems()
    warnings: list[Problem] = []
    project = _project(where, problems)
    documents: list[ConfigFile] = []
    if where.named or exists(where.main):
        documents.append(_own(where.main, problems, warnings))
    elif not (project and project.stands_alone):
        from fallback_chat.core.config.detect import environment  # only needed without a config file

        documents.append(environment(where.env, first_models))
    if project:
        trusted = project.trusted
        documents.append(project.document if trusted else _preferences(project.document, documents, warnings))
    settings = resolve(documents, problems, home=where.paths.home, warnings=warnings)
    _check_files(settings)
    return settings


def health_url(where: Surroundings) -> str:
    """Return where health is shared, by the files that apply.

    Other mistakes in them are left to commands that need more of them. Raises `ConfigError`.
    """
    problems = Problems()
    documents = [_own(where.main, problems, [])] if where.named or exists(where.main) else []
    project = _project(where, problems)
    documents += [project.document] if project and project.trusted else []
    if problems.has("chain.health_url"):
        problems.check()
    found = [one.chain["health_url"].value for one in documents if "health_url" in one.chain]
    return found[-1] if found else SQLITE


def is_trusted(paths: Paths, path: Path, content: bytes) -> bool:
    """Whether the user trusts this text in this place."""
    return _trusted(paths.trust_file).get(str(path.resolve())) == _digest(content)


def trust(paths: Paths, path: Path, content: bytes) -> None:
    """Remember that the user trusts `content` at `path`; a changed file needs a new decision.

    Raises OSError.
    """
    if exists(paths.trust_file) and not _trusted(paths.trust_file):
        # Keep the damaged file: it may be the user's only copy.
        paths.trust_file.replace(paths.trust_file.with_suffix(".broken"))
    known = _trusted(paths.trust_file) | {str(path.resolve()): _digest(content)}
    make_private_dir(paths.state)
    write_own(paths.trust_file, json.dumps(known, indent=1).encode())


def read_file(path: Path) -> bytes:
    """Read a fallback.toml, up to just beyond the maximum size.

    Raises `ConfigError` if it cannot be read.
    """
    try:
        return read_regular(path, MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}", path)]) from error


def consequences(path: Path, content: bytes) -> list[str]:
    """Return what a project file may do only once it is trusted, one line for each key.

    Raises `ConfigError` with its mistakes.
    """
    problems = Problems()
    document = read_document(content, path, Origin.PROJECT, problems)
    problems.check()
    return [
        f"{entry.key}.{name}" + (f" = {describe(value.value)}" if name in _TOLD else "")
        for entry in document.providers
        for name, value in entry.values.items()
        if name not in _PREFERENCES
    ]


@dataclass(frozen=True, slots=True)
class _Project:
    document: ConfigFile
    trusted: bool

    @property
    def stands_alone(self) -> bool:
        """Whether the file needs no detected providers beside it."""
        return self.trusted and bool(self.document.providers)


def _project(where: Surroundings, problems: Problems) -> _Project | None:
    path = where.project
    if path is None:
        return None
    content = read_file(path)
    return _Project(read_document(content, path, Origin.PROJECT, problems), is_trusted(where.paths, path, content))


def _own(path: Path, problems: Problems, warnings: list[Problem]) -> ConfigFile:
    """Read the user's own file."""
    document = read_document(read_file(path), path, Origin.USER, problems)
    if any("api_key" in entry.values for entry in document.providers) and _others_can_read(path):
        message = f"holds a key and can be read by other users: chmod 600 {path}"
        warnings.append(Problem("", message, path))
    return document


def _preferences(document: ConfigFile, below: Sequence[ConfigFile], warnings: list[Problem]) -> ConfigFile:
    """Keep the keys that an untrusted file may set, and warn about the rest in one line."""
    known = {one.name for one in merge(below)}
    refused = [f"{entry.key} (not one of yours)" for entry in document.providers if entry.name not in known]
    kept = []
    for entry in document.providers:
        if entry.name not in known:
            continue
        refused += [f"{entry.key}.{name}" for name in entry.values if name not in _PREFERENCES]
        kept.append(entry._replace(values={k: v for k, v in entry.values.items() if k in _PREFERENCES}))
    profiles = {}
    for name, value in document.profiles.items():
        if known.issuperset(value.value):
            profiles[name] = value
        else:
            refused.append(f"profiles.{quoted(name)}")
    chain = {name: value for name, value in document.chain.items() if schema.CHAIN_KEYS[name].preference}
    refused += [f"chain.{name}" for name in document.chain if name not in chain]
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        what = ", ".join(refused[:_SHOWN]) + more
        message = f"not trusted, so ignored: {what}; to allow it, run fallback-chat config trust"
        warnings.append(Problem("", message, document.path))
    return document._replace(chain=chain, providers=tuple(kept), profiles=profiles)


def _check_files(settings: Settings) -> None:
    """Check that every `ca_file` holds certificates.

    Connections would only fail later and less clearly.
    """
    problems = Problems()
    for provider in settings.providers:
        if provider.ca_file is None:
            continue
        import ssl

        try:
            with naming(provider.ca_file):
                check_regular(provider.ca_file)
                ssl.create_default_context(cafile=provider.ca_file)
        except OSError as error:
            message = f"{provider.ca_file} cannot be used as certificates (PEM): {error.strerror}"
            problems.add(f"providers.{quoted(provider.name)}.ca_file", message, settings.path)
    problems.check()


def _trusted(path: Path) -> dict[str, str]:
    """Return what has been trusted so far; a file that cannot be parsed vouches for nothing."""
    try:
        known = json.loads(read_own(path, _MAX_TRUST))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, str)} if isinstance(known, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _others_can_read(path: Path) -> bool:
    return os.name == "posix" and bool(path.stat().st_mode & 0o044)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
