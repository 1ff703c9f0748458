"""Shared health records in Redis, for several machines: one hash for each provider.

A change is a compare-and-swap on the version of the hash, so that no update is lost and no lease
given twice, whichever process is killed in between. Times are on the server's clock: those of the
machines may differ.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.engine.breaker import NOTHING_KNOWN, Health, record_of
from fallback_chat.core.engine.budget import SIZE_CLASSES
from fallback_chat.core.engine.health import MOST_SAMPLES
from fallback_chat.core.engine.shared_health import KnownProvider, Label
from fallback_chat.providers.redis.resp import Address, Redis, RedisError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fallback_chat.core.engine.health import HealthChange

PREFIX: Final = "fallback-chat:health:1:"
"""Includes the version of the schema: records of another version have other names, and expire."""
KEPT: Final = 30 * 86_400
"""Seconds after which an unused provider is dropped."""
TIMEOUT: Final = 1.0
"""Seconds for a response of the server; a turn does not wait this long."""
TRIES: Final = 100
ALL: Final = PREFIX.rstrip(":")
"""The keys of all providers, each with the second of its last use."""
SWAP: Final = """
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class RedisBackend:
    """Keeps records at `url` for the providers in `labels`, which are given by key.

    Raises `RedisError`, or another `OSError`: also after `timeout` seconds without a response. The
    next use reconnects.
    """

    def __init__(
        self,
        url: str,
        labels: Mapping[str, Label],
        *,
        clock: Callable[[], float] = time.time,
        timeout: float = TIMEOUT,
    ) -> None:
        self._address = _address(url)
        self._timeout = timeout
        self._labels = labels
        self._clock = clock
        self._redis: Redis | None = None
        self._introduced: set[str] = set()
        """The providers that other readers have been told of since the connection was made."""
        self._ahead = 0.0
        """Seconds by which the server's clock is ahead of ours."""
        self.notes: list[str] = []

    def load(self, keys: Iterable[str]) -> dict[str, Health]:
        """Return the existing records of `keys`; malformed ones count as missing."""
        wanted = list(keys)
        texts = self._run([("HGET", PREFIX + key, "record") for key in wanted])
        found = {key: self._read(text) for key, text in zip(wanted, texts, strict=True)}
        return {key: health for key, health in found.items() if health is not None}

    def samples(self, keys: Iterable[str]) -> list[tuple[str, int, float]]:
        """Return the first-content times of `keys`, the oldest first."""
        places = [(key, size) for key in keys for size in range(len(SIZE_CLASSES) + 1)]
        lists = self._run([("LRANGE", _samples_of(*place), "0", str(MOST_SAMPLES - 1)) for place in places])
        return [
            (key, size, seconds)
            for (key, size), texts in zip(places, lists, strict=True)
            for seconds in map(_seconds, reversed(texts if isinstance(texts, list) else []))
            if seconds is not None
        ]

    def add_samples(self, samples: Iterable[tuple[str, int, float]]) -> None:
        """Add first-content times, and drop those no longer needed."""
        commands: list[tuple[str, ...]] = []
        for key, size, seconds in samples:
            name = _samples_of(key, size)
            commands += [
                *self._introduction(key),
                ("LPUSH", name, repr(seconds)),
                ("LTRIM", name, "0", str(MOST_SAMPLES - 1)),
                ("EXPIRE", name, str(KEPT)),
            ]
        self._run(commands)

    def update(self, key: str, change: HealthChange) -> Health:
        """Replace a record by `change(record)` atomically; return the result."""
        name = PREFIX + key
        for _ in range(TRIES):
            ((version, text),) = self._run([("HMGET", name, "version", "record")])
            before = self._read(text) or NOTHING_KNOWN
            after = change(before)
            if after == before:
                return after
            written = json.dumps(astuple(_moved(after, self._ahead)))
            swap = ("EVAL", SWAP, "1", name, version or "0", written, str(KEPT))
            if self._run([swap, *self._introduction(key)])[0] == 1:
                return after
        raise RedisError("the record is changed too often", self.place)

    def known(self) -> tuple[KnownProvider, ...]:
        """Return every provider in the store, in the order of the chains."""
        (keys,) = self._run([("ZRANGE", ALL, "0", "-1")])
        rows = self._run([("HMGET", PREFIX + key, *Label._fields, "record") for key in keys])
        found = [
            (_number(position), KnownProvider(key, name, kind or "", model or "", self._read(record) or NOTHING_KNOWN))
            for key, (position, name, kind, model, record) in zip(keys, rows, strict=True)
            if name is not None
        ]
        return tuple(provider for _, provider in sorted(found, key=lambda one: (one[0], one[1].name)))

    def server(self) -> str | None:
        """Return name and version of the server; None if it does not tell this user."""
        with suppress(OSError):  # INFO may be forbidden
            (info,) = self._run([("INFO", "server")])
            told = dict(line.split(":", 1) for line in str(info).splitlines() if ":" in line)
            name = told.get("server_name", "redis")
            return f"{name} {told.get(f'{name}_version', 'of an unknown version')}"
        return None

    @property
    def place(self) -> str:
        """The server, without the login."""
        return f"Redis at {self._address}"

    def close(self) -> None:
        """Release the connection."""
        self._introduced.clear()
        redis, self._redis = self._redis, None
        if redis is not None:
            redis.close()

    def _run(self, commands: list[tuple[str, ...]]) -> list[Any]:
        try:
            return self._connected().pipeline(commands)
        except OSError as error:
            self.close()
            raise RedisError(error.strerror or str(error), self.place) from error
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Redis:
        if self._redis is None:
            self._redis = Redis(self._address, timeout=self._timeout)
            seconds, microseconds = self._redis.call("TIME")
            self._ahead = int(seconds) + int(microseconds) / 1e6 - self._clock()
        return self._redis

    def _introduction(self, key: str) -> Iterator[tuple[str, ...]]:
        """Yield the commands that name a provider for other readers, and forget unused ones.

        Reading adds nothing: a provider is there because something is known of it.
        """
        label = self._labels.get(key)
        if label is None or key in self._introduced:
            return
        self._introduced.add(key)
        now = int(self._clock() + self._ahead)
        yield ("HSET", PREFIX + key, *(text for field in label._asdict().items() for text in map(str, field)))
        yield ("EXPIRE", PREFIX + key, str(KEPT))
        yield ("ZADD", ALL, str(now), key)
        yield ("ZREMRANGEBYSCORE", ALL, "-inf", str(now - KEPT))

    def _read(self, text: str | None) -> Health | None:
        with suppress(ValueError, TypeError, RecursionError):
            health = record_of(json.loads(text or "null"))
            return None if health is None else _moved(health, -self._ahead)
        return None


def _address(url: str) -> Address:
    try:
        return Address.of(url)
    except ValueError as error:
        raise RedisError(str(error), "the URL of the shared health") from error


def _moved(health: Health, seconds: float) -> Health:
    """Return a record with its times on a clock that is `seconds` ahead."""
    since = health.since + seconds if health.since else 0.0
    return replace(health, since=since, until=None if health.until is None else health.until + seconds)


def _samples_of(key: str, size: int) -> str:
    return f"{PREFIX}{key}:samples:{size}"


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0


def _seconds(text: object) -> float | None:
    try:
        seconds = float(str(text))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
