"""Where the health of providers is shared, and with whom: in a file of the user's, or in a Redis.

The store is chosen by the environment, or else by fallback.toml. It is opened on first use.
"""

from __future__ import annotations

import logging
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.configuring import settings_in
from fallback_chat.core.checks import check_type, several
from fallback_chat.core.config.discovery import health_url
from fallback_chat.core.config.keys import account, fingerprint
from fallback_chat.core.config.overrides import Overrides, wished_health_url
from fallback_chat.core.config.values import SQLITE
from fallback_chat.core.engine.shared_health import Label, SharedHealthStore
from fallback_chat.core.errors import ConfigError
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
    chain: tuple[str, ...] | None = None
    """The keys of the chain that applies now; None while its configuration has mistakes."""

    def of_chain(self) -> tuple[KnownProvider, ...]:
        """Return what is recorded of the chain that applies now, in its order; all, if unknown."""
        if self.chain is None:
            return self.providers
        recorded = {one.key: one for one in self.providers}
        return tuple(recorded[key] for key in self.chain if key in recorded)


def stored_health(where: Surroundings) -> StoredHealth:
    """Read the shared health records; of the network, only a Redis server is asked.

    Raises `ConfigError`, or OSError if they cannot be read.
    """
    url = wished_health_url(where.env) or health_url(where)
    if url == SQLITE:
        from fallback_chat.core.engine.health_sqlite import known_providers

        path = where.paths.health_db
        known = known_providers(path)
        return StoredHealth(SQLITE, str(path), known, chain=_present(where, known))
    from fallback_chat.providers.redis.health import RedisBackend

    with closing(RedisBackend(url, {})) as backend:
        known = backend.known()
        return StoredHealth("redis", backend.place, known, backend.server(), _present(where, known))


def _present(where: Surroundings, known: Sequence[KnownProvider]) -> tuple[str, ...] | None:
    """Return the keys of the chain that applies now; None while its configuration has mistakes.

    No server is asked: without a configuration, the local ones are those on record.
    """
    models = {one.name: one.model for one in known}
    try:
        settings = settings_in(where, Overrides(), lambda _: models)
    except ConfigError:
        return None
    return tuple(labels_of([one for one in settings.providers if one.enabled], where.env))


def labels_of(providers: Sequence[ProviderSettings], env: Mapping[str, str]) -> dict[str, Label | None]:
    """Return the health label of each provider by key; None where nothing is shared.

    The key is the same wherever server, account and model are the same. A provider whose API key
    cannot be read is asked nothing, so that there is nothing to tell other processes.
    """
    labels: dict[str, Label | None] = {}
    for position, one in enumerate(providers):
        label = None
        try:
            key = fingerprint(account(one, env), one.model)
            label = Label(position, one.name, one.kind, one.model)
        except ConfigError:  # reported when this provider is asked
            key = fingerprint(one.name)
        while key in labels:
            key = fingerprint(key)  # the same provider twice in one chain
        labels[key] = label
    return labels


def open_store(
    url: str,
    path: Path,
    labels: Mapping[str, Label | None],
    records: dict[str, Health] | None,
    warn: Callable[[str], object],
) -> HealthStore:
    """Return the store at `url`, or in the file `path` if that is `sqlite`; it is not opened yet.

    `records` carry health from one chain of this process to the next. `warn` receives a message if
    sharing is impossible.
    """
    shared = {key: label for key, label in labels.items() if label is not None}
    if url == SQLITE:
        return _sqlite_store(path, shared, records, warn)
    return _redis_store(url, shared, records, warn)


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
