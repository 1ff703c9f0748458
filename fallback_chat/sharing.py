"""Where the health of providers is shared, and with whom: in a file of the user's, or in a Redis.

The store is chosen by the environment, or else by fallback.toml. It is opened on first use.
"""

from __future__ import annotations

import logging
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.core.checks import check_type, several
from fallback_chat.core.config.discovery import health_url
from fallback_chat.core.config.keys import account, fingerprint
from fallback_chat.core.config.overrides import wished_health_url
from fallback_chat.core.config.values import SQLITE
from fallback_chat.core.engine.shared_health import Label, SharedHealthStore
from fallback_chat.core.storage.files import exists

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fallback_chat.core.config.discovery import Surroundings
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.engine.breaker import Health
    from fallback_chat.core.engine.health import HealthStore
    from fallback_chat.core.engine.shared_health import HealthBackend, KnownProvider

logger = logging.getLogger(__name__)


class StoredHealth(NamedTuple):
    """The shared health records as they are now."""

    backend: str
    """`sqlite` or `redis`."""
    place: str
    """The file or server."""
    providers: tuple[KnownProvider, ...]
    server: str | None = None
    """Name and version of the server, if it told them."""


def stored_health(where: Surroundings) -> StoredHealth:
    """Read the shared health records; of the network, only a Redis server is asked.

    Raises `ConfigError`, or OSError if they cannot be read.
    """
    url = wished_health_url(where.env) or health_url(where)
    if url == SQLITE:
        from fallback_chat.core.engine.health_sqlite import known_providers

        path = where.paths.health_db
        return StoredHealth(SQLITE, str(path), known_providers(path))
    from fallback_chat.providers.redis.health import RedisBackend

    with closing(RedisBackend(url, {})) as backend:
        return StoredHealth("redis", backend.place, backend.known(), backend.server())


def labels_of(providers: Sequence[ProviderSettings], env: Mapping[str, str]) -> dict[str, Label]:
    """Return the health label of each provider by key.

    The key is the same wherever server, account and model are the same.
    """
    labels: dict[str, Label] = {}
    for position, one in enumerate(providers):
        key = fingerprint(account(one, env), one.model)
        while key in labels:
            key = fingerprint(key)  # the same provider twice in one chain
        labels[key] = Label(position, one.name, one.kind, one.model)
    return labels


def open_store(
    url: str,
    path: Path,
    labels: Mapping[str, Label],
    records: dict[str, Health] | None,
    warn: Callable[[str], object],
) -> HealthStore:
    """Return the store at `url`, or in the file `path` if that is `sqlite`; it is not opened yet.

    `records` carry health from one chain of this process to the next. `warn` receives a message if
    sharing is impossible.
    """
    if url == SQLITE:
        return _sqlite_store(path, labels, records, warn)
    return _redis_store(url, labels, records, warn)


def shared_health(path: str | os.PathLike[str], keys: Sequence[str]) -> HealthStore:
    """Return a store that shares provider health with every process using the same place.

    `path` is a file, or a Redis server: `redis://[user:password@]host[:port][/database]`,
    `rediss://` or `unix:///path`. `keys` are those given to the chain, the same wherever server,
    account and model are the same. An unusable file or server is logged, and only the sharing is
    lost.
    """
    check_type("path", path, str, os.PathLike)
    found = several("keys", keys, str)
    labels = {key: Label(position, key, "custom", "") for position, key in enumerate(found)}
    if isinstance(path, str) and path.startswith(("redis://", "rediss://", "unix://")):
        return _redis_store(path, labels, None, logger.warning)
    return _sqlite_store(Path(path), labels, None, logger.warning)


def _redis_store(
    url: str, labels: Mapping[str, Label], records: dict[str, Health] | None, warn: Callable[[str], object]
) -> HealthStore:
    def backend() -> HealthBackend:
        from fallback_chat.providers.redis.health import RedisBackend

        return RedisBackend(url, labels)

    return SharedHealthStore(backend, lambda: True, labels, warn=warn, records=records)


def _sqlite_store(
    path: Path, labels: Mapping[str, Label], records: dict[str, Health] | None, warn: Callable[[str], object]
) -> HealthStore:
    def backend() -> HealthBackend:
        from fallback_chat.core.engine.health_sqlite import SqliteBackend  # SQLite costs 3 ms

        return SqliteBackend(path, labels)

    return SharedHealthStore(backend, lambda: exists(path), labels, warn=warn, records=records)
